import { request } from 'node:http';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import {
  api,
  startAgent,
  startServer,
  type AgentFixture,
  type AgentOptions,
  type Answer,
  type Api,
  type ServerFixture,
  type ServerOptions,
} from '#libs/testing/index';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies and rows of every shape
type Loose = any;

/** A server, one agent on it, and a signed-in client: what the tests of one file share. */
export interface World {
  readonly server: ServerFixture;
  readonly agent: AgentFixture;
  readonly host: { readonly id: number; readonly uuid: string };
  readonly client: Api;
}

export async function startWorld(
  options: { server?: ServerOptions | ServerFixture; agent?: Omit<AgentOptions, 'server'> } = {},
): Promise<World> {
  const given = options.server;
  const server = given !== undefined && 'url' in given ? given : await startServer(given);
  const agent = startAgent({ server, ...options.agent });
  const client = await api(server).login();
  return { server, agent, client, host: await agent.online() };
}

/** Asks for a script on a host; its execution id. */
export async function run(client: Api, hostId: number, contents: string, more: object = {}): Promise<string> {
  const body = { host_id: hostId, script_contents: contents, ...more };
  const answer = await client.post('/api/v1/fleet/scripts/run', body);
  if (answer.status !== 202) throw new Error(`run answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body.execution_id as string;
}

const FINAL = /^(finished|timed_out|killed|failed_to_start|lost|expired|cancelled|denied)$/;

/** The execution, once it has ended; the only target of it stands beside it. */
export async function ended(
  client: Api,
  id: string,
  seconds = 50,
): Promise<{ execution: Loose; target: Loose }> {
  const { status, body } = await client.get(`/api/v1/executions/${id}?wait=${seconds}`);
  if (status !== 200) throw new Error(`${id} answered ${status}: ${JSON.stringify(body)}`);
  const target = body.targets[0];
  if (!FINAL.test(target.state as string)) throw new Error(`${id} is still ${target.state}`);
  return { execution: body, target };
}

export async function resultOf(client: Api, id: string): Promise<Loose> {
  await ended(client, id);
  const { status, body } = await client.get(`/api/v1/fleet/scripts/results/${id}`);
  if (status !== 200) throw new Error(`result of ${id} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Runs a script to its end; its Fleet result. */
export async function outcome(
  { client, host }: Pick<World, 'client' | 'host'>,
  contents: string,
  more: object = {},
): Promise<Loose> {
  return resultOf(client, await run(client, host.id, contents, more));
}

export interface Chunk {
  seq: number;
  target_id: number;
  stream: 'stdout' | 'stderr';
  at: string;
  encoding: 'utf8' | 'base64';
  data: string;
  dropped_before?: number;
}

/** All output of an execution, page by page. */
export async function chunksOf(client: Api, id: string, query = ''): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let after = 0; ;) {
    const { status, body } = await client.get(`/api/v1/executions/${id}/output?after=${after}&${query}`);
    if (status !== 200) throw new Error(`output of ${id} answered ${status}: ${JSON.stringify(body)}`);
    chunks.push(...(body.chunks as Chunk[]));
    if (body.done) return chunks;
    if (body.next === after) throw new Error(`output of ${id} neither goes on nor ends`);
    after = body.next as number;
  }
}

export function bytesOf(chunks: readonly Chunk[]): Buffer {
  return Buffer.concat(chunks.map(({ data, encoding }) => Buffer.from(data, encoding)));
}

export interface ServerSentEvent {
  id: number;
  event: string;
  data: Loose;
}

