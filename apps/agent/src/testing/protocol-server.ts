import { createHash, randomUUID } from 'node:crypto';
import { createServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import {
  AGENTS_NAMESPACE,
  AgentEvent,
  Answer,
  EnrollRequest,
  Findings,
  HandshakeRefusal,
  Hello,
  Limits,
  Reports,
  RunAck,
  ServerEvent,
  StopAck,
  toBytes,
  type AnswerAck,
  type Ending,
  type FindingsAck,
  type Order,
  type QueryOrder,
  type Report,
  type ReportAck,
  type ScheduledReport,
  type Standing,
} from './protocol.js';

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
  /** Told in the next hello's answer. */
  stale: string[] = [];
  /** Statuses that the next enrolments get. */
  refuseEnrolments: number[] = [];
  /** Ahead of the agent's clock. */
  clockOffset = 0;
  nodeKeys = new Set<string>();
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
        this.enrolments.push(EnrollRequest.parse(JSON.parse(body)));
        const node_key = randomUUID();
        if (status === 200) this.nodeKeys.add(node_key);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify(status === 200 ? { node_key, host_id: 7, host_uuid: randomUUID() } : { errors: [] }),
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

  async run(...orders: Order[]): Promise<RunAck['answers']> {
    await this.until(() => this.connected);
    return RunAck.parse(await this.socket?.emitWithAck(ServerEvent.run, { orders })).answers;
  }

  async raw(event: string, data: unknown): Promise<unknown> {
    await this.until(() => this.connected);
    return this.socket?.emitWithAck(event, data) as Promise<unknown>;
  }

  async stop(
    attempt_id: string,
    reason: 'cancel_requested' | 'expired' = 'cancel_requested',
  ): Promise<string | undefined> {
    await this.until(() => this.connected);
    const ack: unknown = await this.socket?.emitWithAck(ServerEvent.stop, {
      attempts: [{ attempt_id, reason, message: 'by ann' }],
    });
    return StopAck.parse(ack).answers[0]?.state;
  }

  /** Asks live queries. */
  async query(...queries: QueryOrder[]): Promise<void> {
    await this.until(() => this.connected);
    this.socket?.emit(ServerEvent.query, { queries });
  }

  /** Wants no answers to these campaigns any more. */
  endQueries(...campaign_ids: number[]): void {
    this.socket?.emit(ServerEvent.queryEnd, { campaign_ids });
  }

  /** Sends standing work. */
  async standing({ remove = [], blocks = [] }: Partial<Standing>): Promise<void> {
    await this.until(() => this.connected);
    this.socket?.emit(ServerEvent.standing, { remove, blocks });
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

  private attend(socket: Socket): void {
    socket.on(AgentEvent.hello, (data: unknown, ack: (answer: unknown) => void) => {
      this.hellos.push(Hello.parse(data));
      this.socket = socket;
      ack({
        ok: true,
        host_id: 7,
        host_uuid: randomUUID(),
        server_time: Date.now() + this.clockOffset,
        stale: this.stale,
      });
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
