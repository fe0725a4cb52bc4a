import * as http from 'node:http';
import * as https from 'node:https';
import { ENROLL_PATH, type EnrollRequest, EnrollResponse, PROTOCOL_VERSION } from '#libs/protocol/index';
import { SWARM_VERSION } from '../platform/version.js';
import { type Machine } from './machine.js';

/** Enrolments under way at once; each is a transaction of the server's. */
const AT_ONCE = 32;
const TIMEOUT_MS = 30_000;

/** Enrolment did not work. `refused`: the server said no, and would say so again. */
export class EnrollError extends Error {
  constructor(
    message: string,
    readonly refused: boolean,
  ) {
    super(message);
  }
}

/** Trades the enroll secret for node keys, a few at once over connections that stay open. */
export class Enroller {
  private readonly agent: http.Agent;
  private readonly client: typeof http | typeof https;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;

  constructor(
    private readonly server: string,
    private readonly secret: string | null,
  ) {
    this.client = server.startsWith('https:') ? https : http;
    this.agent = new this.client.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  }

  /** @returns the machine's node key, and how many milliseconds the server took. @throws EnrollError */
  async enroll(machine: Machine): Promise<{ nodeKey: string; ms: number }> {
    if (this.secret === null)
      throw new EnrollError(
        'a host is not enrolled yet, and no enroll secret was given (--enroll-secret)',
        true,
      );
    const request: EnrollRequest = {
      enroll_secret: this.secret,
      protocol: PROTOCOL_VERSION,
      agent_version: SWARM_VERSION,
      hardware_uuid: machine.hardwareUuid,
      instance: 'swarm',
      hostname: machine.hostname,
      facts: machine.facts,
    };
    if (this.underWay >= AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.underWay += 1;
    try {
      const began = performance.now();
      const { status, text } = await this.post(JSON.stringify(request));
      return { nodeKey: nodeKeyOf(status, text), ms: performance.now() - began };
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.underWay -= 1;
      else next();
    }
  }

  /** Hangs up. */
  close(): void {
    this.agent.destroy();
  }

  private post(body: string): Promise<{ status: number; text: string }> {
    const url = `${this.server}${ENROLL_PATH}`;
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const options = { method: 'POST', agent: this.agent, headers, timeout: TIMEOUT_MS };
      const request = this.client.request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('error', reject).once('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', (error: NodeJS.ErrnoException) =>
        reject(new EnrollError(`${this.server} cannot be reached: ${error.code ?? error.message}`, false)),
      );
      request.end(body);
    });
  }
}

function nodeKeyOf(status: number, text: string): string {
  if (status !== 200) {
    const reason =
      status === 401
        ? 'the enroll secret is not (or no longer) valid'
        : `HTTP ${status} ${text.slice(0, 300)}`;
    throw new EnrollError(
      `the server refused to enroll a host: ${reason}`,
      status >= 400 && status < 500 && status !== 429,
    );
  }
  const parsed = EnrollResponse.safeParse(parseJson(text));
  if (!parsed.success) throw new EnrollError('the server answered the enrolment with something else', true);
  return parsed.data.node_key;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
