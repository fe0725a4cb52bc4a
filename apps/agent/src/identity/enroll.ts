import {
  ENROLL_PATH,
  EnrollChallenge,
  type EnrollRequest,
  EnrollResponse,
  enrolmentText,
  PROTOCOL_VERSION,
  type ServerKey,
} from '#libs/protocol/index';
import { type AgentOptions } from '../config/options.js';
import { errorCode, errorMessage } from '../platform/files.js';
import { type JsonAnswer, postJson } from '../platform/http.js';
import { type AgentKey } from './agent-key.js';

/** The server did not take us, or could not be asked. */
export class EnrollError extends Error {
  constructor(
    message: string,
    readonly status: number | null,
  ) {
    super(message);
  }
}

const TIMEOUT_MS = 15_000;
/** Of the server's words in ours, characters. */
const MOST_WORDS = 1_000;

/** What shows that this agent is the host that it was. */
export interface Proof {
  readonly key: AgentKey;
  /** Which of its keys a server is known by; throws when it is none that is trusted. */
  readonly serverKey: (named: readonly ServerKey[]) => ServerKey;
}

/** Trades the enroll secret for a node key; `cancelled` gives up at once. */
export async function enroll(
  { server, ca }: Pick<AgentOptions, 'server' | 'ca'>,
  request: Omit<EnrollRequest, 'protocol' | 'agent_key' | 'proof'>,
  { key, serverKey }: Proof,
  cancelled: AbortSignal,
): Promise<EnrollResponse> {
  const named = { ...request, protocol: PROTOCOL_VERSION, agent_key: key.publicKey };
  const ask = (body: EnrollRequest): Promise<JsonAnswer> =>
    post(`${server}${ENROLL_PATH}`, body, ca, cancelled);
  let answer = await ask(named);
  const challenged = EnrollChallenge.safeParse(answer.body);
  if (isGood(answer) && challenged.success) {
    const { challenge, server_keys } = challenged.data;
    const { hardware_uuid, instance } = request;
    const claim = { challenge, server_key: serverKey(server_keys).id, hardware_uuid, instance };
    const signature = key.sign(enrolmentText(claim));
    answer = await ask({ ...named, proof: { challenge, server_key: claim.server_key, signature } });
  }
  if (!isGood(answer))
    throw new EnrollError(`the server refused to enroll this host: ${reasonOf(answer)}`, answer.status);
  const parsed = EnrollResponse.safeParse(answer.body);
  if (!parsed.success)
    throw new EnrollError('the server answered the enrolment with something else', answer.status);
  return parsed.data;
}

function post(
  url: string,
  body: EnrollRequest,
  ca: string | null,
  cancelled: AbortSignal,
): Promise<JsonAnswer> {
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(TIMEOUT_MS)]);
  return postJson(url, body, signal, ca).catch((error: unknown) => {
    throw new EnrollError(`the server cannot be reached: ${errorCode(error) || errorMessage(error)}`, null);
  });
}

function isGood({ status }: JsonAnswer): boolean {
  return status >= 200 && status <= 299;
}

function reasonOf({ status, body }: JsonAnswer): string {
  if (status === 401) return 'the enroll secret is not (or no longer) valid';
  const message =
    status === 409 && typeof body === 'object' && body !== null && 'message' in body && body.message;
  return typeof message === 'string' ? message.slice(0, MOST_WORDS) : `HTTP ${status}`;
}
