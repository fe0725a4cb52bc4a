import { createHash, randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import {
  AgentEvent,
  AGENTS_NAMESPACE,
  ENROLL_PATH,
  EnrollResponse,
  type Hello,
  HelloAck,
  type Order,
  type OrderAnswer,
  PROTOCOL_VERSION,
  ReportAck,
  type Run,
  ServerEvent,
  type Stop,
  type StopAck,
} from '#libs/protocol/index';
import { api, atEnd, type ServerFixture } from '#libs/testing/index';

type StopAnswers = StopAck['answers'];

/** An agent that speaks the protocol word by word, for what a real one never says, or never at that moment. */
export class RawAgent {
  readonly journalId = randomUUID();
  readonly orders: Order[] = [];
  /** What is answered to orders and stops; null: nothing ever. */
  answerRun: (orders: Order[]) => OrderAnswer[] | null = (orders) =>
    orders.map(({ attempt_id }) => ({ attempt_id, accepted: true }));
  answerStop: (stop: Stop) => StopAnswers | null = (stop) =>
    stop.attempts.map(({ attempt_id }) => ({ attempt_id, state: 'not_started' }));

  /** Resolves when this connection is over. */
  readonly gone: Promise<void>;

  private constructor(
    readonly hostId: number,
    readonly nodeKey: string,
    readonly socket: Socket,
  ) {
    this.gone = new Promise((resolve) => {
      socket.once('disconnect', () => resolve());
    });
    socket.on(ServerEvent.run, ({ orders }: Run, ack: (answer: unknown) => void) => {
      this.orders.push(...orders);
      const answers = this.answerRun(orders);
      if (answers) ack({ answers });
    });
    socket.on(ServerEvent.stop, (stop: Stop, ack: (answer: unknown) => void) => {
      const answers = this.answerStop(stop);
      if (answers) ack({ answers });
    });
  }

  /** Enrolls a host of its own and connects; says no hello yet. */
  static async connect(server: Pick<ServerFixture, 'url' | 'enrollSecret'>): Promise<RawAgent> {
    const hostname = `raw-${randomUUID().slice(0, 8)}`;
    const { status, body } = await api(server).post(ENROLL_PATH, {
      enroll_secret: server.enrollSecret,
      protocol: PROTOCOL_VERSION,
      agent_version: '0.0.0',
      hardware_uuid: randomUUID(),
      instance: createHash('sha256').update(hostname).digest('hex').slice(0, 16),
      hostname,
      facts: facts(hostname),
    });
    if (status !== 200) throw new Error(`enroll answered ${status}: ${JSON.stringify(body)}`);
    const { node_key, host_id } = EnrollResponse.parse(body);
    return RawAgent.dial(server, host_id, node_key);
  }

  /** Connects a host that is enrolled; rejects with the server's word when it is refused. */
  static async dial(server: Pick<ServerFixture, 'url'>, hostId: number, nodeKey: string): Promise<RawAgent> {
    const socket = io(server.url + AGENTS_NAMESPACE, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: { node_key: nodeKey, protocol: PROTOCOL_VERSION, agent_version: '0.0.0' },
    });
    atEnd(() => {
      socket.disconnect();
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return new RawAgent(hostId, nodeKey, socket);
  }

  async hello(more: Partial<Hello> = {}): Promise<HelloAck> {
    const hostname = `raw-${this.hostId}`;
    const hello: Hello = {
      journal_id: this.journalId,
      hostname,
      parallel_slots: 4,
      scripts_enabled: true,
      labels: {},
      attempts: [],
      facts: facts(hostname),
      ...more,
    };
    return HelloAck.parse(await this.ask(AgentEvent.hello, hello));
  }

  /** Sends reports as they are: they need not make sense. */
  async report(...reports: object[]): Promise<ReportAck> {
    return ReportAck.parse(await this.ask(AgentEvent.report, { reports }));
  }

  /** Says anything, and waits for the answer. */
  ask(event: string, ...data: unknown[]): Promise<unknown> {
    return this.socket.timeout(10_000).emitWithAck(event, ...data);
  }

  /** Whatever the server makes of a message: its answer, or the end of the connection. */
  async reaction(event: string, ...data: unknown[]): Promise<unknown> {
    const answer = this.ask(event, ...data).catch((error: unknown) => {
      if (this.socket.connected) throw error;
      return 'gone';
    });
    return Promise.race([answer, this.gone.then(() => 'gone')]);
  }
}

function facts(hostname: string): Hello['facts'] {
  return { hostname, platform: 'test', os_version: '1', arch: 'x', ...REST_OF_FACTS };
}

const REST_OF_FACTS = {
  platform_like: '',
  code_name: '',
  build: '',
  kernel_version: '',
  computer_name: '',
  memory: 0,
  cpu_type: '',
  cpu_subtype: '',
  cpu_brand: '',
  cpu_physical_cores: 0,
  cpu_logical_cores: 0,
  hardware_vendor: '',
  hardware_model: '',
  hardware_version: '',
  hardware_serial: '',
  primary_ip: '',
  primary_mac: '',
  addresses: [],
  uptime_seconds: 0,
  disk_total_bytes: 0,
  disk_available_bytes: 0,
};

/** An ending as an agent tells it. */
export function ending(more: object = {}): object {
  const now = Date.now();
  return {
    outcome: 'finished',
    reason: null,
    message: '',
    exit_code: 0,
    signal: null,
    started_at: now,
    finished_at: now,
    duration_ms: 0,
    stdout_bytes: 0,
    stderr_bytes: 0,
    dropped_bytes: 0,
    gap_seq: null,
    chunks: 0,
    ...more,
  };
}
