import { type Table } from '../engine/table.js';
import { pidsOf, readStrings } from './proc.js';

/** The environment that each process was started with. */
export const processEnvs: Table = {
  name: 'process_envs',
  platforms: ['linux'],
  *rows(scan) {
    for (const pid of pidsOf(scan)) {
      for (const entry of readStrings(`/proc/${pid}/environ`, scan)) {
        if (entry === '') continue;
        const equals = entry.indexOf('=');
        yield {
          pid,
          key: equals < 0 ? entry : entry.slice(0, equals),
          value: equals < 0 ? '' : entry.slice(equals + 1),
        };
      }
    }
  },
};
