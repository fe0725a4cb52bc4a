import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import pg from 'pg';
import { api, startServer, type ServerFixture } from '#libs/testing/index';
import { logLines } from '../e2e/support.js';
import { type FuzzRequest, hangUp, type Operation, type Parameter, requests, send } from './requests.js';
import { type Schema, Values } from './values.js';

/** Of each route so many requests, by an administrator and by nobody. */
const BY_ADMIN = 90;
const BY_NOBODY = 15;
/** Routes that are asked at the same time. */
const AT_ONCE = 12;
/** Some of them wait a second by themselves; the machine may be a slow one. */
const WITHIN_MS = 60_000;

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
interface DocumentOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

const document = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../openapi/openapi.json'), 'utf8'),
) as Document;
const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    parameters,
    bodies: Object.fromEntries(
      Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema ?? {}]),
    ),
  })),
);

let server: ServerFixture;
let database: pg.Pool;
let values: Values;
let token = '';
const statuses = new Map<string, number>();
/** The same requests each time, so that what was found can be found again; another number looks elsewhere. */
const SEED = 20_261_127;

let cases = 0;

beforeAll(async () => {
  server = await startServer({
    env: {
      // A fuzzer is faster than anybody should be.
      MUSTER_TOKEN_RATE: '0',
      MUSTER_REFUSED_RATE: '0',
      MUSTER_LIVE_QUERY_REST_SECONDS: '1',
      MUSTER_LIVE_QUERY_IDLE_SECONDS: '1',
      MUSTER_LOG_LEVEL: 'error',
    },
  });
  database = new pg.Pool({ connectionString: server.databaseUrl, max: 2 });
  // The fixture may drop the database before this file closes its connection.
  database.on('error', () => undefined);
  values = new Values(document.components.schemas, await makeThings());
  token = await newAdmin();
});
afterAll(async () => {
  hangUp();
  await database.end();
});

/** Somebody who may do everything, and may be deleted, demoted or locked out by what is tried. */
async function newAdmin(): Promise<string> {
  const secret = randomBytes(64).toString('base64');
  await database.query(
    `WITH u AS (INSERT INTO users (name, email, password_hash, global_role) VALUES ('Somebody', $1, 'none', 'admin') RETURNING id)
     INSERT INTO sessions (user_id, token_hash) SELECT id, $2 FROM u`,
    [`${randomUUID()}@example.com`, createHash('sha256').update(secret).digest()],
  );
  return secret;
}

