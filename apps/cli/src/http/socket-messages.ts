import { STATUS_CODES } from 'node:http';
import { type WebSocket } from 'ws';
import { ApiError } from './api-error.js';

export interface SocketMessagesOptions {
  readonly signal?: AbortSignal;
  /** Sent as soon as it is open. */
  readonly greeting: readonly string[];
  readonly onOpen?: () => void;
  /** A socket on which not even a ping came for so long is given up: the network may have forgotten it. */
  readonly idleMs?: number;
}

/** The code of a close after the last word. */
const NORMAL = 1000;

/** Messages that may wait for whoever reads them; then the peer has to. */
const ROOM = 64;

/**
 * The text messages of a socket, until the peer has said all; the socket is closed afterwards. A slow reader holds back the
 * sender and costs no memory.
 * @throws ApiError when the address answers, but takes no WebSocket; another error when it is cut, also by the signal
 */
export async function* socketMessages(
  socket: WebSocket,
  { signal, greeting, onOpen, idleMs = 60_000 }: SocketMessagesOptions,
): AsyncGenerator<string, void> {
  let waiting: string[] = [];
  let over = false;
  let failure: Error | undefined;
  let wake = (): void => undefined;
  let idle: NodeJS.Timeout | undefined;
  const end = (): void => socket.terminate();
  const alive = (): void => {
    clearTimeout(idle);
    idle = setTimeout(end, idleMs);
  };
  socket.on('open', () => {
    alive();
    for (const text of greeting) socket.send(text);
    onOpen?.();
  });
  socket.on('ping', alive);
  socket.on('message', (data: Buffer) => {
    waiting.push(data.toString('utf8'));
    if (waiting.length < ROOM) {
      alive();
    } else {
      socket.pause();
      clearTimeout(idle);
    }
    wake();
  });
  socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
    failure = refusal(socket.url, statusCode);
    end();
  });
  socket.on('error', (error) => (failure ??= error));
  socket.on('close', (code) => {
    over = true;
    if (code !== NORMAL) failure ??= new Error(`closed with code ${code}`);
    wake();
  });
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();

  try {
    for (;;) {
      const batch = waiting;
      waiting = [];
      for (const text of batch) yield text;
      if (waiting.length > 0) continue;
      if (over) break;
      if (socket.isPaused) {
        socket.resume();
        alive();
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (failure) throw failure;
  } finally {
    clearTimeout(idle);
    signal?.removeEventListener('abort', end);
    end();
  }
}

function refusal(url: string, status: number): ApiError {
  const said = `${url} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  return new ApiError(`${said}: does a proxy in between let no WebSocket through?`, status, said);
}
