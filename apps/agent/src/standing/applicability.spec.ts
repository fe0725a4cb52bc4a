import { type ScheduledQuery } from '../testing/protocol.js';
import { applies, isAtLeast, isListed } from './applicability.js';

const query = (more: Partial<ScheduledQuery>): ScheduledQuery => ({
  query_id: null,
  name: 'q',
  sql: 'select 1',
  interval: 60,
  logging: 'snapshot',
  platform: '',
  version: '',
  shard: 100,
  ...more,
});
const host = (identity = 'a') => ({ platform: 'linux' as const, identity });
const pack = { pack: 'p', platform: '' };

it('a platform may be named in osquery’s ways', () => {
  for (const list of ['', 'linux', ' Darwin , LINUX', 'posix', 'any', 'ubuntu'])
    expect(isListed(list, 'linux')).toBe(true);
  for (const list of ['darwin', 'windows', 'darwin,windows', 'chrome'])
    expect(isListed(list, 'linux')).toBe(false);
  expect(isListed('posix', 'darwin')).toBe(true);
  expect(isListed('posix', 'win32')).toBe(false);
});

it('versions are compared number by number', () => {
  expect(isAtLeast('5.23.0', '')).toBe(true);
  expect(isAtLeast('5.23.0', '5.3')).toBe(true);
  expect(isAtLeast('5.23.0', '5.23')).toBe(true);
  expect(isAtLeast('5.23.0', '5.23.1')).toBe(false);
  expect(isAtLeast('5.23.0', '6')).toBe(false);
});

it('platform of the pack, platform, version and shard of the query all have to fit', () => {
  expect(applies(pack, query({}), host())).toBe(true);
  expect(applies({ ...pack, platform: 'darwin' }, query({}), host())).toBe(false);
  expect(applies(pack, query({ platform: 'windows' }), host())).toBe(false);
  expect(applies(pack, query({ version: '99.0' }), host())).toBe(false);
  expect(applies(pack, query({ shard: 0 }), host())).toBe(false);
});

it('a shard is about that share of the hosts, always the same ones', () => {
  const inShard = (shard: number) =>
    Array.from({ length: 2000 }, (_, i) => applies(pack, query({ shard }), host(`host-${i}`)));
  const count = inShard(20).filter(Boolean).length;
  expect(count).toBeGreaterThan(300);
  expect(count).toBeLessThan(500);
  expect(inShard(20)).toEqual(inShard(20));
  const [small, large] = [inShard(20), inShard(60)];
  expect(small.every((is, i) => !is || large[i])).toBe(true);
});
