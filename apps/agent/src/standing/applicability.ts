import { createHash } from 'node:crypto';
import { type ScheduledQuery } from '#libs/protocol/index';

/** What decides which scheduled queries are this host's. */
export interface ScheduledHost {
  /** Node's name of it. */
  readonly platform: NodeJS.Platform;
  /** Stays the same as long as the host does: which shards it belongs to hangs on it. */
  readonly identity: string;
}

/** The osquery whose tables the agent has; what a query's least version is compared with. */
export const OSQUERY_VERSION = '5.23.0';

/** Names under which a platform may be listed. */
const NAMES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['darwin', 'macos', 'posix'],
  win32: ['windows', 'win32'],
  freebsd: ['freebsd', 'posix'],
};
const LINUX = ['linux', 'posix', 'ubuntu', 'centos', 'debian', 'rhel'];
const ALWAYS = ['any', 'all'];

/** Whether this host is to run a query of a pack. */
export function applies(
  pack: { readonly pack: string; readonly platform: string },
  query: ScheduledQuery,
  host: ScheduledHost,
): boolean {
  return (
    isListed(pack.platform, host.platform) &&
    isListed(query.platform, host.platform) &&
    isAtLeast(OSQUERY_VERSION, query.version) &&
    isInShard(`${host.identity}/${pack.pack}/${query.name}`, query.shard)
  );
}

/** @param list as osquery words it: names with commas between; empty: every platform */
export function isListed(list: string, platform: NodeJS.Platform): boolean {
  const names = list
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  // A distribution's name means Linux, as in osquery.
  const ours = platform === 'linux' ? LINUX : (NAMES[platform] ?? [platform]);
  return names.length === 0 || names.some((name) => ALWAYS.includes(name) || ours.includes(name));
}

/** Compares numbers between dots; what is missing is 0. */
export function isAtLeast(version: string, least: string): boolean {
  const [have, need] = [numbersOf(version), numbersOf(least)];
  for (let i = 0; i < Math.max(have.length, need.length); i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return version.split('.').map((part) => Number.parseInt(part, 10) || 0);
}

function isInShard(key: string, percent: number): boolean {
  return percent >= 100 || shareOf(key) * 100 < percent;
}

/** A number from 0 to below 1 that hangs on nothing but the key. */
export function shareOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0) / 2 ** 32;
}
