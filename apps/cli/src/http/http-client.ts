import { X509Certificate } from 'node:crypto';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest, STATUS_CODES } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { type WebSocket } from 'ws';
import { CliError } from '../errors.js';
import { ApiError, describeEnvelope } from './api-error.js';
import { type RawBody } from './form.js';

export interface Tls {
  /** PEM text of the authorities to trust instead of the well-known ones. */
  readonly ca?: string;
  /** Trust anyone. */
  readonly insecure?: boolean;
  /** PEM text of the one certificate to accept, whoever signed it and for whichever name. */
  readonly pinned?: string;
}

export interface HttpClientOptions {
  /** May carry a path, where a proxy serves Muster under one. */
  readonly url: string;
  readonly token?: string;
  readonly tls?: Tls;
  /** What to do about a 401. */
  readonly signInAdvice?: string;
  readonly timeoutMs?: number;
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent instead of `body`, as it is. */
  readonly raw?: RawBody;
  readonly query?: Record<string, string | undefined>;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Instead of the client's own: for what takes the server long. */
  readonly timeoutMs?: number;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The probes notice a connection that the network forgot. */
const keepAlive = { keepAlive: true, keepAliveMsecs: 15_000 };

/** No answer at all: the network, the address or TLS. */
export class UnreachableError extends CliError {
  override readonly name = 'UnreachableError';
}

/**
 * The commands' one way to the server. Node's own `fetch` takes no certificate authority, refuses some ports and
 * gives up on a body that is silent for five minutes, so this stands on `node:http` and `node:https`.
 */
export class HttpClient {
  readonly url: string;
  private readonly agent: HttpAgent | HttpsAgent;
  private readonly timeoutMs: number;

  constructor(private readonly options: HttpClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.agent = this.url.startsWith('https:') ? secureAgent(options.tls ?? {}) : new HttpAgent(keepAlive);
    this.timeoutMs = options.timeoutMs ?? 30_000;
  }

  /** @returns the parsed body of a 2xx answer; undefined where it is empty */
  async json(method: Method, path: string, call: CallOptions = {}): Promise<unknown> {
    const response = await this.send(method, path, call);
    const text = (await readAll(response, this.describe.bind(this))).toString('utf8');
    if (text === '') return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw new CliError(`${this.url} answered with something that is not JSON: is this a Muster server?`);
    }
  }

  /** @returns a 2xx answer whose body is still to come */
  async send(method: Method, path: string, call: CallOptions = {}): Promise<IncomingMessage> {
    const response = await this.exchange(method, path, call);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const body = await readAll(response, this.describe.bind(this));
    throw this.refusal(status, body, response.headers.location);
  }

  /** A standard WebSocket with the same trust, not open yet; its events tell how that goes. It carries no token. */
  async webSocket(path: string): Promise<WebSocket> {
    const { WebSocket } = await import('ws');
    return new WebSocket(this.url.replace(/^http/, 'ws') + path, {
      agent: this.agent,
      headers: { 'user-agent': 'muster-cli' },
      handshakeTimeout: this.timeoutMs,
      perMessageDeflate: false,
    });
  }

  /** For the first message of what cannot carry it in a header; empty: nobody is signed in. */
  get token(): string {
    return this.options.token ?? '';
  }

  /** Lets the process end: idle connections are kept no longer. */
  close(): void {
    this.agent.destroy();
  }

  private exchange(method: Method, path: string, call: CallOptions): Promise<IncomingMessage> {
    const url = new URL(this.url + path);
    for (const [key, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    const body = bodyOf(call);
    const headers: Record<string, string | number> = {
      accept: 'application/json',
      'user-agent': 'muster-cli',
    };
    if (body) Object.assign(headers, { 'content-type': body.type, 'content-length': body.bytes.length });
    else if (method === 'POST') headers['content-length'] = 0;
    if (this.options.token) headers['authorization'] = `Bearer ${this.options.token}`;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const timeoutMs = call.timeoutMs ?? this.timeoutMs;

    return new Promise((resolve, reject) => {
      const request = send(
        url,
        { method, agent: this.agent, headers: { ...headers, ...call.headers }, signal: call.signal },
        (response) => {
          clearTimeout(timer);
          resolve(response);
        },
      );
      const timer = setTimeout(
        () =>
          request.destroy(new UnreachableError(`${this.url} did not answer within ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      request.on('error', (error) => {
        clearTimeout(timer);
        reject(call.signal?.aborted ? error : this.describe(error));
      });
      request.end(body?.bytes);
    });
  }

  private refusal(status: number, body: Buffer, location: string | undefined): ApiError {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body.toString('utf8'));
    } catch {
      parsed = undefined;
    }
    const said =
      describeEnvelope(parsed) ?? `${this.url} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
    const text = ((): string => {
      if (status >= 300 && status < 400 && location)
        return `${this.url} sends on to ${location}: use that address`;
      if (status !== 401 || said.toLowerCase().includes('password reset')) return said;
      return this.options.signInAdvice ?? said;
    })();
    return new ApiError(text, status, said);
  }

  private describe(error: unknown): Error {
    if (error instanceof CliError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    return new UnreachableError(describeNetworkError(this.url, code ?? '', message));
  }
}

function bodyOf({ body, raw }: CallOptions): RawBody | undefined {
  if (raw || body === undefined) return raw;
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) };
}

function secureAgent({ ca, insecure, pinned }: Tls): HttpsAgent {
  const agent = new HttpsAgent({
    ...keepAlive,
    ca,
    rejectUnauthorized: insecure !== true && pinned === undefined,
  });
  if (pinned === undefined) return agent;
  const expected = new X509Certificate(pinned).fingerprint256;
  // The request is written only to the socket that is handed out, so nothing is sent before the check.
  agent.createConnection = (options: ConnectionOptions, handOut): undefined => {
    const socket = tlsConnect({ ...options, rejectUnauthorized: false });
    const refuse = (error: Error): void => handOut?.(error, socket);
    socket.once('error', refuse);
    socket.once('secureConnect', () => {
      socket.off('error', refuse);
      if (socket.getPeerCertificate().fingerprint256 === expected) {
        handOut?.(null, socket);
      } else {
        socket.destroy();
        refuse(new Error('it shows another certificate than the one expected'));
      }
    });
  };
  return agent;
}

/** One line for each way in which a server cannot be reached. */
function describeNetworkError(url: string, code: string, message: string): string {
  const { hostname } = new URL(url);
  switch (code) {
    case 'ECONNREFUSED':
      return `cannot reach ${url}: is the server running?`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `cannot reach ${url}: the name ${hostname} is not known here`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `cannot reach ${url}: no way to ${hostname} from here`;
    case 'EPROTO':
      return `cannot talk TLS with ${url}: is it an http:// address?`;
    case 'CERT_HAS_EXPIRED':
      return `the certificate of ${url} has expired`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${url} is for another name than ${hostname}`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `the certificate of ${url} is signed by nobody trusted here: give its authority with --ca FILE`;
    case 'ECONNRESET':
      return `${url} hung up: is the server stopping, or is it an https:// address?`;
    default:
      return `cannot reach ${url}: ${message || code}`;
  }
}

async function readAll(response: IncomingMessage, describe: (error: unknown) => Error): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part as Buffer);
  } catch (error) {
    throw describe(error);
  }
  return Buffer.concat(parts);
}
