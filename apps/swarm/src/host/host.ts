import {
  AgentEvent,
  HandshakeRefusal,
  type Hello,
  type HelloAck,
  PROTOCOL_VERSION,
  type Report,
  type RefusedAnswer,
  ReportAck,
  type RunAck,
  ServerEvent,
  Stop,
  type StopAck,
} from '#libs/protocol/index';
import { type Machine } from '../identity/machine.js';
import { SWARM_VERSION } from '../platform/version.js';
import { DIALING, GOOD_CONNECTION_MS } from '../transport/backoff.js';
import { Connection, type ConnectionEnd, type ConnectionListener } from '../transport/connection.js';
import { type IncomingEvent } from '../transport/packets.js';
import { Answers } from './answers.js';
import { Attempts, PARALLEL_SLOTS } from './attempts.js';
import { placeOf, StandingWork } from './standing.js';
import { type World } from './world.js';

const RETRY_MS = 1000;
const LEAST_RETRY_MS = 100;

/** What a host wants from its swarm. */
export interface Hive {
  /** WebSocket address of the server's Socket.IO. */
  readonly socketUrl: string;
  /** Of all hosts of this process: a later process knows nothing of the runs of this one. */
  readonly journalId: string;
  readonly labels: Hello['labels'];
  /** Made anew each time: a machine is a hundred times the size of a host's other memory, and seldom wanted. */
  machineOf(number: number): Machine;
  /** A dial has come to something: the hello was answered, or the connection lost. */
  settled(host: SimulatedHost, ready: boolean): void;
  /** Its node key is not known to the server any more: it is to be enrolled, and dialled again. */
  reenroll(host: SimulatedHost): void;
}

/** One host that is only simulated: it keeps itself connected, and does what it is told. */
export class SimulatedHost implements ConnectionListener {
  nodeKey: string | null = null;
  /** Its hello was answered on some connection. */
  wasConnected = false;
  private connection: Connection | null = null;
  private ready = false;
  private uuid = '';
  private failures = 0;
  private closed = false;
  private reporting = false;
  /** Most hosts of most load tests are never asked. */
  private answers: Answers | null = null;
  private attempts: Attempts | null = null;
  private standing: StandingWork | null = null;

  /** @param number from 0 */
  constructor(
    readonly number: number,
    private readonly hive: Hive,
    private readonly world: World,
  ) {}

  /** Connects. Once connected it comes back by itself whenever the connection is lost. */
  dial(): void {
    if (this.closed) return;
    const auth = { node_key: this.nodeKey, protocol: PROTOCOL_VERSION, agent_version: SWARM_VERSION };
    this.connection = new Connection(this.hive.socketUrl, JSON.stringify(auth), this.world.reader, this);
  }

  /** Hangs up and dials no more. */
  close(): void {
    this.closed = true;
    this.connection?.close();
  }

  /** Looks for what took too long. */
  sweep(now: number): void {
    this.connection?.sweep(now);
  }

  joined(connection: Connection): void {
    const { hostname, facts } = this.hive.machineOf(this.number);
    const hello: Hello = {
      journal_id: this.hive.journalId,
      hostname,
      parallel_slots: PARALLEL_SLOTS,
      scripts_enabled: true,
      labels: this.hive.labels,
      attempts: this.attempts?.known() ?? [],
      facts,
      standing: this.standing?.held() ?? {},
      envelopes: 1,
      shared_orders: true,
      says_taken: true,
      challenge: this.world.trust.challenge,
      server_keys: this.world.trust.ids(),
    };
    const sentAt = performance.now();
    connection.ask(AgentEvent.hello, JSON.stringify(hello), (args) => this.greeted(connection, sentAt, args));
  }

  received(connection: Connection, { name, id, body }: IncomingEvent): string | null {
    const opened = this.world.trust.open(name, body, this.uuid, this.world.clock.now());
    if (opened.ok) {
      const { message, hosts } = opened.body;
      return name === ServerEvent.run
        ? this.run(connection, id !== null, message, hosts)
        : this.handle(connection, name, message);
    }
    const { code, message } = opened.refusal;
    const { statistics } = this.world;
    statistics.counts.refused += 1;
    statistics.error(`refused: ${code}`);
    return JSON.stringify({ refused: code, message } satisfies RefusedAnswer);
  }

  private handle(connection: Connection, name: string, body: unknown): string | null {
    switch (name) {
      case ServerEvent.query:
        (this.answers ??= new Answers(this.world, connection)).query(body);
        return null;
      case ServerEvent.queryEnd:
        this.answers?.end(body);
        return null;
      case ServerEvent.standing:
        (this.standing ??= new StandingWork(this.world, placeOf(this.number))).take(connection, body);
        return null;
      case ServerEvent.stop:
        return this.stop(body);
      default:
        this.world.statistics.counts.malformed += 1;
        return null;
    }
  }

