import { gzipSync } from 'node:zlib';
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, type ServerFixture, until } from '#libs/testing/index';
import { add, form } from '../e2e/saved-scripts.support.js';
import { addUser, expectProblem, startWorld, type World } from '../e2e/support.js';
import { expectError, type Loose, putInstance, rpc } from './ripex2.support.js';

/* RipEX2's methods around scripts, on a real agent: the document's examples and rules, and what Muster adds. */

let world: World;
let server: ServerFixture;
let client: Api;
let hostname: string;
let hello: number;
let waiter: number;
let release: string;

/** Runs until the file appears. */
const WAIT = `echo waiting; while [ ! -e "$1" ]; do sleep 0.05; done; echo done >&2`;
const INSTANCES = '/api/v1/fleet/scripts';

beforeAll(async () => {
  world = await startWorld();
  ({ server, client } = world);
  ({ hostname } = world.agent);
  release = join(tmpdir(), `muster-release-${randomUUID()}`);
  hello = await add(client, 'hello_world.sh', 'echo "hello $*"; exit 3\n');
  waiter = await add(client, 'monitor.sh', WAIT);
  await putInstance(client, hello, 'verbose', { hosts: [hostname], arguments: ['-v', '--arg1', 'value 1'] });
  await putInstance(client, hello, 'manual', { hosts: [hostname] });
  await putInstance(client, waiter, 'verbose', { labels: ['All Hosts'], arguments: [release] });
});
afterAll(() => rmSync(release, { force: true }));

const start = (script_name: string, instance_name: string, more: object = {}) =>
  rpc(client, 'script_start', { script_name, instance_name, ...more });
const stop = (script_name: string, instance_name: string, more: object = {}) =>
  rpc(client, 'script_stop', { script_name, instance_name, ...more });
const get = async (params: object, as = client): Promise<Loose[]> => {
  const { status, body } = await rpc(as, 'script_execution_get', params);
  expect([status, Object.keys(body as object)]).toEqual([200, ['executions']]);
  return body.executions as Loose[];
};
/** Starts it, and waits for its end. */
async function ran(script: string, instance: string): Promise<Loose> {
  const answer = await start(script, instance, { host: hostname });
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  const { id } = answer.body.scripts[0].instances[0].last_execution as { id: number };
  return until(
    async () =>
      (await get({ pagination: { limit: -100 } })).find((one) => one.id === id && one.duration !== undefined),
    { what: 'the end of the run' },
  );
}

describe('script_start, script_stop', () => {
  it('runs an instance once; what is told of it are the attributes that are set', async () => {
    const run = await ran('hello_world', 'verbose');
    expect(run).toEqual({
      id: expect.any(Number),
      host: hostname,
      script_name: 'hello_world',
      instance_name: 'verbose',
      start_timestamp: expect.any(Number),
      arguments: "-v --arg1 'value 1'",
      start_trigger: { type: 'manual', username: server.admin.email },
      state: 'finished',
      duration: expect.any(Number),
      exit_code: 3,
    });
    expect(Math.abs(run.start_timestamp - Date.now() / 1_000)).toBeLessThan(60);
  });

  it('refuses a second start while it runs, and a stop when it does not', async () => {
    rmSync(release, { force: true });
    const begun = await start('monitor.sh', 'verbose');
    expect([begun.status, begun.body]).toEqual([
      200,
      {
        scripts: [
          {
            name: 'monitor',
            instances: [{ name: 'verbose', last_execution: expect.objectContaining({ state: 'running' }) }],
          },
        ],
        hosts: [{ host: hostname, last_execution: expect.objectContaining({ state: 'running' }) }],
      },
    ]);
    expectError(await start('monitor', 'verbose'), { status: 409, code: 'already_running' });
    expectError(await start('monitor', 'verbose', { host: String(world.host.id) }), {
      status: 409,
      code: 'already_running',
    });
    const [running] = await get({
      filter: {
        instances: [
          { script_name: 'hello_world', instance_names: ['manual', 'verbose'] },
          { script_name: 'monitor', instance_names: ['verbose'] },
        ],
        states: ['running'],
      },
      pagination: { limit: -10 },
    });
    expect(running).toEqual({
      id: expect.any(Number),
      host: hostname,
      script_name: 'monitor',
      instance_name: 'verbose',
      start_timestamp: expect.any(Number),
      arguments: release,
      start_trigger: { type: 'manual', username: server.admin.email },
      state: 'running',
    });
    const stopped = await stop('monitor', 'verbose', { host: world.host.uuid });
    expect(stopped.status).toBe(200);
    const end = await until(async () =>
      (await get({ filter: { states: ['killed'] }, pagination: { limit: -1 } })).at(0),
    );
    expect(end).toMatchObject({
      id: running.id,
      state: 'killed',
      exit_code: -15,
      duration: expect.any(Number),
      stop_trigger: { type: 'manual', username: server.admin.email },
    });
    expectError(await stop('monitor', 'verbose'), { status: 409, code: 'not_running' });
    expectError(await stop('monitor', 'verbose', { host: hostname }), { status: 409, code: 'not_running' });
  });

  it('says that the system stopped what took too long', async () => {
    await putInstance(client, waiter, 'short', { hosts: [hostname], arguments: [release], timeout: 1 });
    expect(await ran('monitor', 'short')).toMatchObject({
      state: 'killed',
      exit_code: -15,
      stop_trigger: { type: 'system' },
    });
  });
});

