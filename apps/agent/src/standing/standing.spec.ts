import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, type AgentFixture } from '../../../../libs/testing/index.js';
import { ProtocolServer, shellOrder } from '../testing/protocol-server.js';
import { type ScheduledQuery, type StandingBlock, type StandingOptions } from '../testing/protocol.js';

/* A real agent in a process of its own, against a small server. */

let server: ProtocolServer;
let agent: AgentFixture;
let directory: string;
let hashes = 0;

beforeEach(() => {
  server = new ProtocolServer();
  directory = temporaryDirectory('standing-');
});
afterEach(async () => {
  await agent.stop();
  await server.close();
});

async function start(...args: string[]): Promise<void> {
  const url = await server.listen();
  agent = startAgent({ server: { url, enrollSecret: 'secret', admin: { email: '', password: '' } }, args });
  await server.until(() => server.connected);
}

const named = (id: string) => ({ id, hash: `hash-${++hashes}` });
const labels = (sqlById: Record<number, string>): StandingBlock => ({
  ...named('labels'),
  kind: 'labels',
  labels: Object.entries(sqlById).map(([id, sql]) => ({ id: Number(id), sql })),
});
const policies = (sqlById: Record<number, string>): StandingBlock => ({
  ...named('policies'),
  kind: 'policies',
  policies: Object.entries(sqlById).map(([id, sql]) => ({ id: Number(id), sql })),
});
const options = (given: StandingOptions): StandingBlock => ({
  ...named('options'),
  kind: 'options',
  options: given,
});
const pack = (...queries: (Partial<ScheduledQuery> & { sql: string })[]): StandingBlock => ({
  ...named('pack/1'),
  kind: 'pack',
  pack: 'ops',
  platform: '',
  queries: queries.map((query) => ({
    query_id: null,
    name: 'q',
    interval: 1,
    logging: 'snapshot',
    platform: '',
    version: '',
    shard: 100,
    ...query,
  })),
});
const exists = (file: string): string => `select path from file where path = '${file}'`;
const inDirectory = (): string =>
  `select filename from file where directory = '${directory}' order by filename`;
const touch = (name: string): string => {
  const file = path.join(directory, name);
  writeFileSync(file, '');
  return file;
};
const reports = () => server.found.reports;

describe('labels and policies', () => {
  it('are evaluated when they come: a row means yes, none no, a failure no and unknown', async () => {
    await start();
    const sql = { 1: 'select 1', 2: 'select 1 where 0', 3: 'select nonsense', 4: 'select 1 union select 2' };
    await server.standing({ blocks: [labels(sql), policies(sql)] });
    await server.until(() => server.found.labels.size === 4 && server.found.policies.size === 4);
    expect(Object.fromEntries(server.found.labels)).toEqual({ 1: true, 2: false, 3: false, 4: true });
    expect(Object.fromEntries(server.found.policies)).toEqual({ 1: true, 2: false, 3: null, 4: true });
  });

  it('that change are evaluated at once, and no others', async () => {
    await start();
    await server.standing({ blocks: [labels({ 1: 'select 1', 2: 'select 1' })] });
    await server.until(() => server.found.labels.size === 2);
    const before = server.findings.length;
    await server.standing({ blocks: [labels({ 1: 'select 1', 2: 'select 1 where 0', 3: 'select 1' })] });
    await server.until(() => server.found.labels.get(3) === true && server.found.labels.get(2) === false);
    expect(server.findings.slice(before).flatMap((message) => message.labels)).toEqual([
      { id: 2, member: false },
      { id: 3, member: true },
    ]);
  });

  it('are evaluated again at the interval that the options give, which take effect at once', async () => {
    await start();
    const file = path.join(directory, 'flag');
    await server.standing({ blocks: [labels({ 1: exists(file) }), policies({ 7: exists(file) })] });
    await server.until(() => server.found.labels.has(1) && server.found.policies.has(7));
    touch('flag');
    await server.standing({ blocks: [options({ label_interval: 1, policy_interval: 1 })] });
    await server.until(() => server.found.labels.get(1) === true && server.found.policies.get(7) === true);
    rmSync(file);
    await server.until(() => server.found.labels.get(1) === false && server.found.policies.get(7) === false);
  });

  it('are told again until they are acknowledged, and on every connection', async () => {
    await start();
    let refusals = 2;
    server.findingsAck = () =>
      refusals-- > 0 ? { ok: false, error: 'the database is away', retry_after_ms: 10 } : { ok: true };
    await server.standing({ blocks: [labels({ 1: 'select 1' })] });
    await server.until(() => server.found.labels.get(1) === true);
    server.found.labels.clear();
    server.cut();
    await server.until(() => server.found.labels.get(1) === true);
  });

  it('are not evaluated where queries are disabled', async () => {
    await start('--disable-queries');
    await server.standing({ blocks: [labels({ 1: 'select 1' })] });
    await server.run(shellOrder('true'));
    server.cut();
    await server.until(() => server.hellos.length === 2);
    expect(server.hellos[1]?.standing).toEqual({ labels: expect.any(String) as string });
    expect(server.findings).toEqual([]);
  });
});

