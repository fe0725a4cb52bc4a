import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, type Api } from '#libs/testing/index';
import {
  addUser,
  ended,
  expectProblem,
  firstOutput,
  resultOf,
  sql,
  startWorld,
  type World,
} from './support.js';
import { addMember, addTeam, moveHost, saveScript } from './teams.js';

const RUN = '/api/v1/fleet/scripts/run';

let world: World;
let directory: string;
/** Of no team, as the host. */
let hello: number;

beforeAll(async () => {
  world = await startWorld();
  directory = temporaryDirectory('saved');
  hello = await saveScript(world.server, 'hello.sh', 'echo "hello $1"');
});

const ask = (body: object, client: Api = world.client, path = RUN) => client.post(path, body);

async function started(body: object): Promise<string> {
  const answer = await ask({ host_id: world.host.id, ...body });
  expect([answer.status, answer.body]).toMatchObject([202, { host_id: world.host.id }]);
  return answer.body.execution_id as string;
}

/** Keeps the host busy until `release` is called. */
async function busy(): Promise<{ id: string; release: () => void }> {
  const file = path.join(directory, `gate-${Math.random().toString(36).slice(2)}`);
  const script_contents = `echo started; while [ ! -e '${file}' ]; do sleep 0.02; done`;
  const id = await started({ script_contents });
  await firstOutput(world, id);
  return { id, release: () => writeFileSync(file, '') };
}

describe('a saved script', () => {
  it('runs by its id with its arguments, and the result names it', async () => {
    const id = await started({ script_id: hello, arguments: ['world'] });
    expect(await resultOf(world.client, id)).toMatchObject({
      script_id: hello,
      script_contents: 'echo "hello $1"',
      output: 'hello world\n',
      exit_code: 0,
      hostname: world.agent.hostname,
    });
  });

  it('runs by its name, whatever the case, and waits for it when asked to', async () => {
    const id = await started({ script_name: 'Hello.SH', arguments: ['name'] });
    expect(await resultOf(world.client, id)).toMatchObject({ script_id: hello, output: 'hello name\n' });
    const { status, body } = await ask(
      { host_id: world.host.id, script_name: 'hello.sh', team_id: 0 },
      world.client,
      `${RUN}/sync`,
    );
    expect([status, body]).toMatchObject([
      200,
      { script_id: hello, output: 'hello \n', policy_id: null, team_id: null, timeout: 300 },
    ]);
    expect(body).not.toHaveProperty('hostname');
    expect(body).not.toHaveProperty('created_at');
  });

  it('may be longer than contents that come with the request', async () => {
    const long = await saveScript(world.server, 'long.sh', `#${'x'.repeat(400_000)}\necho long`);
    const id = await started({ script_id: long });
    expect((await resultOf(world.client, id)).output).toBe('long\n');
  });

  it('is queued once per host; contents may be queued twice', async () => {
    const { id, release } = await busy();
    const first = await started({ script_id: hello });
    for (const again of [
      { script_id: hello },
      { script_id: hello, arguments: ['other'] },
      { script_name: 'hello.sh' },
    ])
      expectProblem(
        await ask({ host_id: world.host.id, ...again }),
        409,
        'script_id',
        'The script is already queued on the given host.',
      );
    const adhoc = await Promise.all([1, 2].map(() => started({ script_contents: 'echo "hello $1"' })));
    release();
    for (const run of [id, first, ...adhoc]) await ended(world.client, run);
    await ended(world.client, await started({ script_id: hello }));
  });

  it('is queued once also when many ask at the same moment', async () => {
    const { release } = await busy();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask({ host_id: world.host.id, script_id: hello })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([202, ...Array(7).fill(409)]);
    release();
    const { body } = answers.find(({ status }) => status === 202)!;
    await ended(world.client, body.execution_id as string);
  });

  it('with an idempotency key is the same execution, also while it is queued', async () => {
    const { release } = await busy();
    const repeat = () =>
      world.client.post(RUN, { host_id: world.host.id, script_id: hello }, { 'idempotency-key': 'saved' });
    const answers = await Promise.all(Array.from({ length: 6 }, repeat));
    answers.push(await repeat());
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ body }) => body.execution_id as string)).size).toBe(1);
    release();
    await ended(world.client, answers[0]!.body.execution_id as string);
  });

  it('that is deleted leaves its results: without an id, with its contents', async () => {
    const script = await saveScript(world.server, 'gone.sh', 'echo gone');
    const id = await started({ script_id: script });
    await ended(world.client, id);
    await sql(world.server, 'DELETE FROM scripts WHERE id = $1', [script]);
    expect(await resultOf(world.client, id)).toMatchObject({
      script_id: null,
      script_contents: 'echo gone',
      output: 'gone\n',
    });
    expectProblem(
      await ask({ host_id: world.host.id, script_id: script }),
      404,
      'script_id',
      'No script exists for the provided "script_id".',
    );
  });

  it('on an offline host is refused to who would wait, but that it is queued is said first', async () => {
    const agent = startAgent({ server: world.server });
    const { id: host_id } = await agent.online();
    await agent.stop();
    const wait = () => ask({ host_id, script_id: hello }, world.client, `${RUN}/sync`);
    expectProblem(await wait(), 422, 'host_id', "Script can't run on offline host.");
    expect((await ask({ host_id, script_id: hello })).status).toBe(202);
    expectProblem(await wait(), 409, 'script_id', /already queued/);
  });
});

