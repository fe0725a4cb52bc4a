import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  attemptsNamedBy,
  type Envelope,
  liftParts,
  type Order,
  seal,
  sealable,
  ServerEvent,
} from '#libs/protocol/index';
import { type AgentFixture, startAgent } from '#libs/testing/index';
import { ProtocolServer, queryOrder, shellOrder } from '../../apps/agent/src/testing/protocol-server.js';
import { newSigningKey, type TestKey } from '../../apps/agent/src/testing/signing-key.js';
import { peakMemory } from '../e2e/support.js';
import { Random } from './support/random.js';

/** Envelopes of each kind; there are twelve kinds. */
const EACH = Number(process.env.HOSTILE_ENVELOPES ?? 1_000);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
const MEBIBYTE = 1024 * 1024;
const MINUTES_MS = 10 * 60_000;
/** Sent before the first of them is answered. */
const AT_ONCE = 16;

let server: ProtocolServer;
let proper: TestKey;
let agent: AgentFixture;
/** Whatever an order of theirs started would leave a file here. */
let started: string;

beforeAll(async () => {
  started = mkdtempSync(path.join(tmpdir(), 'muster-hostile-'));
  server = new ProtocolServer();
  proper = server.key;
  const url = await server.listen();
  const admin = { email: '', password: '' };
  agent = startAgent({ server: { url, enrollSecret: 's', admin } });
  await server.until(() => server.connected);
});
afterAll(async () => {
  await agent.stop();
  await server.close();
  rmSync(started, { recursive: true, force: true });
});

/** An order that could be told by its trace. */
function order(): Order {
  const attempt_id = randomUUID();
  return shellOrder(`touch ${started}/${attempt_id}`, { attempt_id });
}

/** The code of a refusal, however it is answered; undefined: something was taken. */
function codeOf(answer: unknown): string | undefined {
  const { refused, answers } = answer as {
    refused?: string;
    answers?: { accepted: boolean; reason?: string }[];
  };
  if (answers === undefined) return refused;
  return answers.every(({ accepted }) => !accepted) ? answers[0]?.reason : undefined;
}

/*
 * Who has the server's name, its address and its TLS key, sees all that is said, and can say whatever he likes on a connection that the
 * server has begun: he has everything but the key that the server signs with.
 */
