import * as http from 'node:http';
import * as https from 'node:https';
import {
  ENROLL_PATH,
  EnrollChallenge,
  type EnrollRequest,
  EnrollResponse,
  enrolmentText,
  PROTOCOL_VERSION,
} from '#libs/protocol/index';
import { SWARM_VERSION } from '../platform/version.js';
import { keyOf, type Machine } from './machine.js';

/** Enrolments under way at once; each is a transaction of the server's. */
const AT_ONCE = 32;
const TIMEOUT_MS = 30_000;
const INSTANCE = 'swarm';

/** Enrolment did not work. `refused`: the server said no, and would say so again. */
export class EnrollError extends Error {
  constructor(
    message: string,
    readonly refused: boolean,
  ) {
    super(message);
  }
}

/** What came of an enrolment. */
export interface Enrolled {
  readonly nodeKey: string;
  readonly serverKeys: EnrollResponse['server_keys'];
  /** How long the server took, milliseconds. */
  readonly ms: number;
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

  /** @returns the machine's node key, the server's keys, and how many milliseconds the server took. @throws EnrollError */
  async enroll(machine: Machine): Promise<Enrolled> {
    if (this.secret === null)
      throw new EnrollError(
        'a host is not enrolled yet, and no enroll secret was given (--enroll-secret)',
        true,
      );
    const key = keyOf(machine);
    const request: EnrollRequest = {
      enroll_secret: this.secret,
      protocol: PROTOCOL_VERSION,
      agent_version: SWARM_VERSION,
      hardware_uuid: machine.hardwareUuid,
      instance: INSTANCE,
      hostname: machine.hostname,
      facts: machine.facts,
      agent_key: key.publicKey,
    };
    if (this.underWay >= AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.underWay += 1;
    try {
      const began = performance.now();
      let { status, text } = await this.post(JSON.stringify(request));
      const challenged = EnrollChallenge.safeParse(parseJson(text));
      if (status === 200 && challenged.success) {
        const { challenge, server_keys: keys } = challenged.data;
        const claim = {
          challenge,
          server_key: keys[0]?.id ?? '',
          hardware_uuid: machine.hardwareUuid,
          instance: INSTANCE,
        };
        const { server_key } = claim;
        const proof = { challenge, server_key, signature: key.sign(enrolmentText(claim)) };
        ({ status, text } = await this.post(JSON.stringify({ ...request, proof })));
      }
      const { node_key, server_keys } = answerOf(status, text);
      return { nodeKey: node_key, serverKeys: server_keys, ms: performance.now() - began };
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

function answerOf(status: number, text: string): EnrollResponse {
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
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
