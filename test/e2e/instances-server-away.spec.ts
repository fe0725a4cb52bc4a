import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, until } from '#libs/testing/index';
import { type Loose, putInstance, rpc } from '../contract/ripex2.support.js';
import { add } from './saved-scripts.support.js';
import { sql, startWorld } from './support.js';

/** Seconds that two clocks' words for one moment may differ: one counts whole seconds. */
const APART = 2;

it('three runs that triggers start while the server is away arrive in order, with their true times', async () => {
  const { server, agent, client } = await startWorld();
  const file = join(tmpdir(), `muster-watched-${randomUUID()}`);
  const log = `${file}.log`;
  const runs = (): number[] =>
    existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').map(Number) : [];
  try {
    const script = await add(client, 'noted.sh', 'date +%s >> "$1"; echo noted\n');
    await putInstance(client, script, 'noting', {
      hosts: [agent.hostname],
      arguments: [log],
      start_trigger: { type: 'xpath', setting: `/files/file[@path='${file}']` },
      debounce_ms: 0,
      max_starts_per_minute: 100,
    });
    const touch = async (count: number): Promise<void> => {
      await until(
        () => {
          if (runs().length >= count) return true;
          writeFileSync(file, randomUUID());
          return false;
        },
        { timeout: 30_000, interval: 1_500, what: `run ${count}` },
      );
    };
    // The set has arrived when the first change starts something.
    await touch(1);
    await until(
      async () =>
        (await history(client)).every(({ state }) => state === 'finished') &&
        (await history(client)).length >= runs().length,
    );
    const before = runs().length;
    await server.stop();
    for (let i = 1; i <= 3; i++) await touch(before + i);
    const times = runs();
    await server.restart();
    const back = await api(server).login();
    const arrived = await until(
      async () => {
        const all = await history(back);
        const complete = all.length >= times.length && all.every(({ state }) => state === 'finished');
        return complete ? all : null;
      },
      { timeout: 60_000, what: 'what was journalled' },
    );
    const starts = arrived.map(({ start_timestamp }) => start_timestamp as number).reverse();
    expect(starts).toHaveLength(times.length);
    starts.forEach((at, index) => expect(Math.abs(at - (times[index] ?? 0))).toBeLessThanOrEqual(APART));
    expect([...starts].sort((a, b) => a - b)).toEqual(starts);
    for (const run of arrived)
      expect(run).toMatchObject({
        exit_code: 0,
        start_trigger: { type: 'xpath', setting: `/files/file[@path='${file}']` },
      });
    // Each has its row in the record, and in the ledger, once.
    const [{ executions, records }] = await sql(
      server,
      `SELECT (SELECT count(*)::int FROM executions WHERE kind = 'instance') AS executions,
         (SELECT count(*)::int FROM audit WHERE act = 'triggered_script_instance') AS records`,
    );
    expect([executions, records]).toEqual([times.length, times.length]);
  } finally {
    for (const name of [file, log]) rmSync(name, { force: true });
  }
});

async function history(client: Parameters<typeof rpc>[0]): Promise<Loose[]> {
  const { body } = await rpc(client, 'script_execution_get', { pagination: { limit: -1_000 } });
  return body.executions as Loose[];
}