  ended(connection: Connection, end: ConnectionEnd): void {
    if (connection !== this.connection) return;
    const { statistics, wheel, random } = this.world;
    this.connection = null;
    this.answers = null;
    this.attempts?.cut();
    this.standing?.cut();
    this.reporting = false;
    if (this.ready) statistics.connected -= 1;
    this.ready = false;
    if (this.closed) return;
    if (end.kind === 'lost') statistics.counts.cuts += 1;
    else statistics.counts[end.kind === 'refused' ? 'handshakes_refused' : 'dial_failures'] += 1;
    statistics.error(`connection ${end.kind}: ${end.message}`);
    this.hive.settled(this, false);
    if (end.kind === 'refused' && end.message === HandshakeRefusal.unknownNodeKey) {
      this.nodeKey = null;
      return this.hive.reenroll(this);
    }
    if (end.kind === 'lost' && end.lastedMs > GOOD_CONNECTION_MS) this.failures = 0;
    wheel.after(DIALING.after(this.failures, random), () => this.dial());
    this.failures += 1;
  }

  private greeted(connection: Connection, sentAt: number, args: string | null): void {
    const { statistics, wheel, clock } = this.world;
    const ack = this.greeting(args);
    // No answer, or none that makes sense: a new connection may do better.
    if (ack === null) return connection.close();
    if (!ack.ok) {
      statistics.counts.said_again += 1;
      statistics.error(`hello: ${ack.error}`);
      return wheel.after(Math.max(LEAST_RETRY_MS, ack.retry_after_ms), () => {
        if (connection === this.connection) this.joined(connection);
      });
    }
    clock.set(ack.server_time);
    this.uuid = ack.host_uuid;
    statistics.time('hello', performance.now() - sentAt);
    statistics.counts.connects += 1;
    statistics.connected += 1;
    if (!this.wasConnected) statistics.everConnected += 1;
    this.wasConnected = true;
    this.ready = true;
    this.attempts?.stale(ack.stale);
    this.hive.settled(this, true);
    this.standing?.connected(connection);
    this.report();
  }

  private greeting(args: string | null): HelloAck | null {
    try {
      return args === null ? null : this.world.trust.greeting((JSON.parse(args) as unknown[])[0]);
    } catch {
      return null;
    }
  }

  /** @param asked an acknowledgement is wanted; else only those are told of which no report follows at once */
  private run(
    connection: Connection,
    asked: boolean,
    body: unknown,
    hosts: readonly string[],
  ): string | null {
    const orders = this.world.trust.orders(body, hosts, this.uuid);
    if (orders === null) return this.malformed();
    const attempts = (this.attempts ??= new Attempts(this.world, () => this.report()));
    const answers = attempts.take(orders);
    if (asked) {
      // Behind the acknowledgement, which leaves when this returns.
      queueMicrotask(() => attempts.startNext());
      return JSON.stringify({ answers } satisfies RunAck);
    }
    attempts.startNext();
    const untold = answers.filter(({ accepted, attempt_id }) => !accepted || attempts.waits(attempt_id));
    if (untold.length > 0)
      connection.tell(AgentEvent.taken, JSON.stringify({ answers: untold } satisfies RunAck));
    return null;
  }

  private stop(body: unknown): string | null {
    const stop = Stop.safeParse(body);
    if (!stop.success) return this.malformed();
    const attempts = (this.attempts ??= new Attempts(this.world, () => this.report()));
    const ack: StopAck = { answers: attempts.stop(stop.data.attempts) };
    queueMicrotask(() => attempts.startNext());
    return JSON.stringify(ack);
  }

  private malformed(): null {
    this.world.statistics.counts.malformed += 1;
    return null;
  }

  /** Sends what there is to tell: one message at a time, which carries all that came up during the last. */
  private report(): void {
    const { connection, attempts } = this;
    if (this.reporting || !this.ready || connection === null || attempts === null) return;
    this.reporting = true;
    // As `queueMicrotask` does, for a tenth of what that costs.
    void Promise.resolve().then(() => {
      if (connection !== this.connection) return;
      const reports = attempts.reports();
      if (reports.length === 0) return void (this.reporting = false);
      const sentAt = performance.now();
      connection.ask(AgentEvent.report, JSON.stringify({ reports }), (args) =>
        this.reported(attempts, reports, sentAt, args),
      );
    });
  }

  private reported(attempts: Attempts, reports: Report[], sentAt: number, args: string | null): void {
    const { statistics, wheel } = this.world;
    const { connection } = this;
    const ack = parse(ReportAck, args);
    if (ack?.ok) {
      statistics.time('report', performance.now() - sentAt);
      attempts.confirm(reports, ack);
      this.reporting = false;
      return this.report();
    }
    statistics.counts.said_again += 1;
    if (ack !== null) statistics.error(`report: ${ack.error}`);
    attempts.unanswered(reports);
    wheel.after(ack?.retry_after_ms ?? RETRY_MS, () => {
      if (connection !== this.connection) return;
      this.reporting = false;
      this.report();
    });
  }
}

/** The first argument of an acknowledgement; null when there is none that makes sense. */
function parse<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
  args: string | null,
): T | null {
  if (args === null) return null;
  try {
    const parsed = schema.safeParse((JSON.parse(args) as unknown[])[0]);
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
