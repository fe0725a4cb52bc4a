import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentFixture, type ServerFixture, type TcpProxy, until } from '#libs/testing/index';
import { killPostgres, postgresPids } from './embedded.js';
import { type JournalContent, readJournal } from './journals.js';
import { type Random } from './random.js';

/** An agent, how it reaches the server, and what it went through. */
export interface Victim {
  readonly agent: AgentFixture;
  /** Null: it dials the server itself. */
  readonly proxy: TcpProxy | null;
  readonly kills: AgentKill[];
}

/** A SIGKILL of an agent, and what its journal held when it was gone. */
export interface AgentKill {
  /** Before the signal, and when the process was gone. */
  readonly from: number;
  readonly to: number;
  readonly journal: JournalContent;
}

const WEIGHTS = {
  agentKill: 4,
  agentKillBusy: 10,
  serverKill: 3,
  serverKillInStart: 1,
  postmasterKill: 2,
  postgresKill: 4,
  backendKill: 4,
  agentFreeze: 3,
  serverFreeze: 2,
  postgresFreeze: 1,
  cut: 5,
  netFreeze: 4,
  everything: 2,
};
export type Fault = keyof typeof WEIGHTS;

/** Breaks things at moments that a seed decides, several at once, and puts them back. */
export class Chaos {
  readonly counts = Object.fromEntries(Object.keys(WEIGHTS).map((name) => [name, 0])) as Record<
    Fault,
    number
  >;
  /** How often the server gave up by itself; its PostgreSQL may only die so often in a row. */
  serverGaveUp = 0;
  private readonly busy = new Set<unknown>();

  constructor(
    private readonly random: Random,
    private readonly server: ServerFixture,
    private readonly victims: readonly Victim[],
  ) {}

  /** One after another until the signal; several of these may run beside each other. */
  async rage(signal: AbortSignal, calm: readonly [number, number]): Promise<void> {
    while (!signal.aborted) {
      await delay(this.random.between(...calm));
      if (signal.aborted) return;
      await this.strike(this.random.weighted(WEIGHTS));
    }
  }

  /** Makes everything whole again: nothing is frozen, everything runs. */
  async heal(): Promise<void> {
    for (const { agent, proxy } of this.victims) {
      proxy?.thaw();
      proxy?.accept();
      await agent.kill('SIGCONT');
    }
    await this.server.kill('SIGCONT');
    await this.ensureServer();
  }

  private async strike(fault: Fault): Promise<void> {
    switch (fault) {
      case 'agentKill':
        return this.toVictim(fault, (victim) => this.killAgent(victim, this.random.between(0, 1200)));
      case 'agentKillBusy':
        return this.toVictim(fault, async (victim) => {
          await untilBusy(victim.agent);
          await delay(this.random.between(0, 150));
          await this.killAgent(victim, this.random.between(0, 600));
        });
      case 'agentFreeze':
        return this.toVictim(fault, async ({ agent }) => {
          await agent.kill('SIGSTOP');
          await delay(this.random.between(100, 3500));
          await agent.kill('SIGCONT');
        });
      case 'cut':
      case 'netFreeze':
        return this.toVictim(fault, ({ proxy }) => this.breakNetwork(fault, proxy));
      case 'serverKill':
        return this.toServer(fault, () => this.killServer());
      case 'serverKillInStart':
        return this.toServer(fault, async () => {
          await this.server.kill();
          const start = this.server.restart().catch(() => undefined);
          await delay(this.random.between(50, 1500));
          await this.server.kill();
          await start;
          await this.server.restart();
        });
      case 'serverFreeze':
        return this.toServer(fault, async () => {
          await this.server.kill('SIGSTOP');
          await delay(this.random.between(100, 3500));
          await this.server.kill('SIGCONT');
        });
      case 'postmasterKill':
      case 'postgresKill':
      case 'backendKill':
      case 'postgresFreeze':
        return this.toServer(fault, () => this.breakPostgres(fault));
      case 'everything':
        return this.everything();
    }
  }

  private async breakNetwork(fault: 'cut' | 'netFreeze', proxy: TcpProxy | null): Promise<void> {
    if (proxy === null) return;
    if (fault === 'netFreeze') {
      proxy.freeze(this.random.pick(['fromClient', 'fromServer', 'both']));
      await delay(this.random.between(50, 3000));
    }
    if (fault === 'cut' || this.random.next() < 0.5) proxy.cut();
    proxy.thaw();
  }

  private async breakPostgres(fault: Fault): Promise<void> {
    const pids = postgresPids(this.server);
    const [postmaster] = pids;
    if (postmaster === undefined) return;
    if (fault === 'postgresKill') killPostgres(this.server, pids);
    if (fault === 'postmasterKill') killPostgres(this.server, [postmaster]);
    // Right after its start the postmaster is alone.
    if (fault === 'backendKill')
      killPostgres(this.server, [this.random.pick(pids.slice(pids.length > 1 ? 1 : 0))]);
    if (fault !== 'postgresFreeze') return;
    for (const pid of pids) signal(pid, 'SIGSTOP');
    await delay(this.random.between(100, 2500));
    for (const pid of pids) signal(pid, 'SIGCONT');
  }

  /** The machine's power, as far as processes know: all of it at once. */
  private async everything(): Promise<void> {
    const free = this.victims.filter((victim) => !this.busy.has(victim));
    await this.toServer('everything', async () => {
      for (const victim of free) this.busy.add(victim);
      const pids = postgresPids(this.server);
      await Promise.all([
        this.server.kill(),
        ...free.map((victim) => this.killAgent(victim, this.random.between(0, 1000))),
        Promise.resolve(killPostgres(this.server, pids)),
      ]);
      for (const victim of free) this.busy.delete(victim);
      await delay(this.random.between(0, 500));
      await this.server.restart();
    });
  }

  private async killServer(): Promise<void> {
    await this.server.kill();
    await delay(this.random.between(0, 1500));
    await this.server.restart();
  }

  private async killAgent(victim: Victim, pause: number): Promise<void> {
    const from = Date.now();
    await victim.agent.kill();
    const to = Date.now();
    victim.kills.push({ from, to, journal: readJournal(victim.agent.stateDir) });
    await delay(pause);
    await victim.agent.restart();
  }

  private async toVictim(fault: Fault, harm: (victim: Victim) => Promise<void>): Promise<void> {
    const victim = this.random.pick(this.victims);
    if (this.busy.has(victim)) return;
    this.busy.add(victim);
    this.counts[fault] += 1;
    try {
      await harm(victim);
    } finally {
      this.busy.delete(victim);
    }
  }

  private async toServer(fault: Fault, harm: () => Promise<void>): Promise<void> {
    if (this.busy.has(this.server)) return;
    this.busy.add(this.server);
    this.counts[fault] += 1;
    try {
      await this.ensureServer();
      await harm();
    } finally {
      this.busy.delete(this.server);
    }
  }

  /** It ends by itself when its PostgreSQL died too often in a row; whoever runs it starts it again. */
  private async ensureServer(): Promise<void> {
    const gone = await Promise.race([this.server.exited.then(() => true), Promise.resolve(false)]);
    if (!gone) return;
    this.serverGaveUp += 1;
    await this.server.restart();
  }
}

/** Resolves when the agent has a script under way, or after a while without one. */
async function untilBusy({ stateDir }: AgentFixture): Promise<void> {
  const runs = path.join(stateDir, 'runs');
  const look = (): boolean => existsSync(runs) && readdirSync(runs).length > 0;
  await until(look, { timeout: 3_000, interval: 5 }).catch(() => undefined);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has gone.
  }
}
