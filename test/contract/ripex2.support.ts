import { type Answer, type Api } from '#libs/testing/index';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
export type Loose = any;

export const rpc = (client: Api, method: string, params?: unknown): Promise<Answer> =>
  client.post(`/api/rpc/${method}`, params);

export async function putInstance(client: Api, scriptId: number, name: string, body: object): Promise<Loose> {
  const answer = await client.put(`/api/v1/fleet/scripts/${scriptId}/instances/${name}`, body);
  if (answer.status !== 200)
    throw new Error(`instance ${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** RipEX2's envelope, with this status, word and param. */
export function expectError(
  { status, body }: Answer,
  expected: { status: number; code?: string; field?: string; message?: RegExp },
): void {
  expect([status, body]).toEqual([
    expected.status,
    {
      error: {
        code: expected.code ?? expect.stringMatching(/^[a-z_]+$/),
        message: expect.stringMatching(expected.message ?? /./),
        ...(expected.field !== undefined && { field: expected.field }),
      },
    },
  ]);
}
