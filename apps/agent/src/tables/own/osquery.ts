import { machineUuid } from '../../identity/machine.js';
import { readTextOr } from '../../platform/files.js';
import { statFields } from '../../platform/proc-stat.js';
import { AGENT_VERSION } from '../../platform/version.js';
import { loadCatalog } from '../catalog/catalog.js';
import { type Table } from '../engine/table.js';

/*
 * Tables in which osquery tells about itself; here the agent does, so that queries written for osquery go on working.
 */

/** osquery's bits for platforms: POSIX 1, Windows 2, BSD 4, Linux 8, macOS 16. */
const PLATFORM_MASKS: Partial<Record<NodeJS.Platform, number>> = { linux: 9, darwin: 21, win32: 2 };

/** Clock ticks per second in /proc. */
const TICKS = 100;

/** When a process of Linux started, in seconds since 1970; null where there is no /proc. */
function startOf(pid: number): number | null {
  const boot = /^btime (\d+)$/m.exec(readTextOr('/proc/stat'))?.[1];
  const ticks = statFields(readTextOr(`/proc/${pid}/stat`))?.[19];
  return boot === undefined || ticks === undefined ? null : Number(boot) + Math.floor(Number(ticks) / TICKS);
}

/** The agent: its version is Muster's. */
export const osqueryInfo: Table = {
  name: 'osquery_info',
  platforms: ['linux', 'darwin'],
  *rows() {
    // Queries run in a process of their own; the agent is the one that it talks to.
    const pid = process.send ? process.ppid : process.pid;
    yield {
      pid,
      uuid: machineUuid() ?? '',
      version: AGENT_VERSION,
      config_hash: '',
      config_valid: 1,
      extensions: 'inactive',
      build_platform: process.platform,
      build_distro: '',
      start_time: startOf(pid),
      watcher: -1,
      platform_mask: PLATFORM_MASKS[process.platform] ?? 0,
    };
  },
};

/** The agent has no flags of osquery's. */
export const osqueryFlags: Table = {
  name: 'osquery_flags',
  platforms: ['linux', 'darwin'],
  *rows() {},
};

/** Schedules are kept by the server. */
export const osquerySchedule: Table = {
  name: 'osquery_schedule',
  platforms: ['linux', 'darwin'],
  *rows() {},
};

/**
 * Every table of the catalogue; `active` are those that are served on this platform.
 *
 * @param tables asked for when the table is read: this one is among them
 */
export function osqueryRegistry(tables: () => readonly Table[]): Table {
  return {
    name: 'osquery_registry',
    platforms: ['linux', 'darwin'],
    *rows() {
      const served = new Set(
        tables()
          .filter(({ platforms }) => platforms.includes(process.platform))
          .map(({ name }) => name),
      );
      for (const name of loadCatalog().keys())
        yield { registry: 'table', name, owner_uuid: 0, internal: 0, active: served.has(name) };
    },
  };
}
