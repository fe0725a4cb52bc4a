import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until, type AgentFixture } from '../../../../libs/testing/index.js';
import { listProcesses } from '../exec/processes.js';
import { ProtocolServer, queryOrder } from '../testing/protocol-server.js';
import { Limits, type QueryOrder } from '../testing/protocol.js';

/* A real agent in a process of its own, which has query processes of its own, against a small server. */

const ENDLESS = 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c';
const counting = (rows: number): string =>
  `with recursive c(x) as (select 1 union all select x + 1 from c limit ${rows}) select x, printf('row %d', x) as name from c`;

let server: ProtocolServer;
let agent: AgentFixture;

beforeEach(async () => {
  server = new ProtocolServer();
});
afterEach(async () => {
  await agent.stop();
  await server.close();
});

async function start(...args: string[]): Promise<void> {
  const url = await server.listen();
  const admin = { email: '', password: '' };
  agent = startAgent({ server: { url, enrollSecret: 'secret', admin }, args });
  await server.until(() => server.connected);
}

/** The agent's query processes. */
async function processes(): Promise<number[]> {
  const children = (await listProcesses()).filter(({ parent }) => parent === agent.pid);
  return children.filter(({ pid }) => commandOf(pid).includes('bundle/query.mjs')).map(({ pid }) => pid);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

const someProcess = () => until(async () => (await processes()).length > 0, { what: 'a query process' });
const noProcess = () =>
  until(async () => (await processes()).length === 0, { what: 'the end of the query processes' });

/** Acknowledgements of one campaign wait until this is called; those of others do not. */
function holdBack(campaign: number): () => void {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  server.answerAck = async ({ campaign_id }) => {
    if (campaign_id === campaign) await held;
    return { ok: true, status: 'ok' };
  };
  return release;
}

const saidOf = (campaign: number) => server.answers.filter(({ campaign_id }) => campaign_id === campaign);

describe('an answer', () => {
  it('that is small is one message, with what it cost', async () => {
    await start();
    await server.query(queryOrder(1, "select 1 as one, null as missing, 'ü' as text"));
    await server.answered(1);
    expect(server.answers).toEqual([
      {
        campaign_id: 1,
        part: 0,
        columns: ['one', 'missing', 'text'],
        rows: [['1', null, 'ü']],
        ending: { outcome: 'answered', error: null, stats: expect.anything() as unknown },
      },
    ]);
    await server.query(queryOrder(2, `select count(*) from (${counting(500_000)})`));
    const { stats } = (await server.answered(2)).ending;
    expect(stats).toMatchObject({ wall_time_ms: expect.any(Number) as number, warnings: [] });
    expect(stats?.user_time).toBeGreaterThan(0);
    expect(stats?.memory).toBeGreaterThan(1024 * 1024);
  });

  it('that is large comes in parts, each when the one before is acknowledged', async () => {
    await start();
    const release = holdBack(1);
    await server.query(queryOrder(1, counting(50_000)));
    await server.until(() => saidOf(1).length > 0);
    await server.query(queryOrder(2, 'select 1'));
    await server.answered(2);
    expect(saidOf(1)).toMatchObject([{ part: 0 }]);
    release();
    const { rows, columns } = await server.answered(1);
    expect(columns).toEqual(['x', 'name']);
    expect(rows).toHaveLength(50_000);
    expect(rows.every(([x, name], i) => x === String(i + 1) && name === `row ${i + 1}`)).toBe(true);
    const parts = saidOf(1);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts)
      expect(part.rows.flat().reduce((sum, value) => sum + (value?.length ?? 0), 0)).toBeLessThan(
        Limits.answerPartBytes,
      );
  });

  it('is said again, under the same number, when the server could not take it', async () => {
    await start();
    let refusals = 2;
    server.answerAck = () =>
      refusals-- > 0 ? { ok: false, error: 'busy', retry_after_ms: 1 } : { ok: true, status: 'ok' };
    await server.query(queryOrder(1, 'select 1 as one'));
    expect((await server.answered(1)).rows).toEqual([['1']]);
    expect(saidOf(1).map(({ part }) => part)).toEqual([0, 0, 0]);
  });

  it('may wait for the server longer than its query may run', async () => {
    await start();
    const release = holdBack(1);
    await server.query(queryOrder(1, counting(50_000), { milliseconds: 6000 }));
    await server.until(() => saidOf(1).length > 0);
    await server.query(queryOrder(2, ENDLESS, { milliseconds: 7000 }));
    expect((await server.answered(2)).ending.outcome).toBe('timed_out');
    release();
    expect((await server.answered(1)).ending.outcome).toBe('answered');
  });

  it('is begun once, however often it is asked for meanwhile', async () => {
    await start();
    const release = holdBack(1);
    await server.query(queryOrder(1, counting(50_000)), queryOrder(1, counting(50_000)));
    await server.until(() => saidOf(1).length > 0);
    await server.query(queryOrder(1, counting(50_000)), queryOrder(2, 'select 1'));
    await server.answered(2);
    expect(saidOf(1)).toHaveLength(1);
    release();
    await server.answered(1);
    expect(saidOf(1).filter(({ part }) => part === 0)).toHaveLength(1);
  });

  it('begins anew when the connection was lost in the middle of it', async () => {
    await start();
    const release = holdBack(1);
    await server.query(queryOrder(1, counting(50_000)));
    await server.until(() => saidOf(1).length > 0);
    server.cut();
    await noProcess();
    release();
    await server.until(() => server.hellos.length === 2);
    await server.query(queryOrder(1, counting(50_000)));
    expect((await server.answered(1)).rows).toHaveLength(50_000);
    expect(saidOf(1).filter(({ part }) => part === 0)).toHaveLength(2);
  });
});