describe('a host that is gone', () => {
  it('leaves its results, without a name', async () => {
    const agent = startAgent({ server: world.server });
    const { id: host_id } = await agent.online();
    const { body } = await ask({ host_id, script_id: hello });
    await ended(world.client, body.execution_id as string);
    await agent.stop();
    await sql(world.server, 'DELETE FROM hosts WHERE id = $1', [host_id]);
    expect(await resultOf(world.client, body.execution_id as string)).toMatchObject({
      hostname: '',
      host_id,
      output: 'hello \n',
    });
  });
});

describe('teams', () => {
  let host_id: number;
  let near: number;
  let far: number;
  let nearScript: number;
  let farScript: number;
  let maintainer: Api;
  let observer: Api;

  beforeAll(async () => {
    near = await addTeam(world.server, 'near', { script_execution_timeout: 77 });
    far = await addTeam(world.server, 'far', { script_execution_timeout: 3601 });
    ({ id: host_id } = await startAgent({ server: world.server }).online());
    await moveHost(world.server, host_id, near);
    nearScript = await saveScript(world.server, 'hello.sh', 'echo near', near);
    farScript = await saveScript(world.server, 'far.sh', 'echo far', far);
    maintainer = await addMember(world.server, near, 'maintainer');
    observer = await addMember(world.server, near, 'observer');
  });

  it('run their own scripts on their hosts, under their timeout', async () => {
    const { status, body } = await ask({ host_id, script_id: nearScript }, maintainer, `${RUN}/sync`);
    expect([status, body]).toMatchObject([200, { output: 'near\n', timeout: 77 }]);
    const named = await ask(
      { host_id, script_name: 'hello.sh', team_id: near, timeout: 5 },
      maintainer,
      `${RUN}/sync`,
    );
    expect([named.status, named.body]).toMatchObject([200, { script_id: nearScript, timeout: 5 }]);
    await moveHost(world.server, host_id, far);
    const other = await ask({ host_id, script_contents: 'true' }, world.client, `${RUN}/sync`);
    expect([other.status, other.body.timeout]).toEqual([200, 300]);
    await moveHost(world.server, host_id, near);
  });

  it('do not run scripts of others, or of no team', async () => {
    const reason = 'The script does not belong to the same team (or no team) as the host.';
    for (const script_id of [farScript, hello])
      expectProblem(await ask({ host_id, script_id }), 422, 'script_id', reason);
    expectProblem(
      await ask({ host_id: world.host.id, script_name: 'hello.sh', team_id: near }),
      422,
      'script_id',
      reason,
    );
    expectProblem(
      await ask({ host_id, script_name: 'far.sh', team_id: near }),
      422,
      'script_name',
      "Script 'far.sh' doesn’t exist.",
    );
  });

  it('are open to who holds a role there, and to nobody else', async () => {
    const status = async (client: Api, body: object) => (await ask(body, client)).status;
    expect(await status(observer, { host_id, script_id: nearScript })).toBe(403);
    expect(await status(maintainer, { host_id: world.host.id, script_id: hello })).toBe(403);
    expect(await status(maintainer, { host_id: 999_999, script_contents: 'true' })).toBe(403);
    expect(await status(maintainer, { script_contents: 'true' })).toBe(403);
    expect(await status(maintainer, { host_id, script_name: 'far.sh', team_id: far })).toBe(403);
    expect(await status(maintainer, { host_id, script_name: 'hello.sh' })).toBe(403);
    const everywhere = await addUser(world.server, 'mary@example.com', 'maintainer');
    expect(await status(everywhere, { host_id: 999_999, script_contents: 'true' })).toBe(404);
  });

  it('keep their results to themselves', async () => {
    const { body } = await ask({ host_id, script_id: nearScript }, maintainer);
    const own = body.execution_id as string;
    await ended(world.client, own);
    const others = await started({ script_id: hello });
    await ended(world.client, others);
    const status = async (client: Api, id: string) =>
      (await client.get(`/api/v1/fleet/scripts/results/${id}`)).status;
    for (const client of [observer, maintainer])
      expect([
        await status(client, own),
        await status(client, others),
        await status(client, '11111111-2222-4333-8444-555555555555'),
      ]).toEqual([200, 403, 403]);
    const gitops = await addMember(world.server, near, 'gitops');
    expect(await status(gitops, own)).toBe(403);
  });
});

