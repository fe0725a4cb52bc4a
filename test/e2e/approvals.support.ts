import { existsSync, readFileSync } from 'node:fs';
import { type Answer, type Api, until } from '#libs/testing/index';
import { addUser, startWorld, type World } from './support.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
type Loose = any;

export const POLICIES = '/api/v1/approval-policies';

/** A server and an agent; Ann asks, the admin, Bob and Eve may review. */
export interface Office extends World {
  /** A global maintainer. */
  readonly ann: Api;
  /** Global admins. */
  readonly bob: Api;
  readonly eve: Api;
  /** A global observer: of no group that reviews. */
  readonly sam: Api;
}

export async function startOffice(hostname = 'web-1', labels: readonly string[] = []): Promise<Office> {
  const args = labels.flatMap((label) => ['--label', label]);
  const world = await startWorld({ agent: { hostname, args } });
  const { server } = world;
  return {
    ...world,
    ann: await addUser(server, 'ann@example.com', 'maintainer'),
    bob: await addUser(server, 'bob@example.com', 'admin'),
    eve: await addUser(server, 'eve@example.com', 'admin'),
    sam: await addUser(server, 'sam@example.com', 'observer'),
  };
}

let policies = 0;

/** While `work` runs, this policy is in force; by default admins have to approve everything. */
export async function under<T>({ client }: Office, policy: object, work: () => Promise<T>): Promise<T> {
  const name = `policy ${(policies += 1)}`;
  const { status, body } = await client.post(POLICIES, { name, reviewers: ['admin'], ...policy });
  if (status !== 201) throw new Error(`the policy answered ${status}: ${JSON.stringify(body)}`);
  try {
    return await work();
  } finally {
    await client.delete(`${POLICIES}/${body.id}`);
  }
}

/** The review of an execution. */
export async function reviewOf(client: Api, executionId: string): Promise<Loose> {
  const { status, body } = await client.get(`/api/reviews/${executionId}`);
  if (status !== 200) throw new Error(`the review of ${executionId}: ${status} ${JSON.stringify(body)}`);
  return body;
}

export async function decide(
  client: Api,
  executionId: string,
  status: string,
  more: object = {},
): Promise<Answer> {
  return client.put(`/api/sessions/${executionId}/review`, { status, ...more });
}

/** The review, once it has that status. */
export function reaches(client: Api, executionId: string, status: string): Promise<Loose> {
  return until(
    async () => {
      const review = await reviewOf(client, executionId);
      return review.status === status ? review : undefined;
    },
    { timeout: 20_000, what: `the review of ${executionId} is ${status}` },
  );
}

export async function look(client: Api, executionId: string, query = ''): Promise<Loose> {
  const { status, body } = await client.get(`/api/v1/executions/${executionId}${query}`);
  if (status !== 200) throw new Error(`${executionId} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

export async function statesOf(client: Api, executionId: string): Promise<string[]> {
  return ((await look(client, executionId)).targets as { state: string }[]).map(({ state }) => state);
}

/** hoop's envelope: one message and nothing else. */
export function expectRefused({ status, body }: Answer, expected: number, message: string | RegExp): void {
  expect([status, body]).toEqual([
    expected,
    { message: typeof message === 'string' ? message : expect.stringMatching(message) },
  ]);
}

/** How often `echo x >> file` has run. */
export function timesIn(file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}