describe('a query ends', () => {
  it('in words for whoever asked, before its first row', async () => {
    const name = 'x'.repeat(2000);
    const cases: [sql: string, limits: Partial<QueryOrder['limits']>, outcome: string, error: string][] = [
      ['select * from nope', {}, 'error', 'no such table: nope'],
      [ENDLESS, { milliseconds: 200 }, 'timed_out', 'killed: time'],
      ["select length(printf('%.*c', 40000000, 'x'))", { memory_bytes: 16e6 }, 'killed', 'killed: memory'],
      [
        "select printf('%.*c', 3000000, 'x') as text",
        {},
        'error',
        'row 1 has 3000000 bytes, and a row can have 2097152: select less of it',
      ],
      [
        `select '${name}'`,
        {},
        'error',
        'the name of column 1 is longer than 1024 characters: give it a shorter one with AS',
      ],
    ];
    await start();
    await server.query(...cases.map(([sql, limits], i) => queryOrder(i + 1, sql, limits)));
    for (const [i, [, , outcome, error]] of cases.entries()) {
      const { ending, columns, rows, part } = await server.answered(i + 1);
      expect({ columns, rows, part, ...ending }).toMatchObject({
        columns: [],
        rows: [],
        part: 0,
        outcome,
        error,
      });
      expect(ending.stats).not.toBeNull();
    }
  });

  it('by its rows, after those that it may answer', async () => {
    await start();
    await server.query(queryOrder(1, counting(50_000), { rows: 10 }));
    const { ending, rows } = await server.answered(1);
    expect(ending).toMatchObject({ outcome: 'killed', error: 'more than 10 rows' });
    expect(rows.length).toBeLessThanOrEqual(10);
  });

  it('by the server’s word, and nothing is said about it', async () => {
    await start();
    await server.query(queryOrder(1, ENDLESS));
    await someProcess();
    server.endQueries(1);
    await noProcess();
    await server.query(queryOrder(2, 'select 1'));
    await server.answered(2);
    expect(saidOf(1)).toEqual([]);
  });

  it('when the server calls its answer stale', async () => {
    await start();
    server.answerAck = ({ campaign_id }) => ({ ok: true, status: campaign_id === 1 ? 'stale' : 'ok' });
    await server.query(queryOrder(1, ENDLESS.replace('count(*)', 'x'), { rows: 1e9 }));
    await server.until(() => saidOf(1).length > 0);
    await noProcess();
    await server.query(queryOrder(2, 'select 1'));
    await server.answered(2);
    expect(saidOf(1)).toMatchObject([{ part: 0 }]);
  });

  it('with the agent', async () => {
    await start();
    await server.query(queryOrder(1, ENDLESS), queryOrder(2, counting(50_000)));
    await server.answered(2);
    const before = await processes();
    expect(before).toHaveLength(2);
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    await until(async () => !(await listProcesses()).some(({ pid }) => before.includes(pid)));
  });
});

