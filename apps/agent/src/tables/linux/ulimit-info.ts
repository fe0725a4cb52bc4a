import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';

/** Names of getrlimit(2) and what /proc calls them. */
const NAMES: Record<string, string> = {
  'Max address space': 'as',
  'Max core file size': 'core',
  'Max cpu time': 'cpu',
  'Max data size': 'data',
  'Max file locks': 'locks',
  'Max file size': 'fsize',
  'Max locked memory': 'memlock',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max open files': 'nofile',
  'Max pending signals': 'sigpending',
  'Max processes': 'nproc',
  'Max realtime priority': 'rtprio',
  'Max resident set': 'rss',
  'Max stack size': 'stack',
};

/** A line of /proc/<pid>/limits; null for what the table does not have. */
export function parseLimit(line: string): Row | null {
  const [, title = '', soft, hard] = /^(Max .*?) {2,}(\S+) +(\S+)/.exec(line) ?? [];
  const type = NAMES[title];
  return type === undefined ? null : { type, soft_limit: soft, hard_limit: hard };
}

/** What the agent itself may use of the host. */
export const ulimitInfo: Table = {
  name: 'ulimit_info',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/self/limits', scan)) {
      const row = parseLimit(line);
      if (row !== null) yield row;
    }
  },
};
