import WebSocket from 'ws';
import { type Api, type ServerFixture } from '#libs/testing/index';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into messages of every shape
type Loose = any;

/** A message of a campaign's stream, as it came. */
export interface LiveMessage {
  readonly type: string;
  readonly seq: number;
  readonly data: Loose;
  /** The frame's own bytes. */
  readonly text: string;
}

/** A subscription over a standard WebSocket. */
export interface Subscription {
  readonly messages: LiveMessage[];
  /** Resolves with the first message (of those that have come or come) that fits. */
  find(fits: (message: LiveMessage) => boolean): Promise<LiveMessage>;
  readonly closed: Promise<void>;
  close(): void;
}

/** Starts a live query; the campaign. */
export async function ask(client: Api, query: string, selected: object, more: object = {}): Promise<Loose> {
  const answer = await client.post('/api/v1/fleet/queries/run', { query, selected, ...more });
  if (answer.status !== 200) throw new Error(`run answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body.campaign;
}

/** Listens to a campaign, from a cursor. */
export function listen(
  server: Pick<ServerFixture, 'url'>,
  client: Api,
  campaignId: number,
  after = 0,
): Subscription {
  const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}/api/v1/fleet/results/websocket`);
  const messages: LiveMessage[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  let over = false;
  socket.on('open', () => {
    socket.send(JSON.stringify({ type: 'auth', data: { token: client.bearer } }));
    socket.send(JSON.stringify({ type: 'select_campaign', data: { campaign_id: campaignId, after } }));
  });
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    messages.push({ ...(JSON.parse(text) as LiveMessage), text });
    wake();
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      over = true;
      wake();
      resolve();
    });
  });
  return {
    messages,
    closed,
    close: () => socket.terminate(),
    find: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = messages.find(fits);
          if (!found && !over) return;
          waiting.delete(look);
          if (found) resolve(found);
          else
            reject(new Error(`the stream ended after ${messages.length} messages: ${messages.at(-1)?.text}`));
        };
        waiting.add(look);
        look();
      }),
  };
}

export const finished = ({ type, data }: LiveMessage): boolean =>
  type === 'status' && data.status === 'finished';

export const results = (messages: readonly LiveMessage[]): LiveMessage[] =>
  messages.filter(({ type }) => type === 'result');