/** Server-sent events of an execution's output as they come; leaving the loop hangs up. */
export async function* follow(
  { server, client }: Pick<World, 'server' | 'client'>,
  id: string,
  { query = '', lastEventId }: { query?: string; lastEventId?: number } = {},
): AsyncGenerator<ServerSentEvent> {
  const hangUp = new AbortController();
  const answer = await fetch(new URL(`/api/v1/executions/${id}/output?${query}`, server.url), {
    signal: hangUp.signal,
    headers: {
      accept: 'text/event-stream',
      authorization: `Bearer ${client.bearer}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    },
  });
  if (answer.status !== 200 || answer.body === null) throw new Error(`the stream answered ${answer.status}`);
  try {
    let text = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + part).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) if (!block.startsWith(':')) yield parseEvent(block);
    }
  } finally {
    hangUp.abort();
  }
}

function parseEvent(block: string): ServerSentEvent {
  const fields = new Map(block.split('\n').map((line) => [line.split(': ')[0], line.replace(/^\w+: /, '')]));
  return {
    id: Number(fields.get('id')),
    event: fields.get('event') ?? '',
    data: JSON.parse(fields.get('data') ?? 'null'),
  };
}

/** Resolves with the first output of a run: from now on it is known to be under way. */
export async function firstOutput(world: Pick<World, 'server' | 'client'>, id: string): Promise<string> {
  for await (const { event, data } of follow(world, id)) if (event === 'chunk') return data.data as string;
  throw new Error(`${id} ended without output`);
}

/** Looks into, or changes, the server's database behind its back. */
export async function sql(
  server: Pick<ServerFixture, 'databaseUrl'>,
  text: string,
  values: unknown[] = [],
): Promise<Loose[]> {
  const connection = new pg.Client({ connectionString: server.databaseUrl });
  await connection.connect();
  return connection
    .query(text, values)
    .then(({ rows }) => rows)
    .finally(() => connection.end());
}

/**
 * Another account, with the admin's password, signed in.
 * @param roles a global role, or roles on teams; who is to be gitops is a program
 */
export async function addUser(
  server: ServerFixture,
  email: string,
  roles: string | { id: number; role: string }[],
): Promise<Api> {
  const { password } = server.admin;
  const granted = typeof roles === 'string' ? { global_role: roles } : { teams: roles };
  const answer = await (
    await api(server).login()
  ).post('/api/v1/fleet/users/admin', {
    name: 'Somebody',
    email,
    password,
    ...granted,
    api_only: JSON.stringify(granted).includes('"gitops"'),
    admin_forced_password_reset: false,
  });
  if (answer.status !== 200)
    throw new Error(`user ${email}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return api(server).login({ email, password });
}

/** An account with these roles, by team id. */
export async function addTeamUser(
  server: ServerFixture,
  email: string,
  roles: Readonly<Record<number, string>>,
): Promise<Api> {
  await sql(
    server,
    `WITH added AS (
       INSERT INTO users (name, email, password_hash) SELECT 'Somebody', $1, password_hash FROM users WHERE email = $2 RETURNING id
     )
     INSERT INTO team_roles (user_id, team_id, role) SELECT added.id, key::int, value FROM added, jsonb_each_text($3)`,
    [email, server.admin.email, JSON.stringify(roles)],
  );
  return api(server).login({ email, password: server.admin.password });
}

/** Every row of every table as text: what must not be found in it was not stored. */
export async function databaseText(server: Pick<ServerFixture, 'databaseUrl'>): Promise<string> {
  const tables = await sql(server, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
  const parts = await Promise.all(
    tables.map(({ tablename }) => sql(server, `SELECT row_to_json(t)::text AS line FROM "${tablename}" t`)),
  );
  return parts
    .flat()
    .map(({ line }) => line as string)
    .join('\n');
}

/** A request as it stands: no normalising of the path, no headers of its own. */
export function raw(
  server: Pick<ServerFixture, 'url'>,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const json = /[/+]json\b/.test(incoming.headers['content-type'] ?? '') && text !== '';
        resolve({
          status: incoming.statusCode ?? 0,
          headers: new Headers(incoming.headers as Record<string, string>),
          body: json ? JSON.parse(text) : text,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The error envelope of an answer, with this problem in it. */
export function expectProblem(answer: Answer, status: number, name: string, reason: string | RegExp): void {
  const body = JSON.stringify(answer.body).slice(0, 400);
  expect(`${answer.status} ${answer.status === status ? '' : body}`).toBe(`${status} `);
  expect(answer.body).toMatchObject({
    message: expect.stringMatching(/\S/),
    errors: expect.arrayContaining([{ name, reason: expect.stringMatching(reasonPattern(reason)) }]),
  });
}

function reasonPattern(reason: string | RegExp): RegExp {
  return typeof reason === 'string'
    ? new RegExp(`^${reason.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
    : reason;
}

/** The log lines of a program of ours that are JSON. */
export function logLines(program: { log(): string }): Loose[] {
  return program
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

/** The most memory that a process has used so far, bytes. */
export function peakMemory(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmHWM`);
  return Number(kilobytes) * 1024;
}

/** Whether a process lives; one that has died but was not collected does not. */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