describe('script_overview_get', () => {
  it('shows scripts, their instances and the last run of each; without params', async () => {
    const run = await ran('hello_world', 'verbose');
    for (const answer of [
      await rpc(client, 'script_overview_get'),
      await rpc(client, 'script_overview_get', {}),
    ]) {
      expect(answer.status).toBe(200);
      const scripts = answer.body.scripts as Loose[];
      expect(scripts.map(({ name }) => name)).toEqual(['hello_world', 'monitor']);
      const [manual, verbose] = scripts[0].instances as Loose[];
      expect(manual).toEqual({ name: 'manual' });
      const { id, host, start_timestamp, start_trigger, state } = run;
      expect(verbose).toEqual({
        name: 'verbose',
        last_execution: { id, host, start_timestamp, start_trigger, state },
      });
    }
    const { body } = await rpc(client, 'script_overview_get', { host: hostname });
    expect(body.scripts.map(({ name }: Loose) => name)).toEqual(['hello_world', 'monitor']);
  });
});

describe('script_execution_get', () => {
  it('pages by id, following and preceding, the highest first', async () => {
    for (let i = 0; i < 3; i++) await ran('hello_world', 'manual');
    const filter = { instances: [{ script_name: 'hello_world', instance_names: ['manual'] }] };
    const all = (await get({ filter, pagination: { limit: -1_000 } })).map(({ id }) => id as number);
    expect(all).toHaveLength(3);
    const ids = async (pagination: object) =>
      (await get({ filter, pagination })).map(({ id }) => id as number);
    expect(await ids({ limit: 1 })).toEqual([all[2]]);
    expect(await ids({ limit: 2 })).toEqual([all[1], all[2]]);
    expect(await ids({ limit: -2 })).toEqual([all[0], all[1]]);
    expect(await ids({ limit: 10, id_exclusive: all[2] })).toEqual([all[0], all[1]]);
    expect(await ids({ limit: -10, id_exclusive: all[0] })).toEqual([all[1], all[2]]);
    expect(await ids({ limit: 10, id_exclusive: all[0] })).toEqual([]);
    expect(await get({ filter: { exit_codes: [3], ...filter }, pagination: { limit: -9 } })).toHaveLength(3);
    expect(await get({ filter: { exit_codes: [4], ...filter }, pagination: { limit: -9 } })).toEqual([]);
  });

  it('leaves out, or marks, what ran with content that has been changed since', async () => {
    await ran('hello_world', 'manual');
    const filter = { instances: [{ script_name: 'hello_world' }] };
    const before = await get({ filter, pagination: { limit: -1_000 } });
    expect(before.length).toBeGreaterThan(0);
    const renewed = await client.patch(`${INSTANCES}/${hello}`, form('hello_world.sh', 'exit 7\n'));
    expect(renewed.status).toBe(200);
    expect(await get({ filter, pagination: { limit: -1_000 } })).toEqual([]);
    const outdated = await get({
      filter: { ...filter, include_outdated: true },
      pagination: { limit: -1_000 },
    });
    expect(outdated).toEqual(before.map((run) => ({ ...run, is_outdated: true })));
    const run = await ran('hello_world', 'manual');
    expect(run).toMatchObject({ exit_code: 7 });
    expect(run).not.toHaveProperty('is_outdated');
  });

  it('covers every kind when asked to, and one host', async () => {
    const script = await client.post('/api/v1/fleet/scripts/run/sync', {
      host_id: world.host.id,
      script_contents: 'exit 9',
    });
    expect(script.body).toMatchObject({ exit_code: 9 });
    expect(await get({ filter: { exit_codes: [9] }, pagination: { limit: -9 } })).toEqual([]);
    const [run] = await get({
      filter: { exit_codes: [9] },
      pagination: { limit: -9 },
      include_all_kinds: true,
      host: hostname,
    });
    expect(run).toMatchObject({ kind: 'script', exit_code: 9, state: 'finished', host: hostname });
  });

  it('takes gzip, and RipEX2’s header for the token', async () => {
    const answer = await fetch(new URL('/api/rpc/script_execution_get', server.url), {
      method: 'POST',
      headers: { apikey: client.bearer, 'content-encoding': 'gzip', 'content-type': 'application/json' },
      body: gzipSync(JSON.stringify({ pagination: { limit: 1 } })),
    });
    expect(answer.status).toBe(200);
  });

  it.each([
    [{}, 'pagination'],
    [{ pagination: {} }, 'pagination.limit'],
    [{ pagination: { limit: 0 } }, 'pagination.limit'],
    [{ pagination: { limit: 1_001 } }, 'pagination.limit'],
    [{ pagination: { limit: -1_001 } }, 'pagination.limit'],
    [{ pagination: { limit: '10' } }, 'pagination.limit'],
    [{ pagination: { limit: 1.5 } }, 'pagination.limit'],
    [{ pagination: { limit: 1, id_exclusive: 'seven' } }, 'pagination.id_exclusive'],
    [{ pagination: { limit: 1, id_exclusive: -1 } }, 'pagination.id_exclusive'],
    [{ pagination: { limit: 1 }, filter: [] }, 'filter'],
    [{ pagination: { limit: 1 }, filter: { exit_codes: ['1'] } }, 'filter.exit_codes[0]'],
    [{ pagination: { limit: 1 }, filter: { exit_codes: 1 } }, 'filter.exit_codes'],
    [{ pagination: { limit: 1 }, filter: { states: ['running', 'sleeping'] } }, 'filter.states[1]'],
    [{ pagination: { limit: 1 }, filter: { include_outdated: 'yes' } }, 'filter.include_outdated'],
    [{ pagination: { limit: 1 }, filter: { instances: [{}] } }, 'filter.instances[0].script_name'],
    [
      { pagination: { limit: 1 }, filter: { instances: [{ script_name: 'nobody' }] } },
      'filter.instances[0].script_name',
    ],
    [
      {
        pagination: { limit: 1 },
        filter: { instances: [{ script_name: 'monitor', instance_names: ['verbose', 'x'] }] },
      },
      'filter.instances[0].instance_names[1]',
    ],
    [{ pagination: { limit: 1 }, team_id: 'x' }, 'team_id'],
  ])('refuses %j, naming %s', async (params, field) => {
    expectError(await rpc(client, 'script_execution_get', params), { status: 400, field });
  });

  it('names every param that is wrong', async () => {
    expectError(
      await rpc(client, 'script_execution_get', { filter: { states: ['x'] }, pagination: { limit: 0 } }),
      { status: 400, field: 'filter.states[0]', message: /pagination\.limit/ },
    );
  });
});

