import { createHash, randomUUID } from 'node:crypto';
import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import {
  AGENTS_NAMESPACE,
  AgentEvent,
  Answer,
  EnrollRequest,
  FactsQueryAck,
  Findings,
  HandshakeRefusal,
  Hello,
  HELLO_ANSWER,
  InstanceSetAck,
  instancesRevision,
  Limits,
  liftParts,
  Refused,
  Reports,
  RunAck,
  seal,
  sealable,
  ServerEvent,
  StopAck,
  TIME_ANSWER,
  TimeQuestion,
  toBytes,
  TriggerCheckAck,
  Triggered,
  type AnswerAck,
  type Ending,
  type Envelope,
  type FindingsAck,
  type Order,
  type QueryOrder,
  type RefusedMessage,
  type Report,
  type ReportAck,
  type ScheduledReport,
  type InstanceDefinition,
  type Standing,
  type TriggerCheck,
  type TriggeredAck,
} from './protocol.js';
import { newSigningKey, type TestKey } from './signing-key.js';

type ReportAnswer = (reports: Report[]) => ReportAck | null;

/** What the server keeps of an attempt, as a ledger would: chunks by number, duplicates ignored. */
export interface Ledger {
  startedAt: number | null;
  readonly chunks: Map<number, Buffer>;
  ending: Ending | null;
  reports: number;
  endings: number;
}