describe(`${12 * EACH} messages of somebody else (seed ${SEED})`, () => {
  it('start nothing; each is refused with its reason, and told; the agent stays well and small', async () => {
    const random = new Random(SEED);
    const thief = newSigningKey();
    const sealed = (
      message: object,
      event: string = ServerEvent.run,
      host = server.hostUuid,
      now = Date.now(),
    ): Envelope => seal(sealable(event, liftParts(event, message)), [host], proper, now);

    // What he has seen go by: orders that were taken, and have run.
    const seen: Envelope[] = [];
    for (let count = 0; count < 5; count += 1) {
      const one = shellOrder('true');
      seen.push(sealed({ orders: [one] }));
      expect(codeOf(await server.bare(ServerEvent.run, seen.at(-1)))).toBeUndefined();
      await server.ended(one.attempt_id);
    }
    const memoryBefore = peakMemory(agent.pid);

    const kinds: Record<string, [code: string, make: () => unknown]> = {
      forged: ['unknown_key', () => server.seal(ServerEvent.run, { orders: [order()] })],
      'forged in its name': [
        'bad_signature',
        () => ({ ...server.seal(ServerEvent.run, { orders: [order()] }), key: proper.keyId }),
      ],
      edited: [
        'bad_signature',
        () =>
          edited(
            random,
            random.next() < 0.5 ? sealed({ orders: [order()] }) : shared(proper, server.hostUuid),
          ),
      ],
      'with another part': [
        'edited_part',
        () => {
          const bytes = `#!/bin/sh\ntouch ${started}/part\n`;
          const envelope = sealed({ orders: [scriptOf('true')] });
          return {
            ...envelope,
            parts: Object.fromEntries(Object.keys(envelope.parts ?? {}).map((name) => [name, bytes])),
          };
        },
      ],
      'without its part': [
        'edited_part',
        () => {
          const { parts: _, ...rest } = sealed({ orders: [scriptOf('true')] });
          return rest;
        },
      ],
      retargeted: [
        'wrong_host',
        () =>
          random.next() < 0.5
            ? sealed({ orders: [order()] }, ServerEvent.run, randomUUID())
            : shared(proper, randomUUID()),
      ],
      'of another kind': ['wrong_type', () => sealed({ orders: [order()] }, ServerEvent.stop)],
      expired: [
        'order_expired',
        () => sealed({ orders: [order()] }, ServerEvent.run, undefined, Date.now() - MINUTES_MS),
      ],
      'of the future': [
        'not_yet_valid',
        () => sealed({ orders: [order()] }, ServerEvent.run, undefined, Date.now() + MINUTES_MS),
      ],
      replayed: ['replayed', () => random.pick(seen)],
      'of a version of his own': [
        'unknown_version',
        () => ({ ...sealed({ orders: [order()] }), v: random.between(2, 99) }),
      ],
      unsigned: ['unsigned', () => ({ orders: [order()] })],
    };

    server.key = thief;
    const drawn = Object.entries(kinds).flatMap(([kind, [code, make]]) =>
      Array.from({ length: EACH }, () => ({ kind, code, make })),
    );
    drawn.sort(() => random.next() - 0.5);
    const wrong: string[] = [];
    const send = async ({ kind, code, make }: (typeof drawn)[number]): Promise<void> => {
      const got = codeOf(await server.bare(ServerEvent.run, make()));
      if (got !== code) wrong.push(`${kind}: ${got}`);
    };
    for (let from = 0; from < drawn.length; from += AT_ONCE)
      await Promise.all(drawn.slice(from, from + AT_ONCE).map((one) => send(one)));
    expect(wrong).toEqual([]);

    // What is not answered: told all the same.
    server.emit(ServerEvent.query, server.seal(ServerEvent.query, { queries: [queryOrder(1, 'select 1')] }));
    server.emit(ServerEvent.standing, { remove: [], blocks: [] });

    const told = (code: string): number =>
      server.refusals.filter((one) => one.code === code).reduce((sum, { count }) => sum + count, 0);
    const expected = new Map<string, number>();
    for (const { code } of drawn) expected.set(code, (expected.get(code) ?? 0) + 1);
    await server.until(
      () => [...expected].every(([code, count]) => told(code) >= count) && told('unknown_key') > EACH,
    );
    expect(
      server.refusals.filter(({ digest, attempt_id }) => digest !== null && attempt_id !== null),
    ).not.toEqual([]);

    expect(readdirSync(started)).toEqual([]);
    expect(server.answers).toEqual([]);
    const peak = peakMemory(agent.pid);
    process.stdout.write(
      `${drawn.length} messages of somebody else (seed ${SEED}): 0 starts; the agent's memory went from ${Math.round(memoryBefore / MEBIBYTE)} to ${Math.round(peak / MEBIBYTE)} MiB at most, its log has ${agent.log().length} characters\n`,
    );
    expect(peak - memoryBefore).toBeLessThan(128 * MEBIBYTE);

    // It is well: the real server's next orders run on the same connection, for it alone and for many.
    server.key = proper;
    const common = shared(proper, server.hostUuid);
    expect(codeOf(await server.bare(ServerEvent.run, common))).toBeUndefined();
    const [own = ''] = attemptsNamedBy(ServerEvent.run, common, server.hostUuid);
    expect(await server.ended(own)).toMatchObject({ outcome: 'finished', exit_code: 0 });
    expect(readdirSync(started)).toEqual(['shared']);
    rmSync(path.join(started, 'shared'));
    const good = order();
    expect(
      codeOf(await server.bare(ServerEvent.run, server.seal(ServerEvent.run, { orders: [good] }))),
    ).toBeUndefined();
    expect(await server.ended(good.attempt_id)).toMatchObject({ outcome: 'finished', exit_code: 0 });
    expect(readdirSync(started)).toEqual([good.attempt_id]);
    rmSync(path.join(started, good.attempt_id));
  });

  it('on connections of his own, begun by answers that he has seen or made up, start nothing either', async () => {
    const heard = server.hellos.length;
    let recorded: Envelope | null = null;
    server.greeting = (_, greeting) => (recorded = greeting);
    server.cut();
    await server.until(() => server.hellos.length > heard && server.connected);

    let sent = 0;
    server.onConnection = (socket) => {
      for (let count = 0; count < 50; count += 1, sent += 1)
        socket.emit(ServerEvent.run, {
          ...server.seal(ServerEvent.run, { orders: [order()] }),
          key: proper.keyId,
        });
    };
    const greetings = [
      () => recorded,
      () => ({ ok: true, host_id: 7, host_uuid: server.hostUuid, server_time: Date.now(), stale: [] }),
      (greeting: Envelope) => greeting,
      (greeting: Envelope) => ({ ...greeting, key: proper.keyId }),
    ];
    let turn = 0;
    server.key = newSigningKey();
    server.greeting = (_, greeting) => greetings[turn++ % greetings.length]?.(greeting);
    server.cut();
    await server.until(() => turn >= greetings.length);
    expect(readdirSync(started)).toEqual([]);

    let greeted = false;
    const greeting = (_: unknown, answer: Envelope): Envelope => {
      greeted = true;
      return answer;
    };
    Object.assign(server, { key: proper, greeting, onConnection: () => undefined });
    await server.until(() => greeted && server.connected);
    const good = order();
    expect(await server.run(good)).toEqual([{ attempt_id: good.attempt_id, accepted: true }]);
    await server.ended(good.attempt_id);
    expect(readdirSync(started)).toEqual([good.attempt_id]);
    expect(sent).toBeGreaterThan(0);
    expect(JSON.parse(readFileSync(path.join(agent.stateDir, 'server-keys.json'), 'utf8'))).toMatchObject({
      keys: [proper.told],
    });
  });
});

/** One order for this host and two others. */
function shared(key: TestKey, host: string): Envelope {
  const { attempt_id: _, target_id: __, ...common } = shellOrder(`touch ${started}/shared`);
  const shares = Array.from({ length: 3 }, () => ({ attempt_id: randomUUID(), target_id: randomUUID() }));
  const message = liftParts(ServerEvent.run, { order: common, shares });
  return seal(sealable(ServerEvent.run, message), [randomUUID(), host, randomUUID()], key);
}

function scriptOf(contents: string): Order {
  const base = shellOrder('true');
  return { ...base, kind: 'script', payload: { type: 'script', contents, arguments: [] } };
}

/** One character of what is signed is another. */
function edited(random: Random, envelope: Envelope): Envelope {
  const { body } = envelope;
  const index = random.between(0, body.length - 1);
  const other = body[index] === 'x' ? 'y' : 'x';
  return { ...envelope, body: body.slice(0, index) + other + body.slice(index + 1) };
}
