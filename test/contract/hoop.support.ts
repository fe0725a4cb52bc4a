import { type Answer, type Api } from '#libs/testing/index';

/** hoop's ExecResponse, as a client reads it. */
export interface ExecResponse {
  session_id: string;
  has_review: boolean;
  output: string;
  output_status: 'success' | 'failed' | 'running';
  truncated: boolean;
  execution_time: number;
  exit_code: number;
}

export const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

let count = 0;

/** Makes a connection that runs a shell on this host, unless said otherwise; its name. */
export async function connect(client: Api, agent: string, more: object = {}): Promise<string> {
  const name = `session-connection-${++count}`;
  const recipe = { name, type: 'custom', subtype: 'bash', command: ['/bin/bash'], agent_id: agent, ...more };
  const { status, body } = await client.post('/api/connections', recipe);
  if (status !== 201) throw new Error(`a connection answered ${status}: ${JSON.stringify(body)}`);
  return name;
}

export function exec(
  client: Api,
  connection: string,
  script: string,
  more: object = {},
  wait?: number,
): Promise<Answer> {
  return client.post(`/api/sessions${wait === undefined ? '' : `?wait=${wait}`}`, {
    connection,
    script,
    ...more,
  });
}

/** A session that has ended. */
export function finished({ status, body }: Answer): ExecResponse {
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(body).slice(0, 400)}`);
  return body as ExecResponse;
}

/** A session that goes on. */
export function accepted({ status, body }: Answer): ExecResponse {
  if (status !== 202) throw new Error(`answered ${status}: ${JSON.stringify(body).slice(0, 400)}`);
  return body as ExecResponse;
}

/** hoop's envelope: one message and nothing else. */
export function expectError({ status, body }: Answer, expected: number, message: string | RegExp): void {
  expect([status, body]).toEqual([
    expected,
    { message: typeof message === 'string' ? message : expect.stringMatching(message) },
  ]);
}