describe('script_execution_output_get', () => {
  it('gives lines by id, each stream told apart, and the last one without a newline', async () => {
    const id = await add(
      client,
      'lines.sh',
      'echo one; sleep 0.2; echo two >&2; sleep 0.2; printf "three\\nfour"\n',
    );
    await putInstance(client, id, 'lines', { hosts: [hostname] });
    const run = await ran('lines', 'lines');
    const lines = async (pagination: object) => {
      const { status, body } = await rpc(client, 'script_execution_output_get', {
        filter: { execution_id: run.id },
        pagination,
      });
      expect([status, body.execution]).toEqual([200, run]);
      return body.lines as Loose[];
    };
    const all = await lines({ limit: 1_000 });
    expect(all.map(({ stream, text }) => [stream, text])).toEqual([
      ['stdout', 'one'],
      ['stderr', 'two'],
      ['stdout', 'three'],
      ['stdout', 'four'],
    ]);
    for (let i = 0; i < all.length; i++) {
      expect(await lines({ limit: 1, ...(i > 0 && { id_exclusive: all[i - 1].id }) })).toEqual([all[i]]);
    }
    expect(await lines({ limit: 5, id_exclusive: all[3].id })).toEqual([]);
  });

  it.each([
    [{ pagination: { limit: 1 } }, 400, 'filter'],
    [{ filter: {}, pagination: { limit: 1 } }, 400, 'filter.execution_id'],
    [{ filter: { execution_id: 'x' }, pagination: { limit: 1 } }, 400, 'filter.execution_id'],
    [{ filter: { execution_id: 1 }, pagination: { limit: 0 } }, 400, 'pagination.limit'],
    [{ filter: { execution_id: 1 }, pagination: { limit: -1 } }, 400, 'pagination.limit'],
    [{ filter: { execution_id: 1 }, pagination: { limit: 1_001 } }, 400, 'pagination.limit'],
    [{ filter: { execution_id: 999_999 }, pagination: { limit: 1 } }, 404, 'filter.execution_id'],
    [
      { filter: { execution_id: 9_007_199_254_740_991 }, pagination: { limit: 1 } },
      404,
      'filter.execution_id',
    ],
  ])('refuses %j with %d, naming %s', async (params, status, field) => {
    expectError(await rpc(client, 'script_execution_output_get', params), { status, field });
  });
});

