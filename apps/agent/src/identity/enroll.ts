import { ENROLL_PATH, type EnrollRequest, EnrollResponse, PROTOCOL_VERSION } from '#libs/protocol/index';
import { errorCode, errorMessage } from '../platform/files.js';
import { postJson } from '../platform/http.js';

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

/** Trades the enroll secret for a node key; `cancelled` gives up at once. */
export async function enroll(
  server: string,
  request: Omit<EnrollRequest, 'protocol'>,
  cancelled: AbortSignal,
): Promise<EnrollResponse> {
  const answer = await postJson(
    `${server}${ENROLL_PATH}`,
    { ...request, protocol: PROTOCOL_VERSION },
    AbortSignal.any([cancelled, AbortSignal.timeout(TIMEOUT_MS)]),
  ).catch((error: unknown) => {
    throw new EnrollError(`the server cannot be reached: ${errorCode(error) || errorMessage(error)}`, null);
  });
  if (answer.status < 200 || answer.status > 299) {
    const why =
      answer.status === 401 ? 'the enroll secret is not (or no longer) valid' : `HTTP ${answer.status}`;
    throw new EnrollError(`the server refused to enroll this host: ${why}`, answer.status);
  }
  const parsed = EnrollResponse.safeParse(answer.body);
  if (!parsed.success)
    throw new EnrollError('the server answered the enrolment with something else', answer.status);
  return parsed.data;
}
