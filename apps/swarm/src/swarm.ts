import { randomUUID } from 'node:crypto';
import { type SwarmOptions } from './config/options.js';
import { AnswerTexts } from './host/answer-texts.js';
import { type Hive, SimulatedHost } from './host/host.js';
import { Outputs, ServerClock, type World } from './host/world.js';
import { EnrollError, Enroller } from './identity/enroller.js';
import { type Machine, machineOf } from './identity/machine.js';
import { StateFile } from './identity/state-file.js';
import { Random } from './platform/random.js';
import { TimerWheel } from './platform/timer-wheel.js';
import { Statistics } from './report/statistics.js';
import { ENROLLING } from './transport/backoff.js';
import { EventReader } from './transport/packets.js';
import { Trust } from './trust/trust.js';

const SWEEP_MS = 1000;
const DIAL_STEP_MS = 20;
/** First dials that may wait for the server at once: one that is slower than the connect rate is not buried. */
const DIALS_AT_ONCE = 500;

/** How long it took until all were there. */
export interface Arrival {
  readonly enrollSeconds: number;
  readonly connectSeconds: number;
}

/** Many simulated hosts in one process. */
export class Swarm implements Hive {
  readonly socketUrl: string;
  readonly journalId = randomUUID();
  readonly labels: SwarmOptions['labels'];
  readonly statistics: Statistics;
  private readonly world: World;
  private readonly state: StateFile;
  private readonly enroller: Enroller;
  private readonly hosts: SimulatedHost[];
  /** Hosts whose first dial has come to nothing yet. */
  private readonly dialling = new Set<SimulatedHost>();
  private readonly sweeper: NodeJS.Timeout;
  private stopped = false;
  private allConnected: () => void = () => undefined;

  /** @throws Error when the state file cannot be used */
  constructor(private readonly options: SwarmOptions) {
    const { server, enrollSecret, seed, behaviour, hosts, labels, stateFile } = options;
    this.socketUrl = `${server.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`;
    this.labels = labels;
    this.statistics = new Statistics(hosts);
    this.state = new StateFile(stateFile, server);
    this.enroller = new Enroller(server, enrollSecret);
    this.world = {
      behaviour,
      wheel: new TimerWheel(),
      random: new Random(seed),
      statistics: this.statistics,
      reader: new EventReader(),
      answers: new AnswerTexts(behaviour),
      outputs: new Outputs(behaviour.scriptOutputBytes),
      clock: new ServerClock(),
      trust: new Trust(),
    };
    this.hosts = Array.from({ length: hosts }, (_, number) => new SimulatedHost(number, this, this.world));
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS);
  }

  /**
   * Enrolls and connects all hosts; resolves when every one of them was connected, which may be never.
   * @throws EnrollError when the server refuses to enroll, or cannot be reached at all
   */
  async start(): Promise<Arrival> {
    const began = performance.now();
    try {
      await this.enrollAll();
    } finally {
      this.state.save();
    }
    const enrolled = performance.now();
    const all = new Promise<void>((resolve) => (this.allConnected = resolve));
    await this.dialAll();
    await all;
    return {
      enrollSeconds: (enrolled - began) / 1000,
      connectSeconds: (performance.now() - enrolled) / 1000,
    };
  }

  /** Ends every connection. */
  stop(): void {
    this.stopped = true;
    clearInterval(this.sweeper);
    this.world.wheel.stop();
    for (const host of this.hosts) host.close();
    this.enroller.close();
    this.state.save();
  }

  machineOf(number: number): Machine {
    const { seed, prefix, platform } = this.options;
    return machineOf(seed, prefix, number, platform);
  }

  settled(host: SimulatedHost): void {
    this.dialling.delete(host);
    if (this.statistics.everConnected === this.options.hosts) this.allConnected();
  }

  reenroll(host: SimulatedHost): void {
    void this.enrollUntilDone(host).then(() => host.dial());
  }

  /** The first host goes ahead alone: what is wrong for all is said once, and at once. */
  private async enrollAll(): Promise<void> {
    const strangers: SimulatedHost[] = [];
    for (const host of this.hosts) {
      host.nodeKey = this.state.get(this.machineOf(host.number).hardwareUuid) ?? null;
      if (host.nodeKey === null) strangers.push(host);
    }
    const [first, ...others] = strangers;
    if (first === undefined) return;
    await this.enroll(first);
    await Promise.all(others.map((host) => this.enrollUntilDone(host, (error) => error.refused)));
  }

  /** @throws EnrollError when `hopeless` says so of it */
  private async enrollUntilDone(
    host: SimulatedHost,
    hopeless: (error: EnrollError) => boolean = () => false,
  ): Promise<void> {
    for (let failures = 0; !this.stopped; failures++) {
      try {
        return await this.enroll(host);
      } catch (error) {
        if (this.stopped) return;
        if (!(error instanceof EnrollError) || hopeless(error)) throw error;
        this.statistics.error(error.message);
        const wait = ENROLLING.after(failures, this.world.random);
        await new Promise<void>((resolve) => this.world.wheel.after(wait, resolve));
      }
    }
  }

  private async enroll(host: SimulatedHost): Promise<void> {
    const machine = this.machineOf(host.number);
    const { nodeKey, serverKeys, ms } = await this.enroller.enroll(machine);
    this.world.trust.learn(serverKeys);
    host.nodeKey = nodeKey;
    this.state.set(machine.hardwareUuid, nodeKey);
    this.statistics.counts.enrolled += 1;
    this.statistics.time('enroll', ms);
  }

  /** At the rate asked for, or as fast as the server answers. */
  private dialAll(): Promise<void> {
    const began = performance.now();
    const { connectRate } = this.options;
    let next = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.ceil(((performance.now() - began) / 1000) * connectRate);
        for (; next < due && this.dialling.size < DIALS_AT_ONCE; next++) {
          const host = this.hosts[next];
          if (host === undefined) break;
          this.dialling.add(host);
          host.dial();
        }
        if (next < this.hosts.length && !this.stopped) return;
        clearInterval(timer);
        resolve();
      }, DIAL_STEP_MS);
    });
  }

  private sweep(): void {
    const now = performance.now();
    for (const host of this.hosts) host.sweep(now);
  }
}