describe('scheduled queries', () => {
  it('report snapshots at their interval, and failures', async () => {
    await start();
    const one = { name: 'one', sql: 'select 1 as a, null as b', query_id: 5 };
    await server.standing({ blocks: [pack(one, { name: 'bad', sql: 'select nonsense' })] });
    await server.until(() => reports().filter(({ name }) => name === 'one').length >= 2);
    await server.until(() => reports().some(({ name }) => name === 'bad'));
    const found = reports().find(({ name }) => name === 'one');
    expect(found).toEqual({
      pack: 'ops',
      name: 'one',
      query_id: 5,
      at: expect.any(Number) as number,
      counter: 0,
      columns: ['a', 'b'],
      result: { kind: 'snapshot', rows: [['1', null]] },
    });
    expect(reports().find(({ name }) => name === 'bad')?.result).toMatchObject({
      kind: 'failed',
      error: expect.stringContaining('nonsense') as string,
    });
  });

  it('report what came and went, across a restart of the agent', async () => {
    await start();
    touch('a');
    await server.standing({ blocks: [pack({ sql: inDirectory(), logging: 'removed' })] });
    await server.until(() => reports().length === 1);
    expect(reports()[0]).toMatchObject({
      counter: 0,
      columns: ['filename'],
      result: { kind: 'differential', added: [['a']], removed: [] },
    });
    await agent.stop();
    rmSync(touch('a'));
    touch('b');
    await agent.restart();
    await server.until(() => reports().length === 2);
    expect(reports()[1]).toMatchObject({ counter: 1, result: { added: [['b']], removed: [['a']] } });
  });

  it('may leave out what went', async () => {
    await start();
    touch('a');
    await server.standing({ blocks: [pack({ sql: inDirectory(), logging: 'added_only' })] });
    await server.until(() => reports().length === 1);
    rmSync(path.join(directory, 'a'));
    touch('b');
    await server.until(() => reports().some(({ result }) => JSON.stringify(result).includes('"b"')));
    expect(
      reports().every(({ result }) => result.kind === 'differential' && result.removed.length === 0),
    ).toBe(true);
  });

  it('go on while the server is away: nothing found meanwhile is lost, and it comes in order', async () => {
    await start();
    await server.standing({ blocks: [pack({ sql: inDirectory(), logging: 'removed' })] });
    touch('a');
    await server.until(() => reports().length === 1);
    const seen = server.findings.length;
    // Whatever is said now is heard, and not acknowledged.
    server.findingsAck = () => ({ ok: false, error: 'not now', retry_after_ms: 100 });
    touch('b');
    await server.until(() => server.findings.slice(seen).some((message) => message.reports.length > 0));
    await server.close();
    await agent.stop();
    touch('c');
    await agent.restart();
    server.findingsAck = () => ({ ok: true });
    await server.listen();
    await server.until(() => reports().length >= 3);
    expect(
      reports().map(({ counter, result }) => [counter, result.kind === 'differential' && result.added]),
    ).toEqual([
      [0, [['a']]],
      [1, [['b']]],
      [2, [['c']]],
    ]);
  });

  it('that are not for this host are not run, and those taken away no more', async () => {
    await start();
    const elsewhere = { name: 'elsewhere', sql: 'select 1', platform: 'windows' };
    const later = { name: 'later', sql: 'select 1', version: '99.0' };
    await server.standing({ blocks: [pack(elsewhere, later, { name: 'here', sql: 'select 1' })] });
    await server.until(() => reports().length >= 3);
    expect(new Set(reports().map(({ name }) => name))).toEqual(new Set(['here']));
    await server.standing({ remove: ['pack/1'], blocks: [labels({ 9: 'select 1' })] });
    await server.until(() => server.found.labels.has(9));
    const before = reports().length;
    await server.standing({ blocks: [pack({ name: 'other', sql: 'select 2' })] });
    await server.until(() => reports().some(({ name }) => name === 'other'));
    expect(
      reports()
        .slice(before)
        .filter(({ name }) => name === 'here').length,
    ).toBeLessThanOrEqual(1);
  });
});

describe('an agent', () => {
  it('tells in its hello which blocks it holds, also after a restart, and goes on with them', async () => {
    await start();
    expect(server.hellos[0]?.standing).toEqual({});
    const block = labels({ 1: 'select 1' });
    await server.standing({
      blocks: [block, { ...pack({ sql: 'select 1' }), kind: 'from the future' } as never],
    });
    await server.until(() => server.found.labels.has(1));
    server.found.labels.clear();
    await agent.stop();
    await agent.restart();
    await server.until(() => server.found.labels.has(1));
    expect(server.hellos.at(-1)?.standing).toEqual({ labels: block.hash });
  });

  it('follows scripts_enabled without a restart', async () => {
    await start();
    await server.standing({ blocks: [options({ scripts_enabled: false }), labels({ 1: 'select 1' })] });
    await server.until(() => server.found.labels.has(1));
    expect(await server.run(shellOrder('true'))).toMatchObject([
      { accepted: false, reason: 'scripts_disabled' },
    ]);
    await server.standing({ remove: ['options'] });
    expect(await server.run(shellOrder('true'))).toMatchObject([{ accepted: true }]);
  });
});
