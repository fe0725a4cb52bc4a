import { startAgent } from '#libs/testing/index';
import { ended, firstOutput, resultOf, run, startWorld, type World } from './support.js';

const SYNC = '/api/v1/fleet/scripts/run/sync';
const BUSY = 'A script is already running on this host. Please wait about 5 minutes to let it finish.';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

const sync = (script_contents: string, more: object = {}) =>
  world.client.post(SYNC, { host_id: world.host.id, script_contents, ...more });

describe('a script that is waited for', () => {
  it('is answered with 200 and the result itself', async () => {
    const { status, body } = await sync('echo "$1"; echo err >&2; exit 3', {
      arguments: ['a b'],
      timeout: 7,
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      host_id: world.host.id,
      execution_id: expect.any(String),
      script_contents: 'echo "$1"; echo err >&2; exit 3',
      script_id: null,
      policy_id: null,
      team_id: null,
      exit_code: 3,
      output: 'a b\nerr\n',
      message: '',
      runtime: 0,
      timeout: 7,
      host_timeout: false,
      truncated: false,
    });
    expect(await resultOf(world.client, body.execution_id)).toMatchObject({
      exit_code: 3,
      host_timeout: false,
    });
  });

  it('says so when it was stopped for its time', async () => {
    const { status, body } = await sync('echo before; sleep 60', { timeout: 1 });
    expect({ status, exit_code: body.exit_code, output: body.output }).toEqual({
      status: 200,
      exit_code: -1,
      output: 'before\n',
    });
    expect(body.message).toBe(
      'Timeout. Fleet stopped the script after 1 seconds to protect host performance.',
    );
  });

  it('is refused while anything else runs or waits there, and leaves nothing behind', async () => {
    const running = await run(world.client, world.host.id, 'echo up; sleep 60');
    await firstOutput(world, running);
    const count = async () =>
      (await world.client.get('/api/v1/executions?limit=1000')).body.executions.length as number;
    const before = await count();
    const { status, body } = await sync('echo never');
    expect(status).toBe(409);
    expect(body).toMatchObject({
      message: 'Validation Failed',
      errors: [{ name: 'script_id', reason: BUSY }],
    });
    expect(await count()).toBe(before);
    await world.client.post(`/api/v1/executions/${running}/cancel`);
    await ended(world.client, running);
    expect((await sync('echo again')).body.output).toBe('again\n');
  });

  it('is refused for a host that is offline', async () => {
    const agent = startAgent({ server: world.server });
    const { id } = await agent.online();
    await agent.stop();
    const { status, body } = await sync('echo never', { host_id: id });
    expect(status).toBe(422);
    expect(body.errors).toEqual([{ name: 'host_id', reason: "Script can't run on offline host." }]);
  });

  it('has the same checks as one that is not waited for', async () => {
    expect((await sync('')).status).toBe(422);
    expect((await sync('x'.repeat(10_001))).body.errors[0].reason).toMatch(/^Script is too large/);
    expect((await sync('true', { host_id: 999_999 })).status).toBe(404);
    expect((await world.client.as().post(SYNC, {})).status).toBe(401);
  });
});

describe('requests for one host at the same moment', () => {
  it('are all run, one after another, in some order, none of them twice', async () => {
    const ids = await Promise.all(
      Array.from({ length: 25 }, (_, i) => run(world.client, world.host.id, `echo ${i}`)),
    );
    const all = await Promise.all(ids.map((id) => ended(world.client, id)));
    const spans = all
      .map(({ target }) => [Date.parse(target.started_at), Date.parse(target.finished_at)] as const)
      .sort(([a], [b]) => a - b);
    expect(all.map(({ target }) => target.exit_code)).toEqual(ids.map(() => 0));
    for (let i = 1; i < spans.length; i++) expect(spans[i]![0]).toBeGreaterThanOrEqual(spans[i - 1]![1]);
  });
});
