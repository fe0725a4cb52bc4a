import { WebSocketServer, type WebSocket } from 'ws';
import { type ScriptedServer } from './scripted-server.js';

/** What a client of live results has said. */
export interface Selection {
  readonly token: string;
  readonly campaignId: number;
  readonly after: number;
}

/** One connection of a client, to be told things. */
export class LiveSocket {
  constructor(
    private readonly socket: WebSocket,
    readonly selection: Selection,
  ) {}

  totals(count: number, online: number, seq = 0): this {
    return this.send('totals', seq, { count, online, offline: count - online, missing_in_action: 0 });
  }

  status(status: 'pending' | 'finished', online: number, answered = 0, seq = 0): this {
    return this.send('status', seq, { expected_results: online, actual_results: answered, status });
  }

  /** A host's answer as the server tells it; `more` goes over it. */
  result(seq: number, hostname: string, rows: Record<string, string>[], more: object = {}): this {
    const names = { host_hostname: hostname, host_display_name: hostname };
    return this.send('result', seq, {
      distributed_query_execution_id: this.selection.campaignId,
      host: { id: Number(/\d+$/.exec(hostname)?.[0] ?? 0), hostname, display_name: hostname },
      rows: rows.map((row) => ({ ...row, ...names })),
      stats: null,
      outcome: 'answered',
      ...more,
    });
  }

  aggregate(columns: string[], rows: Record<string, string>[], answered: number, more: object = {}): this {
    return this.send('aggregate', 0, {
      columns,
      rows,
      hosts_answered: answered,
      hosts_targeted: 3,
      final: false,
      ...more,
    });
  }

  error(text: string): this {
    return this.send('error', 0, text);
  }

  send(type: string, seq: number, data: unknown): this {
    this.socket.send(JSON.stringify({ type, data, seq }));
    return this;
  }

  /** All is said. */
  close(): void {
    this.socket.close(1000, 'none');
  }

  /** As if the cable were cut. */
  cut(): void {
    this.socket.terminate();
  }
}

/** Serves live results; `script` is called for each connection once it has said what it wants, the first being 1. */
export function serveLive(
  server: ScriptedServer,
  script: (live: LiveSocket, connection: number) => unknown,
): void {
  const sockets = new WebSocketServer({ noServer: true });
  let connections = 0;
  server.onUpgrade((request, socket, head) => {
    if (request.url !== '/api/v1/fleet/results/websocket') return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => {
      const said: { type: string; data: Record<string, unknown> }[] = [];
      client.on('message', (data: Buffer) => {
        said.push(JSON.parse(data.toString()) as (typeof said)[number]);
        if (said.length !== 2) return;
        const [auth, select] = said;
        const { campaign_id, after } = select?.data ?? {};
        connections += 1;
        const selection = { token: auth?.data['token'], campaignId: campaign_id, after } as Selection;
        script(new LiveSocket(client, selection), connections);
      });
    });
  });
}