/** The server's side of the protocol, small, strict and real: an HTTP server with Socket.IO. For tests. */
export class ProtocolServer {
  readonly enrolments: EnrollRequest[] = [];
  readonly hellos: Hello[] = [];
  readonly messages: Report[][] = [];
  readonly ledger = new Map<string, Ledger>();
  /** What was said of orders that wanted no acknowledgement. */
  readonly taken: RunAck['answers'] = [];
  /** Every part of an answer to a query that was said, in order, repeated ones too. */
  readonly answers: Answer[] = [];
  /** The parts that were acknowledged, by campaign; a part 0 begins anew. */
  readonly stored = new Map<number, Answer[]>();
  /** Decides how the parts of answers are acknowledged. */
  answerAck: (answer: Answer) => AnswerAck | Promise<AnswerAck> = () => ({ ok: true, status: 'ok' });
  /** Every message of findings, acknowledged or not. */
  readonly findings: Findings[] = [];
  /** What was acknowledged: last verdicts by id, and reports in order. */
  readonly found = {
    labels: new Map<number, boolean>(),
    policies: new Map<number, boolean | null>(),
    reports: [] as ScheduledReport[],
  };
  /** Decides how findings are acknowledged; null: not at all. */
  findingsAck: (findings: Findings) => FindingsAck | null = () => ({ ok: true });
  /** Runs that triggers started, in the order in which they were acknowledged. */
  readonly triggered: Triggered[] = [];
  /** Decides how they are acknowledged; null: not at all. */
  triggeredAck: (run: Triggered) => TriggeredAck | null = () => ({ status: 'ok' });
  /** Told in the next hello's answer. */
  stale: string[] = [];
  /** What enrolments without a proof are answered; null: they need none. */
  challenge: string | null = null;
  /** Statuses that the next enrolments get. */
  refuseEnrolments: number[] = [];
  /** Ahead of the agent's clock. */
  clockOffset = 0;
  nodeKeys = new Set<string>();
  /** Of the one host that there is. */
  hostUuid: string = randomUUID();
  /** Signs what is said. */
  key: TestKey = newSigningKey();
  /** The key of before: named beside it, and signs the answer to a hello of who knows no other. */
  previousKey: TestKey | null = null;
  /** How hellos are answered, when not as they should be. */
  greeting: ((hello: Hello, proper: Envelope) => unknown) | null = null;
  /** What the agent said that it refused. */
  readonly refusals: RefusedMessage[] = [];
  timesAsked = 0;
  /** Sent as soon as an agent has connected, before it has said a word. */
  onConnection: (socket: Socket) => void = () => undefined;
  private answer: ReportAnswer = (reports) => ({
    ok: true,
    answers: reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })),
  });
  private http: HttpServer | null = null;
  private io: Server | null = null;
  private socket: Socket | null = null;
  private port = 0;
  private watchers: { check: () => boolean; resolve: () => void }[] = [];

  async listen(): Promise<string> {
    this.http = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        const status = this.refuseEnrolments.shift() ?? 200;
        const request = EnrollRequest.parse(JSON.parse(body));
        this.enrolments.push(request);
        if (this.challenge !== null && request.proof === undefined) {
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ challenge: this.challenge, server_keys: this.serverKeys() }));
          this.changed();
          return;
        }
        const node_key = randomUUID();
        if (status === 200) this.nodeKeys.add(node_key);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify(
            status === 200
              ? { node_key, host_id: 7, host_uuid: this.hostUuid, server_keys: this.serverKeys() }
              : { errors: [] },
          ),
        );
        this.changed();
      });
    });
    this.io = new Server(this.http, { maxHttpBufferSize: Limits.messageBytes });
    const agents = this.io.of(AGENTS_NAMESPACE);
    agents.use((socket, next) =>
      next(
        this.nodeKeys.has(String(socket.handshake.auth['node_key']))
          ? undefined
          : new Error(HandshakeRefusal.unknownNodeKey),
      ),
    );
    agents.on('connection', (socket) => this.attend(socket));
    await new Promise<void>((resolve) => this.http?.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.http.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.port}`;
  }

  /** Gone, like a server that is restarted; `listen` again takes the same port. */
  async close(): Promise<void> {
    this.socket = null;
    await this.io?.close();
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.socket?.conn.close();
    this.socket = null;
  }

  get connected(): boolean {
    return this.socket !== null;
  }

  /** Decides how reports are answered from now on; null: not at all. */
  answerReports(answer: ReportAnswer | null): void {
    this.answer =
      answer ??
      ((reports) => ({ ok: true, answers: reports.map(({ attempt_id }) => ({ attempt_id, status: 'ok' })) }));
  }

  /** Resolves when this is so; looked at whenever the agent says something. */
  until(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve) => this.watchers.push({ check, resolve }));
  }

  /** An envelope as it should be. */
  seal(event: string, message: unknown, hosts: readonly string[] = [this.hostUuid]): Envelope {
    return seal(sealable(event, liftParts(event, message)), hosts, this.key, this.now());
  }

  async run(...orders: Order[]): Promise<RunAck['answers']> {
    await this.until(() => this.connected);
    return RunAck.parse(await this.bare(ServerEvent.run, this.seal(ServerEvent.run, { orders }))).answers;
  }

  /** The same, and no acknowledgement is wanted. */
  runUnasked(...orders: Order[]): Promise<void> {
    return this.tell(ServerEvent.run, { orders });
  }

  /** A message that need not make sense, signed. */
  async raw(event: string, data: unknown): Promise<unknown> {
    const sealed = seal(sealable(event, { message: data, parts: {} }), [this.hostUuid], this.key, this.now());
    return this.bare(event, sealed);
  }

  /** As it is. */
  async bare(event: string, data: unknown): Promise<unknown> {
    await this.until(() => this.connected);
    return this.socket?.emitWithAck(event, data) as Promise<unknown>;
  }

  /** The same, of what is not acknowledged. */
  emit(event: string, data: unknown): void {
    this.socket?.emit(event, data);
  }

  async stop(
    attempt_id: string,
    reason: 'cancel_requested' | 'expired' = 'cancel_requested',
  ): Promise<string | undefined> {
    const ack = await this.raw(ServerEvent.stop, { attempts: [{ attempt_id, reason, message: 'by ann' }] });
    return StopAck.parse(ack).answers[0]?.state;
  }

  /** Asks live queries. */
  async query(...queries: QueryOrder[]): Promise<void> {
    await this.tell(ServerEvent.query, { queries });
  }

  /** Wants no answers to these campaigns any more. */
  endQueries(...campaign_ids: number[]): void {
    this.socket?.emit(ServerEvent.queryEnd, this.seal(ServerEvent.queryEnd, { campaign_ids }));
  }

  /** Sends standing work. */
  async standing({ remove = [], blocks = [] }: Partial<Standing>): Promise<void> {
    await this.tell(ServerEvent.standing, { remove, blocks });
  }

  /** Sends the host's whole set of instances; `scripts` are the contents. */
  async instances(definitions: InstanceDefinition[], scripts: readonly string[]): Promise<string> {
    const revision = instancesRevision(definitions);
    const contents = Object.fromEntries(scripts.map((script) => [digest(script), script]));
    await this.until(() => this.connected);
    const set = { revision, instances: definitions, contents };
    InstanceSetAck.parse(await this.bare(ServerEvent.instances, this.seal(ServerEvent.instances, set)));
    return revision;
  }

  async askFacts(xpath: string | null): Promise<FactsQueryAck> {
    return FactsQueryAck.parse(await this.raw(ServerEvent.factsQuery, { xpath }));
  }

  async checkTriggers(check: TriggerCheck): Promise<TriggerCheckAck> {
    return TriggerCheckAck.parse(await this.raw(ServerEvent.triggerCheck, check));
  }

  /** An answer to a query as a whole, once its last part is acknowledged. */
  async answered(campaign: number): Promise<Answer & { ending: NonNullable<Answer['ending']> }> {
    await this.until(() => this.stored.get(campaign)?.at(-1)?.ending !== undefined);
    const parts = this.stored.get(campaign) ?? [];
    const last = parts.at(-1);
    if (last?.ending === undefined) throw new Error('unreachable');
    return { ...last, ending: last.ending, rows: parts.flatMap(({ rows }) => rows) };
  }

  /** The attempt's ending, once it is reported. */
  async ended(attempt_id: string): Promise<Ending> {
    await this.until(() => this.of(attempt_id).ending !== null);
    const { ending } = this.of(attempt_id);
    if (ending === null) throw new Error('unreachable');
    return ending;
  }

  of(attempt_id: string): Ledger {
    const found = this.ledger.get(attempt_id) ?? {
      startedAt: null,
      chunks: new Map(),
      ending: null,
      reports: 0,
      endings: 0,
    };
    this.ledger.set(attempt_id, found);
    return found;
  }

  output(attempt_id: string): Buffer {
    const { chunks } = this.of(attempt_id);
    return Buffer.concat([...chunks.entries()].sort(([a], [b]) => a - b).map(([, data]) => data));
  }

  private serverKeys(): TestKey['told'][] {
    return [this.key, ...(this.previousKey === null ? [] : [this.previousKey])].map(({ told }) => told);
  }

  private now(): number {
    return Date.now() + this.clockOffset;
  }

  private async tell(event: string, message: unknown): Promise<void> {
    await this.until(() => this.connected);
    this.socket?.emit(event, this.seal(event, message));
  }

  /** The answer to a hello, signed with a key that the agent trusts. */
  private greet({ challenge, server_keys = [] }: Hello): Envelope {
    const message = {
      ok: true,
      host_id: 7,
      host_uuid: this.hostUuid,
      server_time: this.now(),
      stale: this.stale,
      challenge,
      server_keys: this.serverKeys(),
    };
    const { key, previousKey } = this;
    const knowsOldOne = previousKey !== null && server_keys.includes(previousKey.keyId);
    const signer = knowsOldOne && !server_keys.includes(key.keyId) ? previousKey : key;
    return seal(sealable(HELLO_ANSWER, { message, parts: {} }), [this.hostUuid], signer, this.now());
  }

  private attend(socket: Socket): void {
    this.onConnection(socket);
    socket.on(AgentEvent.hello, (data: unknown, ack: (answer: unknown) => void) => {
      const hello = Hello.parse(data);
      this.hellos.push(hello);
      this.socket = socket;
      const proper = this.greet(hello);
      ack(this.greeting === null ? proper : this.greeting(hello, proper));
      this.changed();
    });
    socket.on(AgentEvent.taken, (data: unknown) => {
      this.taken.push(...RunAck.parse(data).answers);
      this.changed();
    });
    socket.on(AgentEvent.time, (data: unknown, ack: (answer: unknown) => void) => {
      this.timesAsked += 1;
      const message = { challenge: TimeQuestion.parse(data).challenge, server_time: this.now() };
      ack(seal(sealable(TIME_ANSWER, { message, parts: {} }), [this.hostUuid], this.key, this.now()));
      this.changed();
    });
    socket.on(AgentEvent.refused, (data: unknown, ack: (answer: unknown) => void) => {
      this.refusals.push(...Refused.parse(data).refusals);
      ack({ ok: true });
      this.changed();
    });
    socket.on(AgentEvent.facts, (_data: unknown, ack: (answer: unknown) => void) => ack({ ok: true }));
    socket.on(AgentEvent.report, (data: unknown, ack: (answer: unknown) => void) => {
      const { reports } = Reports.parse(data);
      this.messages.push(reports);
      const answer = this.answer(reports);
      if (answer?.ok === true) for (const report of reports) this.store(report);
      if (answer !== null) ack(answer);
      this.changed();
    });
    socket.on(AgentEvent.triggered, (data: unknown, ack: (answer: TriggeredAck) => void) => {
      const run = Triggered.parse(data);
      const verdict = this.triggeredAck(run);
      const known = this.triggered.some(({ attempt_id }) => attempt_id === run.attempt_id);
      if (verdict !== null && 'status' in verdict && verdict.status === 'ok' && !known)
        this.triggered.push(run);
      if (verdict !== null) ack(verdict);
      this.changed();
    });
    socket.on(AgentEvent.findings, (data: unknown, ack: (answer: FindingsAck) => void) => {
      const findings = Findings.parse(data);
      this.findings.push(findings);
      const verdict = this.findingsAck(findings);
      if (verdict?.ok === true) this.take(findings);
      if (verdict !== null) ack(verdict);
      this.changed();
    });
    socket.on(AgentEvent.answer, (data: unknown, ack: (answer: AnswerAck) => void) => {
      const answer = Answer.parse(data);
      this.answers.push(answer);
      void Promise.resolve(this.answerAck(answer)).then((verdict) => {
        if (verdict.ok && verdict.status === 'ok') this.keep(answer);
        ack(verdict);
        this.changed();
      });
      this.changed();
    });
    socket.on('disconnect', () => {
      if (this.socket === socket) this.socket = null;
      this.changed();
    });
  }

  private take({ labels, policies, reports }: Findings): void {
    for (const { id, member } of labels) this.found.labels.set(id, member);
    for (const { id, passes } of policies) this.found.policies.set(id, passes);
    this.found.reports.push(...reports);
  }

  private keep(answer: Answer): void {
    const parts = answer.part === 0 ? [] : (this.stored.get(answer.campaign_id) ?? []);
    if (answer.part !== parts.length)
      throw new Error(`part ${answer.part} came where ${parts.length} was due`);
    this.stored.set(answer.campaign_id, [...parts, answer]);
  }

  private store(report: Report): void {
    const kept = this.of(report.attempt_id);
    kept.reports += 1;
    kept.startedAt ??= report.started_at ?? null;
    for (const { seq, data } of report.chunks ?? []) {
      const bytes = toBytes(data);
      const before = kept.chunks.get(seq);
      if (before !== undefined && !before.equals(bytes))
        throw new Error(`chunk ${seq} came twice and differs`);
      kept.chunks.set(seq, bytes);
    }
    if (report.ending !== undefined) {
      if (kept.chunks.size !== report.ending.chunks) throw new Error('the ending came before all chunks');
      kept.ending = report.ending;
      kept.endings += 1;
    }
  }

  private changed(): void {
    const met = this.watchers.filter(({ check }) => check());
    this.watchers = this.watchers.filter((watcher) => !met.includes(watcher));
    for (const { resolve } of met) resolve();
  }
}

/** An order as the server would make it. */
export function orderFor(payload: Order['payload'], more: Partial<Order> = {}): Order {
  const hashed =
    payload.type === 'script'
      ? toBytes(payload.contents)
      : JSON.stringify(payload.type === 'command' ? payload.argv : payload.command);
  return {
    attempt_id: randomUUID(),
    target_id: randomUUID(),
    execution_id: randomUUID(),
    kind: 'command',
    lane: 'parallel',
    content_sha256: createHash('sha256').update(hashed).digest('hex'),
    payload,
    clean_env: false,
    timeout_seconds: 60,
    grace_seconds: 1,
    output_cap_bytes: 1024 * 1024,
    expires_at: null,
    ...more,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** An instance as the server would define it. */
export function instanceOf(script: string, more: Partial<InstanceDefinition> = {}): InstanceDefinition {
  return {
    id: 1,
    name: 'watch',
    script_id: 1,
    script_name: 'watch.sh',
    content_sha256: digest(script),
    arguments: [],
    timeout_seconds: 60,
    grace_seconds: 1,
    output_cap_bytes: 1024 * 1024,
    start_trigger: { type: 'manual' },
    stop_trigger: { type: 'manual' },
    enabled: true,
    debounce_ms: 0,
    max_starts_per_minute: 60,
    ...more,
  };
}

/** A shell line as an order. */
export function shellOrder(command: string, more: Partial<Order> = {}): Order {
  return orderFor({ type: 'shell', command }, more);
}

/** A live query as the server would ask it. */
export function queryOrder(
  campaign_id: number,
  sql: string,
  limits: Partial<QueryOrder['limits']> = {},
): QueryOrder {
  return {
    campaign_id,
    sql,
    limits: { milliseconds: 60_000, memory_bytes: 256 * 1024 * 1024, rows: 100_000, ...limits },
  };
}
