import { type Answer } from '#libs/testing/index';
import { ended, raw, resultOf, startWorld, type World } from '../e2e/support.js';
import { differences } from './shape.js';

/* Every example of Fleet's "Scripts" document: its request as it stands there, and an answer of its shape. */

const SCRIPTS = '/api/v1/fleet/scripts';
let world: World;

beforeAll(async () => {
  world = await startWorld();
  // The document's example uploads for team 1.
  const { body } = await world.client.post('/api/v1/fleet/teams', { name: 'Workstations' });
  expect(body.team.id).toBe(1);
});

/** The multipart body of the document, byte for byte; without its first part when there is no team. */
function upload(name: string, contents: string, team?: number): Promise<Answer> {
  const boundary = '------------------------f02md47480und42y';
  const lines = [
    ...(team === undefined
      ? []
      : [`--${boundary}`, 'Content-Disposition: form-data; name="team_id"', '', String(team)]),
    `--${boundary}`,
    `Content-Disposition: form-data; name="script"; filename="${name}"`,
    'Content-Type: application/octet-stream',
    '',
    contents,
    `--${boundary}--`,
    '',
  ];
  const body = lines.join('\r\n');
  return raw(world.server, 'POST', SCRIPTS, {
    body,
    headers: {
      authorization: `Bearer ${world.client.bearer}`,
      'content-length': String(Buffer.byteLength(body)),
      'content-type': `multipart/form-data; boundary=${boundary}`,
    },
  });
}

it('Run script', async () => {
  const { status, body } = await world.client.post(`${SCRIPTS}/run`, {
    host_id: world.host.id,
    script_contents: "echo 'hello'",
  });
  expect(status).toBe(202);
  expect(body).toEqual({ host_id: world.host.id, execution_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  await ended(world.client, body.execution_id);
});

it('Run script: an error when both script_id and script_contents are included', async () => {
  const { status, body } = await world.client.post(`${SCRIPTS}/run`, {
    host_id: world.host.id,
    script_id: 1,
    script_contents: 'echo',
  });
  expect(status).toBe(422);
  expect(body.errors).toEqual([
    { name: 'script_id', reason: "Only one of 'script_id' or 'script_contents' is allowed." },
  ]);
});

it('Get script result', async () => {
  const run = await world.client.post(`${SCRIPTS}/run`, {
    host_id: world.host.id,
    script_contents: "echo 'hello'",
  });
  const answer = await resultOf(world.client, run.body.execution_id);
  const example = {
    script_contents: "echo 'hello'",
    exit_code: 0,
    output: 'hello',
    message: '',
    hostname: 'Test Host',
    host_timeout: false,
    host_id: 1,
    execution_id: 'e797d6c6-3aae-11ee-be56-0242ac120002',
    runtime: 20,
    created_at: '2024-09-11T20:30:24Z',
  };
  expect(differences(example, answer)).toEqual([]);
  expect(answer).toMatchObject({
    script_contents: "echo 'hello'",
    exit_code: 0,
    output: 'hello\n',
    message: '',
  });
});

it('Get script result: exit_code is null until the host was heard', async () => {
  const run = await world.client.post(`${SCRIPTS}/run`, {
    host_id: world.host.id,
    script_contents: 'sleep 60',
  });
  const { body } = await world.client.get(`${SCRIPTS}/results/${run.body.execution_id}`);
  expect(body.exit_code).toBeNull();
  await world.client.post(`/api/v1/executions/${run.body.execution_id}/cancel`);
  await ended(world.client, run.body.execution_id);
});

describe('saved scripts', () => {
  let id: number;

  it('Add script, for a team and for none', async () => {
    const ofTeam = await upload('myscript.sh', 'echo "hello"', 1);
    expect({ status: ofTeam.status, body: ofTeam.body }).toEqual({
      status: 200,
      body: { script_id: expect.any(Number) },
    });
    const answer = await upload('script_1.sh', 'echo "hello"');
    expect(answer.status).toBe(200);
    id = answer.body.script_id;
    expect((await upload('script_2.sh', 'echo "again"')).status).toBe(200);
  });

  it('List scripts', async () => {
    const { status, body } = await world.client.get(SCRIPTS);
    expect(status).toBe(200);
    const row = {
      id: 1,
      team_id: null,
      name: 'script_1.sh',
      created_at: '2023-07-30T13:41:07Z',
      updated_at: '2023-07-30T13:41:07Z',
    };
    const example = { scripts: [row], meta: { has_next_results: false, has_previous_results: false } };
    expect(differences(example, body)).toEqual([]);
    expect(body.scripts.map((s: { name: string }) => s.name)).toEqual(['script_1.sh', 'script_2.sh']);
    expect(body.meta).toEqual({ has_next_results: false, has_previous_results: false });
    const ofTeam = await world.client.get(`${SCRIPTS}?team_id=1`);
    expect(ofTeam.body.scripts).toEqual([expect.objectContaining({ name: 'myscript.sh', team_id: 1 })]);
  });

  it('Get script', async () => {
    const { status, body } = await world.client.get(`${SCRIPTS}/${id}`);
    expect(status).toBe(200);
    const example = {
      id: 123,
      team_id: null,
      name: 'script_1.sh',
      created_at: '2023-07-30T13:41:07Z',
      updated_at: '2023-07-30T13:41:07Z',
    };
    expect(differences(example, body)).toEqual([]);
    expect(body).toMatchObject({ id, team_id: null, name: 'script_1.sh' });
  });

  it('Download script', async () => {
    const { status, headers, body } = await world.client.get(`${SCRIPTS}/${id}?alt=media`);
    expect(status).toBe(200);
    expect(headers.get('content-length')).toBe('12');
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toMatch(/^attachment;filename="\d{4}-\d\d-\d\d script_1\.sh"/);
    expect(body).toBe('echo "hello"');
  });

  it('Run script by its id', async () => {
    const { status, body } = await world.client.post(`${SCRIPTS}/run`, {
      host_id: world.host.id,
      script_id: id,
    });
    expect(status).toBe(202);
    expect(await resultOf(world.client, body.execution_id)).toMatchObject({
      script_id: id,
      script_contents: 'echo "hello"',
      output: 'hello\n',
    });
  });

  it('Delete script', async () => {
    const { status, body } = await world.client.delete(`${SCRIPTS}/${id}`);
    expect({ status, body }).toEqual({ status: 204, body: '' });
    expect((await world.client.get(`${SCRIPTS}/${id}`)).status).toBe(404);
  });
});

it.each(['v1', 'latest', '2022-04'])('answers under the prefix %s', async (version) => {
  expect((await world.client.get(`/api/${version}/fleet/scripts`)).status).toBe(200);
});