describe('names', () => {
  it('that nobody bears are a 400 that names the param; both wrong: the script', async () => {
    for (const ask of [start, stop]) {
      expectError(await ask('nobody', 'verbose'), { status: 400, code: 'not_found', field: 'script_name' });
      expectError(await ask('monitor', 'nobody'), { status: 400, code: 'not_found', field: 'instance_name' });
      expectError(await ask('nobody', 'nobody'), { status: 400, code: 'not_found', field: 'script_name' });
      expectError(await ask('monitor', 'verbose', { host: 'nobody' }), {
        status: 404,
        code: 'not_found',
        field: 'host',
      });
    }
    expectError(await rpc(client, 'script_start', {}), {
      status: 400,
      field: 'script_name',
      message: /instance_name/,
    });
    expectError(await rpc(client, 'script_delete', {}), { status: 404, code: 'not_found' });
    expectError(await client.get('/api/rpc/script_start'), { status: 405, code: 'method_not_allowed' });
    expectError(await rpc(client.as(), 'script_start', {}), { status: 401, code: 'unauthorized' });
    const observer = await addUser(server, 'observer@example.com', 'observer');
    expectError(await rpc(observer, 'script_start', { script_name: 'monitor', instance_name: 'verbose' }), {
      status: 403,
      code: 'forbidden',
    });
    expect(await get({ pagination: { limit: 1 } }, observer)).toHaveLength(1);
  });

  it('that only an extension tells apart are told with it', async () => {
    const twin = await add(client, 'monitor.ps1', 'true\n');
    expectError(await start('monitor', 'verbose'), {
      status: 400,
      field: 'script_name',
      message: /monitor\.ps1/,
    });
    const [run] = await get({
      filter: { instances: [{ script_name: 'monitor.sh' }] },
      pagination: { limit: -1 },
    });
    expect(run.script_name).toBe('monitor.sh');
    expect((await client.delete(`${INSTANCES}/${twin}`)).status).toBe(204);
  });
});

