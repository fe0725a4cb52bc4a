import { type Table } from '../engine/table.js';
import { jobTypes, objectPath, units } from './systemd.js';

/** Units of systemd. */
export const systemdUnits: Table = {
  name: 'systemd_units',
  platforms: ['linux'],
  *rows(scan) {
    let jobs: Map<number, string> | null = null;
    for (const unit of units(scan)) {
      if (unit.job !== 0 && scan.uses('job_type')) jobs ??= jobTypes(scan);
      yield {
        id: unit.id,
        description: unit.description,
        load_state: unit.loadState,
        active_state: unit.activeState,
        sub_state: unit.subState,
        unit_file_state: unit.unitFileState,
        following: unit.following,
        object_path: objectPath(unit.id),
        job_id: unit.job,
        job_type: jobs?.get(unit.job) ?? '',
        job_path: unit.job === 0 ? '/' : `/org/freedesktop/systemd1/job/${unit.job}`,
        fragment_path: unit.fragmentPath,
        user: unit.user,
        source_path: unit.sourcePath,
      };
    }
  },
};
