import { randomUUID } from 'node:crypto';
import path from 'node:path';
import {
  type AgentFixture,
  api,
  startAgent,
  startServer,
  temporaryDirectory,
  type Answer,
  type Api,
} from '#libs/testing/index';
import { type HostRef, type ServerFixture, type ServerOptions } from '#libs/testing/index';

/** An item of `results`, as a client reads it. */
export interface Item {
  hostname: string;
  host_id: number;
  status: 'ok' | 'failed' | 'skipped' | 'queued' | 'running';
  exit_code?: number;
  stdout?: string;
  stderr?: string;
  stdout_truncated?: boolean;
  stderr_truncated?: boolean;
  duration_ms?: number;
  changed?: boolean;
  error?: string;
  reason?: string;
}

export interface Fleet {
  readonly server: ServerFixture;
  readonly client: Api;
  readonly agents: readonly AgentFixture[];
  readonly hosts: readonly HostRef[];
}

/** A server and agents with these labels (`group=web.dev`), called web-0, web-1…, all online. */
export async function startFleet(labels: readonly string[][], options?: ServerOptions): Promise<Fleet> {
  const server = await startServer(options);
  const client = await api(server).login();
  const agents = labels.map((own, i) =>
    startAgent({ server, hostname: `web-${i}`, args: own.flatMap((label) => ['--label', label]) }),
  );
  return { server, client, agents, hosts: await Promise.all(agents.map((agent) => agent.online())) };
}

export function exec(
  client: Api,
  target: string,
  body: unknown,
  headers?: Record<string, string>,
): Promise<Answer> {
  return client.post(`/node/${target}/command/exec`, body, headers);
}

export function shell(client: Api, target: string, command: string, more: object = {}): Promise<Answer> {
  return client.post(`/node/${target}/command/shell`, { command, ...more });
}

/** The items of a 202. */
export function itemsOf({ status, body }: Answer): Item[] {
  if (status !== 202) throw new Error(`answered ${status}: ${JSON.stringify(body).slice(0, 400)}`);
  return body.results as Item[];
}

/** A file that nobody has written yet; each run of `echo x >> file` adds a line. */
export function counterFile(): string {
  return path.join(temporaryDirectory('counter'), randomUUID());
}

/** A refusal in osapi's envelope, all three fields of it filled. */
export function expectRefusal(
  answer: Answer,
  code: number,
  error: RegExp | string,
  details: RegExp = /\S/,
): void {
  expect(`${answer.status} ${JSON.stringify(answer.body)}`).toMatch(new RegExp(`^${code} `));
  expect(answer.headers.get('content-type')).toMatch(/json/);
  expect(Object.keys(answer.body as object).sort()).toEqual(['code', 'details', 'error']);
  expect(answer.body).toEqual({
    error: typeof error === 'string' ? error : expect.stringMatching(error),
    details: expect.stringMatching(details),
    code,
  });
}
