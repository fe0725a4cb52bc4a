import { type Row, type Table } from '../engine/table.js';
import { askDocker, DOCKER_SOCKET } from './docker.js';
import { type Warn } from './files.js';

/** What Docker says of itself: one row. */
export function* versionRows(socket: string, scan: Warn): Generator<Row> {
  for (const version of askDocker(socket, ['/version'], scan))
    if (version.exists)
      yield {
        version: version.get('Version').text,
        api_version: version.get('ApiVersion').text,
        min_api_version: version.get('MinAPIVersion').text,
        git_commit: version.get('GitCommit').text,
        go_version: version.get('GoVersion').text,
        os: version.get('Os').text,
        arch: version.get('Arch').text,
        kernel_version: version.get('KernelVersion').text,
        build_time: version.get('BuildTime').text,
      };
}

export const dockerVersion: Table = {
  name: 'docker_version',
  platforms: ['linux', 'darwin'],
  rows: (scan) => versionRows(DOCKER_SOCKET, scan),
};