describe('scripts of a host', () => {
  const list = async (hostId: number, query = '', client: Api = world.client) =>
    client.get(`/api/v1/fleet/hosts/${hostId}/scripts${query}`);

  it('are those of its team and platform by name, each with its last run', async () => {
    const team = await addTeam(world.server, 'list');
    const { id: host_id } = await startAgent({ server: world.server }).online();
    await moveHost(world.server, host_id, team);
    const save = (name: string, contents = 'true') => saveScript(world.server, name, contents, team);
    await save('never.sh');
    const bad = await save('Bad.sh', 'exit 3');
    const good = await save('good.sh');
    await save('windows.ps1');
    const wait = (script_id: number) => ask({ host_id, script_id }, world.client, `${RUN}/sync`);
    await wait(good);
    expect((await wait(bad)).body.exit_code).toBe(3);
    const { body: last } = await wait(good);
    const { body } = await list(host_id);
    expect(body).toEqual({
      scripts: [
        { script_id: bad, name: 'Bad.sh', last_execution: expect.objectContaining({ status: 'error' }) },
        {
          script_id: good,
          name: 'good.sh',
          last_execution: {
            execution_id: last.execution_id,
            executed_at: expect.stringMatching(/Z$/),
            status: 'ran',
          },
        },
        { script_id: expect.any(Number), name: 'never.sh', last_execution: null },
      ],
      meta: { has_next_results: false, has_previous_results: false },
    });
    const page = (await list(host_id, '?page=1&per_page=1&order_key=nonsense&query=x')).body;
    expect(page).toMatchObject({
      scripts: [{ name: 'good.sh' }],
      meta: { has_next_results: true, has_previous_results: true },
    });
    await sql(world.server, `UPDATE hosts SET facts = facts || '{"platform":"windows"}' WHERE id = $1`, [
      host_id,
    ]);
    expect((await list(host_id)).body.scripts).toMatchObject([{ name: 'windows.ps1' }]);
    await sql(world.server, `UPDATE hosts SET facts = facts || '{"platform":""}' WHERE id = $1`, [host_id]);
    expect((await list(host_id)).body.scripts).toHaveLength(4);
  });

  it('show a run that waits, whatever ran before; one that was cancelled is forgotten', async () => {
    const { release } = await busy();
    const waiting = await started({ script_id: hello });
    const mine = async () =>
      (await list(world.host.id)).body.scripts.find((s: { script_id: number }) => s.script_id === hello);
    expect((await mine()).last_execution).toMatchObject({ execution_id: waiting, status: 'pending' });
    await world.client.delete(`/api/v1/fleet/hosts/${world.host.id}/activities/upcoming/${waiting}`);
    const { last_execution } = await mine();
    expect(last_execution.status).toBe('ran');
    expect(last_execution.execution_id).not.toBe(waiting);
    release();
  });

  it('are for who may read them', async () => {
    expect((await list(999_999)).status).toBe(404);
    expect((await list(world.host.id, '?page=x')).status).toBe(400);
    const team = await addTeam(world.server, 'readers');
    const observer = await addMember(world.server, team, 'observer');
    expect((await list(world.host.id, '', observer)).status).toBe(403);
    expect((await list(999_999, '', observer)).status).toBe(403);
  });
});

it('refuses every run while scripts are switched off, before anything else is looked at', async () => {
  await sql(world.server, 'UPDATE organization SET scripts_disabled = true');
  try {
    for (const [path, body] of [
      [RUN, {}],
      [`${RUN}/sync`, { host_id: world.host.id, script_id: hello }],
      [`${RUN}/batch`, { script_id: hello, host_ids: [world.host.id] }],
    ] as const) {
      const answer = await ask(body, world.client, path);
      expectProblem(answer, 403, 'base', 'Running scripts is disabled in organization settings.');
      expect(answer.body.message).toBe('Forbidden');
    }
  } finally {
    await sql(world.server, 'UPDATE organization SET scripts_disabled = false');
  }
});