describe('instances', () => {
  it('are saved, read and deleted with their script’s rights', async () => {
    const saved = await putInstance(client, hello, 'nightly', {
      hosts: [world.host.uuid],
      start_trigger: { type: 'schedule', setting: '30 4 * * *', timezone: 'Europe/Prague', missed: 'once' },
      stop_trigger: { type: 'xpath', setting: "/system/load = '0'" },
      timeout: 60,
      enabled: false,
    });
    expect(saved).toEqual({
      id: expect.any(Number),
      name: 'nightly',
      script_id: hello,
      script_name: 'hello_world.sh',
      team_id: 0,
      hosts: [hostname],
      arguments: [],
      start_trigger: { type: 'schedule', setting: '30 4 * * *', timezone: 'Europe/Prague', missed: 'once' },
      stop_trigger: { type: 'xpath', setting: "/system/load = '0'" },
      enabled: false,
      timeout: 60,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    const path = `${INSTANCES}/${hello}/instances`;
    expect((await client.get(`${path}/nightly`)).body).toEqual(saved);
    expect((await client.get(path)).body.instances.map(({ name }: Loose) => name)).toEqual([
      'manual',
      'nightly',
      'verbose',
    ]);
    expect((await client.delete(`${path}/nightly`)).status).toBe(204);
    expectProblem(await client.get(`${path}/nightly`), 404, 'base', /nightly/);
    expectProblem(await client.delete(`${path}/nightly`), 404, 'base', /nightly/);
  });

  it.each([
    [{}, 'hosts', /required/],
    [{ hosts: [], labels: [] }, 'hosts', /only one/],
    [{ hosts: ['nobody'] }, 'hosts[0]', /nobody/],
    [{ labels: ['All Hosts', 'nothing'] }, 'labels[1]', /nothing/],
    [{ hosts: [], arguments: [1] }, 'arguments[0]', /string/],
    [{ hosts: [], arguments: ['\0'] }, 'arguments[0]', /NUL/],
    [{ hosts: [], timeout: 0 }, 'timeout', /./],
    [{ hosts: [], enabled: 'yes' }, 'enabled', /boolean/],
    [{ hosts: [], start_trigger: { type: 'never' } }, 'start_trigger.type', /manual/],
    [{ hosts: [], start_trigger: { type: 'xpath' } }, 'start_trigger.setting', /./],
    [
      { hosts: [], start_trigger: { type: 'xpath', setting: '/networking/[' } },
      'start_trigger.setting',
      /position \d+/,
    ],
    [
      { hosts: [], stop_trigger: { type: 'xpath', setting: 'count(' } },
      'stop_trigger.setting',
      /position \d+/,
    ],
    [{ hosts: [], stop_trigger: { type: 'schedule', setting: '* * * * *' } }, 'stop_trigger.type', /xpath/],
    [
      { hosts: [], start_trigger: { type: 'schedule', setting: '0 0 30 2 *' } },
      'start_trigger.setting',
      /never/,
    ],
    [{ hosts: [], start_trigger: { type: 'schedule', setting: 'often' } }, 'start_trigger.setting', /./],
    [
      { hosts: [], start_trigger: { type: 'schedule', setting: '* * * * *', timezone: 'Mars/Olympus' } },
      'start_trigger.timezone',
      /./,
    ],
  ])('%j is refused, naming %s', async (body, field, reason) => {
    expectProblem(await client.put(`${INSTANCES}/${hello}/instances/x`, body), 400, field, reason);
  });

  it('have names of letters, digits, dot, dash and underscore', async () => {
    for (const name of ['a b', 'ä', 'a'.repeat(101)])
      expectProblem(
        await client.put(`${INSTANCES}/${hello}/instances/${encodeURIComponent(name)}`, { hosts: [] }),
        400,
        'name',
        /characters/,
      );
  });
});

describe('triggers', () => {
  it('start and stop an instance with a file that comes and goes', async () => {
    const file = join(tmpdir(), `muster-watched-${randomUUID()}`);
    const path = `/files/file[@path='${file}']`;
    const check = await client.post(`/api/v1/fleet/hosts/${world.host.id}/trigger-check`, {
      start_trigger: { type: 'xpath', setting: `boolean(${path})` },
    });
    expect([check.status, check.body]).toEqual([
      200,
      { start: { would_fire: false, why: expect.any(String) } },
    ]);
    await putInstance(client, waiter, 'watching', {
      hosts: [hostname],
      arguments: ['/nowhere'],
      start_trigger: { type: 'xpath', setting: `boolean(${path})` },
      stop_trigger: { type: 'xpath', setting: `not(${path})` },
    });
    const state = async (): Promise<Loose> =>
      (
        await get({
          filter: { instances: [{ script_name: 'monitor', instance_names: ['watching'] }] },
          pagination: { limit: -1 },
        })
      )[0];
    try {
      // A condition that is true when the set arrives does not turn true: it comes and goes until it is seen.
      const running = await until(
        async () => {
          const run = await state();
          if (run?.state === 'running') return run;
          if (existsSync(file)) rmSync(file);
          else writeFileSync(file, '');
          return null;
        },
        { timeout: 30_000, interval: 1_500, what: 'the start' },
      );
      expect(running).toMatchObject({
        start_trigger: { type: 'xpath', setting: `boolean(${path})` },
        host: hostname,
      });
      rmSync(file);
      const end = await until(async () => ((await state())?.state === 'killed' ? state() : null), {
        timeout: 30_000,
        what: 'the stop',
      });
      expect(end).toMatchObject({
        id: running.id,
        exit_code: -15,
        stop_trigger: { type: 'xpath', setting: `not(${path})` },
      });
    } finally {
      rmSync(file, { force: true });
    }
  });

  it('can be tried against the tree of facts', async () => {
    const facts = (query: string) => client.get(`/api/v1/fleet/hosts/${world.host.id}/facts${query}`);
    expect((await facts('')).body.xml).toMatch(/<system/);
    expect((await facts('?xpath=1%2B1')).body).toEqual({ value: 2 });
    expectProblem(await facts('?xpath=%2F%2F%5B'), 400, 'xpath', /position/);
    expectProblem(await client.get('/api/v1/fleet/hosts/999999/facts'), 404, 'base', /not found/);
  });
});
