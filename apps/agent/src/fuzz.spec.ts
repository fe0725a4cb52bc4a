import 'reflect-metadata';
import { type INestMicroservice } from '@nestjs/common';
import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import fc from 'fast-check';
import { garbageLike } from '../../../test/fuzz/garbage.js';
import { ServerEvent } from '#libs/protocol/index';
import { AgentHandlers } from './agent.handlers.js';
import { Agent } from './agent.js';
import { readEnvironment } from './config/environment.js';
import { parseOptions } from './config/options.js';
import { createLogger } from './platform/logger.js';
import { instanceOf, orderFor, ProtocolServer, queryOrder } from './testing/protocol-server.js';
import { removeTemporary, temporaryDirectory } from './testing/temporary.js';

/*
 * Everything that a server can say, with something wrong in it: each is answered or refused within its time, and the agent goes on. What would be run is
 * harmless, and what was changed in it does not fit its hash any more.
 */

let server: ProtocolServer;
let agent: Agent;
let handlers: AgentHandlers;
const unheard: unknown[] = [];
const listen = (error: unknown): void => void unheard.push(error);

beforeAll(async () => {
  server = new ProtocolServer();
  const url = await server.listen();
  // Speaks as osquery does: the agent's own tables would be asked in processes that only a build has.
  const osquery = path.join(temporaryDirectory(), 'osqueryi');
  fs.writeFileSync(osquery, `#!/bin/sh\nprintf '[\\n  {"a":"1"}\\n]\\n'\n`, { mode: 0o755 });
  const args = [
    '--server',
    url,
    '--enroll-secret',
    's',
    '--state-dir',
    temporaryDirectory(),
    '--osquery',
    osquery,
  ];
  const options = parseOptions(args, { ...readEnvironment(), logLevel: undefined });
  agent = await Agent.start(options, createLogger('error', { write: () => undefined }));
  await server.until(() => server.connected);
  handlers = (agent as unknown as { parts: { app: INestMicroservice } }).parts.app.get(AgentHandlers);
  process.on('unhandledRejection', listen);
});

afterAll(async () => {
  process.off('unhandledRejection', listen);
  await agent.stop('test');
  await server.close();
  removeTemporary();
});

/** Within its time it resolves, or rejects with an error: then the server gets no acknowledgement. */
async function settles(work: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), 20_000)));
  const done = Promise.resolve()
    .then(work)
    .then(
      () => 'answered',
      (error: unknown) =>
        error instanceof Error || (error as Error | null)?.message !== undefined
          ? 'refused'
          : `threw ${String(error)}`,
    );
  const end = await Promise.race([done, late]);
  clearTimeout(timer);
  expect(['answered', 'refused']).toContain(end);
}

/** Signed where that can be said in an envelope at all. */
function sealed(event: string, message: unknown): unknown {
  try {
    return server.seal(event, message);
  } catch {
    return message;
  }
}

const script = (contents: string | Buffer): object => ({
  ...orderFor({ type: 'script', contents: contents as string, arguments: ['a'] }, { kind: 'script' }),
  env: { A: 'b' },
  stdin: 'input',
  mask: { values: ['secret'], types: ['token'] },
  deny_output: [{ words: ['never'], message: 'no' }],
});
const digest = createHash('sha256').update('exit 0').digest('hex');
const definition = instanceOf('exit 0', {
  start_trigger: { type: 'manual' },
  stop_trigger: { type: 'manual' },
});