describe('many campaigns', () => {
  it('at once are all answered, by few processes', async () => {
    await start();
    const ids = Array.from({ length: 20 }, (_, i) => i + 1);
    await server.query(...ids.map((id) => queryOrder(id, `select ${id} as id`)));
    for (const id of ids) expect((await server.answered(id)).rows).toEqual([[String(id)]]);
    expect((await processes()).length).toBeLessThanOrEqual(4);
  });

  it('wait for their turn, and can be ended while they do', async () => {
    await start();
    await server.query(...[1, 2, 3, 4].map((id) => queryOrder(id, ENDLESS)));
    await server.query(queryOrder(5, 'select 5'), queryOrder(6, 'select 6'));
    server.endQueries(5, 1);
    expect((await server.answered(6)).rows).toEqual([['6']]);
    expect(server.answers.map(({ campaign_id }) => campaign_id)).toEqual([6]);
  });
});

it('a query that cannot be read is answered as such, and costs the others nothing', async () => {
  await start();
  await server.query({ ...queryOrder(1, 'x'), sql: 1 as unknown as string }, queryOrder(2, 'select 2'));
  expect((await server.answered(1)).ending).toEqual({
    outcome: 'error',
    error: 'the agent cannot read this query',
    stats: null,
  });
  expect((await server.answered(2)).rows).toEqual([['2']]);
});

it('a host can do without live queries', async () => {
  await start('--disable-queries');
  await server.query(queryOrder(1, 'select 1'));
  expect(await server.answered(1)).toMatchObject({
    columns: [],
    rows: [],
    ending: { outcome: 'denied', error: 'live queries are disabled on this host', stats: null },
  });
  expect(await processes()).toEqual([]);
});

describe('osquery', () => {
  function osquery(script: string): string {
    const file = path.join(temporaryDirectory('osquery'), 'osqueryi');
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  it('is asked where the operator says so', async () => {
    await start('--osquery', osquery(`printf '[\\n  {"sql":"%s"}\\n]\\n' "$4"`));
    await server.query(queryOrder(1, 'select 1'));
    expect(await server.answered(1)).toMatchObject({
      columns: ['sql'],
      rows: [['select 1']],
      ending: { outcome: 'answered' },
    });
    expect(await processes()).toEqual([]);
  });

  it('is ended with its query, also while its rows wait to be acknowledged', async () => {
    const pids = temporaryDirectory('pids');
    const rows = `i=0; while [ $i -lt 20000 ]; do echo '  {"text":"some text for a row"},'; i=$((i+1)); done`;
    await start('--osquery', osquery(`echo > ${pids}/$$; case "$4" in many) ${rows};; esac; exec sleep 600`));
    holdBack(1);
    await server.query(queryOrder(1, 'many'), queryOrder(2, 'few'));
    await server.until(() => saidOf(1).length > 0);
    const children = async () => (await listProcesses()).filter(({ parent }) => parent === agent.pid);
    await until(async () => (await children()).length === 2);
    server.endQueries(1, 2);
    await until(async () => (await children()).length === 0);
  });
});
