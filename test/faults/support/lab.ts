import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type ExecutionDto, type OutputDto, type TargetDto } from '#libs/executions/executions.dto';
import { isFinal, type TargetState } from '#libs/executions/states';
import {
  type AgentFixture,
  api,
  type Api,
  type HostRef,
  type ServerFixture,
  type ServerOptions,
  startServer,
  type TcpProxy,
  temporaryDirectory,
  until,
} from '#libs/testing/index';
import { embeddedUrl } from './embedded.js';
import { recordTransitions } from './transitions.js';

/** A server, an admin who is signed in, and words for what the tests of this folder do over and over. */
export class Lab {
  private readonly counters = temporaryDirectory('counters');

  private constructor(
    readonly server: ServerFixture,
    readonly api: Api,
  ) {}

  /** Starts a server whose database records every transition. */
  static async open(options: ServerOptions = {}): Promise<Lab> {
    const server = await startServer(options);
    const lab = new Lab(server, await api(server).login());
    await recordTransitions(lab.databaseUrl);
    return lab;
  }

  get databaseUrl(): string {
    return this.server.databaseUrl ?? embeddedUrl(this.server);
  }

  /** The server as an agent behind a proxy knows it. */
  through({ url }: TcpProxy): Pick<ServerFixture, 'url' | 'enrollSecret' | 'admin'> {
    const { enrollSecret, admin } = this.server;
    return { url, enrollSecret, admin };
  }

  /** Resolves when the server says that this agent is connected; asks the server itself, not through a proxy. */
  online({ hostname }: Pick<AgentFixture, 'hostname'>): Promise<HostRef> {
    const look = async (): Promise<HostRef | undefined> => {
      const { body } = await this.api.get('/api/v1/fleet/hosts?status=online');
      return (body.hosts as (HostRef & { hostname: string })[]).find((host) => host.hostname === hostname);
    };
    return until(look, { timeout: 30_000, what: `${hostname} online` });
  }

  /** Asks for a script run on a host; answers the execution's uuid, which is its target's too. */
  async run(hostId: number, script: string, more: Record<string, unknown> = {}): Promise<string> {
    const body = { host_id: hostId, script_contents: script, ...more };
    const answer = await this.api.post('/api/v1/fleet/scripts/run', body);
    if (answer.status !== 202)
      throw new Error(`run answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return (answer.body as { execution_id: string }).execution_id;
  }

  async target(uuid: string): Promise<TargetDto> {
    const { status, body } = await this.api.get(`/api/v1/executions/${uuid}`);
    const [target] = status === 200 ? (body as ExecutionDto).targets : [];
    if (target === undefined) throw new Error(`execution ${uuid}: ${status}`);
    return target;
  }

  /** Resolves when the target is in one of these states; fails at once when it has ended in another. */
  async reaches(uuid: string, states: readonly TargetState[], timeout = 30_000): Promise<TargetDto> {
    const look = async (): Promise<TargetDto | undefined> => {
      const target = await this.target(uuid);
      return states.includes(target.state) || isFinal(target.state) ? target : undefined;
    };
    const target = await until(look, { timeout, what: `${uuid} ${states.join(' or ')}` });
    if (!states.includes(target.state))
      throw new Error(`not ${states.join(' or ')}: ${JSON.stringify(target)}`);
    return target;
  }

  /** Resolves when the target has ended, however. */
  async ended(uuid: string, timeout = 30_000): Promise<TargetDto> {
    const look = async (): Promise<TargetDto | undefined> => {
      const target = await this.target(uuid);
      return isFinal(target.state) ? target : undefined;
    };
    return until(look, { timeout, what: `the end of ${uuid}` });
  }

  cancel(uuid: string): Promise<unknown> {
    return this.api.post(`/api/v1/executions/${uuid}/cancel`);
  }

  /** The agent of this host may lose its state, and be it again. */
  async allowReenrolment(hostId: number): Promise<void> {
    const { status } = await this.api.post(`/api/v1/fleet/hosts/${hostId}/reenroll`);
    if (status !== 200) throw new Error(`reenroll answered ${status}`);
  }

  /** All stored output of a target, per stream, and its chunks' numbers in the order in which they were read. */
  async output(uuid: string): Promise<{ stdout: string; stderr: string; seqs: number[]; dropped: number }> {
    const all = { stdout: '', stderr: '', seqs: [] as number[], dropped: 0 };
    for (let after = 0, done = false; !done;) {
      const { status, body } = await this.api.get(
        `/api/v1/executions/${uuid}/output?after=${after}&limit=1000`,
      );
      if (status !== 200) throw new Error(`output of ${uuid}: ${status}`);
      const page = body as OutputDto;
      for (const { stream, encoding, data, seq, dropped_before: dropped } of page.chunks) {
        all[stream] += Buffer.from(data, encoding).toString('latin1');
        all.seqs.push(seq);
        all.dropped += dropped ?? 0;
      }
      after = page.next;
      done = page.chunks.length === 0;
    }
    return all;
  }

  /** A file that a script counts in. */
  counter(name: string): string {
    return path.join(this.counters, name);
  }
}

/** Shell that leaves one more mark in a file: unlike `n + 1`, two starts at once cannot hide each other. */
export function countIn(file: string): string {
  return `printf x >> '${file}'\n`;
}

/** How often a script that counts in this file has begun. */
export function countOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Whether a process lives (a zombie does not). */
export function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
  } catch {
    return false;
  }
}