const SAMPLES: Record<Exclude<keyof AgentHandlers, symbol>, readonly [number, readonly unknown[]]> = {
  run: [
    800,
    [
      { orders: [script('exit 0'), script(Buffer.from('exit 0'))] },
      {
        orders: [
          orderFor({ type: 'command', argv: ['true'] }),
          orderFor(
            { type: 'shell', command: ':' },
            { kind: 'shell', secrets: { env: { S: 'value' }, files: { F: 'x' } } },
          ),
        ],
      },
    ],
  ],
  stop: [
    700,
    [
      {
        attempts: [
          { attempt_id: randomUUID(), reason: 'cancel_requested', message: 'm' },
          { attempt_id: randomUUID(), reason: 'expired', message: '' },
        ],
      },
    ],
  ],
  query: [
    700,
    [{ queries: [queryOrder(1, 'select 1'), queryOrder(2, 'select pid from processes limit 1')] }],
  ],
  queryEnd: [500, [{ campaign_ids: [1, 2] }]],
  takeStanding: [
    700,
    [
      {
        remove: ['old'],
        blocks: [
          {
            id: 'options',
            hash: 'a',
            kind: 'options',
            options: { scripts_enabled: true, label_interval: 60 },
          },
          { id: 'labels', hash: 'b', kind: 'labels', labels: [{ id: 1, sql: 'select 1' }] },
          { id: 'policies', hash: 'c', kind: 'policies', policies: [{ id: 1, sql: 'select 1' }] },
          {
            id: 'pack/1',
            hash: 'd',
            kind: 'pack',
            pack: 'p',
            queries: [{ query_id: 1, name: 'q', sql: 'select 1', interval: 60, logging: 'snapshot' }],
          },
        ],
      },
    ],
  ],
  takeInstances: [
    500,
    [{ revision: 'a'.repeat(64), instances: [definition], contents: { [digest]: 'exit 0' } }],
  ],
  factsQuery: [300, [{ xpath: '/os/name' }, { xpath: "count(/networking/*[state = 'up']) > 1" }]],
  triggerCheck: [
    400,
    [
      {
        start_trigger: { type: 'schedule', setting: '*/5 * * * *', timezone: 'UTC', missed: 'once' },
        stop_trigger: { type: 'xpath', setting: '/os/name' },
      },
      { start_trigger: { type: 'xpath', setting: 'boolean(/mounts)' } },
    ],
  ],
};

describe.each(Object.entries(SAMPLES))('%s', (method, [cases, samples]) => {
  it(`takes whatever is said (${cases} cases)`, async () => {
    await fc.assert(
      fc.asyncProperty(garbageLike(samples), (message) =>
        settles(() => (handlers as unknown as Record<string, (data: unknown) => unknown>)[method]?.(message)),
      ),
      { numRuns: cases, endOnFailure: true },
    );
    expect(unheard).toEqual([]);
  });
});

it('whatever comes over the socket, signed or not, it goes on (600 cases)', async () => {
  const orders = { orders: [orderFor({ type: 'command', argv: ['true'] })] };
  const whole = garbageLike([orders, SAMPLES.stop[1][0], SAMPLES.triggerCheck[1][0]]);
  const events = fc.constantFrom(...Object.values(ServerEvent));
  await fc.assert(
    fc.asyncProperty(
      events,
      whole,
      garbageLike([server.seal(ServerEvent.run, orders)]),
      fc.boolean(),
      async (event, message, envelope, signed) => {
        // What is refused, or makes no sense, is not always acknowledged.
        if (signed) server.emit(event, sealed(event, message));
        else server.emit(event, envelope);
      },
    ),
    { numRuns: 600, endOnFailure: true },
  );
  expect(unheard).toEqual([]);
});

it('is none the worse for it', async () => {
  handlers.takeStanding({ remove: ['options'], blocks: [] });
  const order = orderFor({ type: 'command', argv: ['true'] });
  expect(await handlers.run({ orders: [order] })).toEqual({
    answers: [{ attempt_id: order.attempt_id, accepted: true }],
  });
  await server.until(
    () =>
      server.ledger.get(order.attempt_id)?.ending !== undefined &&
      server.ledger.get(order.attempt_id)?.ending !== null,
  );
  expect(server.ledger.get(order.attempt_id)?.ending).toMatchObject({ outcome: 'finished', exit_code: 0 });
});
