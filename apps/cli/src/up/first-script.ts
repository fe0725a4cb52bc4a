import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { record, string } from '../api/read.js';
import { type Host } from '../api/shapes.js';
import { MusterApi } from '../api/muster-api.js';
import { CliError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { HttpClient, type Tls } from '../http/http-client.js';
import { CollectedOutput } from '../output/collected-output.js';
import { followOutput } from '../output/follow-output.js';
import { describeOutcome, exitCodeOf } from '../output/outcome.js';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** What the server keeps of the admin it made by itself; undefined where it made none. */
export async function readAdmin(path: string): Promise<Credentials | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CliError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  try {
    const admin = record(JSON.parse(text), path);
    return { email: string(admin['email'], 'email'), password: string(admin['password'], 'password') };
  } catch {
    throw new CliError(`${path} is damaged`);
  }
}

/** The password on file is not the admin's any more, or the admin is gone. */
export class CannotSignIn extends Error {
  override readonly name = 'CannotSignIn';
}

export interface FirstScript {
  readonly hostname: string;
  readonly output: string;
  readonly milliseconds: number;
}

const contents = 'echo "hello from $(uname -n), $(uname -s) $(uname -m)"\n';
const onlineWithinMs = 60_000;

/** Signs in, waits for this host, runs one script on it through the whole path, signs out. */
export async function runFirstScript(
  server: { url: string; tls: Tls },
  admin: Credentials,
  agentStateDir: string,
  signal: AbortSignal,
): Promise<FirstScript> {
  const token = await signIn(server, admin);
  const api = new MusterApi(new HttpClient({ ...server, token }));
  try {
    const host = await waitForHost(api, agentStateDir, signal);
    const began = performance.now();
    const executionId = await api.runScript({ hostId: host.id, contents, timeoutSeconds: 60 });
    const output = new CollectedOutput();
    for await (const chunk of followOutput(api, executionId, { signal, giveUpMs: 60_000 })) output.add(chunk);
    const milliseconds = performance.now() - began;

    const target = (await api.execution(executionId, signal)).targets[0];
    if (!target || exitCodeOf(target) !== 0) {
      throw new CliError(
        (target && describeOutcome(target)) ?? `it ended with exit code ${target?.exitCode ?? '?'}`,
      );
    }
    return { hostname: host.hostname, output: output.text('stdout').trimEnd(), milliseconds };
  } finally {
    await api.logout().catch(() => undefined);
    api.close();
  }
}

async function signIn(server: { url: string; tls: Tls }, admin: Credentials): Promise<string> {
  const api = new MusterApi(new HttpClient(server));
  try {
    return (await api.login(admin.email, admin.password)).token;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) throw new CannotSignIn();
    throw error;
  } finally {
    api.close();
  }
}

async function waitForHost(api: MusterApi, agentStateDir: string, signal: AbortSignal): Promise<Host> {
  const deadline = performance.now() + onlineWithinMs;
  for (;;) {
    const uuid = await enrolledAs(agentStateDir);
    const host =
      uuid && (await api.hosts({}, signal)).find((each) => each.uuid === uuid && each.status === 'online');
    if (host) return host;
    if (performance.now() > deadline) {
      throw new CliError(`this host did not come online within ${onlineWithinMs / 1000} s`);
    }
    await sleep(50, undefined, { signal });
  }
}

/** Which host the agent is, as it keeps it; undefined while it has not enrolled. */
async function enrolledAs(agentStateDir: string): Promise<string | undefined> {
  try {
    const identity = record(
      JSON.parse(await readFile(join(agentStateDir, 'identity.json'), 'utf8')),
      'identity',
    );
    return string(identity['host_uuid'], 'host_uuid');
  } catch {
    return undefined;
  }
}