/** One of each kind, so that requests find something. */
async function makeThings(): Promise<Record<string, (string | number)[]>> {
  const admin = await api(server).login();
  const post = async (path: string, body: unknown): Promise<Record<string, never>> =>
    (await admin.post(path, body)).body as Record<string, never>;
  const { rows: teams } = await database.query<{ id: number }>(
    `INSERT INTO teams (name) VALUES ('Web'), ('Db') RETURNING id`,
  );
  const { rows: hosts } = await database.query<{ id: number; uuid: string; hostname: string }>(
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
     SELECT gen_random_uuid(), gen_random_uuid(), 'test', 'host-' || n, '{"hostname": "x", "platform": "debian", "os_version": "Debian 12", "arch": "x86_64"}',
       sha256(n::text::bytea), CASE WHEN n > 2 THEN $1::int END FROM generate_series(1, 4) n RETURNING id, uuid, hostname`,
    [teams[0]?.id],
  );
  const script = new FormData();
  script.set('script', new Blob(['echo hello']), 'hello.sh');
  const saved = (await admin.post('/api/v1/fleet/scripts', script)).body as { script_id: number };
  const runs = await Promise.all(
    hosts.map(({ id }) => post('/api/v1/fleet/scripts/run', { host_id: id, script_contents: 'echo later' })),
  );
  const job = await post(`/node/${hosts[0]?.hostname}/command/exec`, {
    command: 'true',
    queue: true,
    wait: 0,
  });
  await post('/api/connections', {
    name: 'bash',
    type: 'custom',
    subtype: 'bash',
    command: ['bash'],
    agent_id: hosts[0]?.uuid,
  });
  const session = await post('/api/sessions?wait=0', { connection: 'bash', script: 'true' });
  await post('/api/v1/fleet/queries', { name: 'uptime', query: 'SELECT * FROM uptime' });
  await post('/api/v1/fleet/labels', { name: 'debians', query: 'SELECT 1' });
  await post('/api/v1/fleet/global/policies', { name: 'patched', query: 'SELECT 1' });
  const uuids = [
    ...runs.map((run) => String(run['execution_id'])),
    String(job['job_id']),
    String(session['session_id']),
  ];
  return {
    id: [1, 2, 3, ...uuids],
    uuid: uuids,
    host: [
      ...hosts.map(({ id }) => id),
      ...hosts.map(({ hostname }) => hostname),
      ...hosts.map(({ uuid }) => uuid),
    ],
    team: teams.map(({ id }) => id),
    script: [saved.script_id, 'hello.sh'],
    execution: uuids,
    session: uuids,
    target: [...hosts.map(({ hostname }) => hostname), '_all', '_any'],
    connection: ['bash'],
    agent: [hosts[0]?.uuid ?? '', 'host-1'],
    name: ['bash', 'uptime', 'debians', 'patched', 'host-1', 'Web', 'hello.sh'],
    query: [1, 'SELECT 1', 'uptime'],
    policy: [1, 2],
    label: [1, 'debians', 'All Hosts'],
    email: [server.admin.email],
    user: [1, 2, server.admin.email],
    identifier: ['host-1', hosts[1]?.uuid ?? ''],
  };
}

/** Sends it; complains about everything that is no answer of a healthy server. */
async function tried(request: FuzzRequest, asAdmin: boolean): Promise<void> {
  const headers = asAdmin ? { ...request.headers, authorization: `Bearer ${token}` } : request.headers;
  const used = token;
  const answer = await send(server.url, { ...request, headers }, WITHIN_MS);
  cases++;
  if (answer === null) return;
  const kind = `${asAdmin ? 'admin' : 'nobody'} ${Math.floor(answer.status / 100)}xx`;
  statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
  if (asAdmin && answer.status === 401 && used === token) token = await newAdmin();
  // 503 is for a database that is away, and it is not.
  if (answer.status >= 500 || answer.status < 200) throw new Error(`${answer.status} ${answer.text}`);
}

/** All routes, some at a time; everything that was found, not only the first. */
async function fuzz(asAdmin: boolean, runs: number): Promise<string[]> {
  const found: string[] = [];
  const left = [...operations];
  const worker = async (): Promise<void> => {
    for (let operation = left.shift(); operation; operation = left.shift()) {
      const { method, path } = operation;
      const property = fc.asyncProperty(requests(operation, values), (request) => tried(request, asAdmin));
      const result = await fc.check(property, { numRuns: runs, endOnFailure: true, seed: SEED });
      if (!result.failed) continue;
      const [request] = result.counterexample ?? [];
      found.push(
        `${method} ${path} (seed ${result.seed}): ${(result.errorInstance as Error | null)?.message}\n${shown(request)}`,
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  // What the server has to say about it.
  if (found.length > 0)
    found.push(
      ...server
        .log()
        .split('\n')
        .filter((line) => line.includes('"err"')),
    );
  return found;
}

function shown(request: FuzzRequest | undefined): string {
  if (!request) return '';
  const { target, headers, body, cutAt } = request;
  return JSON.stringify({ target, headers, body: body?.toString('latin1').slice(0, 500), cutAt });
}

it.each([
  ['an administrator', true, BY_ADMIN],
  ['nobody', false, BY_NOBODY],
] as const)(
  'every route answers whatever %s sends, and never with a 5xx',
  async (_who, asAdmin, runs) => {
    expect(await fuzz(asAdmin, runs)).toEqual([]);
  },
  900_000,
);

// Each was a 500 once.
it.each([['POST', '/api/v1/fleet/teams', { name: 'lists in lists', secrets: [[]] }]])(
  '%s %s with %j is refused',
  async (method, path, body) => {
    // Not the first administrator, whose password may be another one by now.
    const admin = api(server).as(await newAdmin());
    expect((await admin.request(method, path, body)).status).toBe(400);
  },
);

it('was asked often and in depth, and is as well as before', async () => {
  expect(cases).toBeGreaterThanOrEqual(20_000);
  const count = (kind: string): number => statuses.get(kind) ?? 0;
  // A fuzzer that is turned away at the door finds nothing behind it.
  expect(count('admin 2xx')).toBeGreaterThan(cases / 20);
  expect(count('nobody 4xx')).toBeGreaterThan(count('nobody 2xx'));
  expect((await api(server).get('/readyz')).status).toBe(200);
  expect(logLines(server).filter(({ level }) => level === 'fatal' || level === 60)).toEqual([]);
});
