import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Order, type StatedHost } from '#libs/protocol/index';
import { type AgentFixture, startAgent, temporaryDirectory, until } from '#libs/testing/index';
import {
  instanceOf,
  orderFor,
  ProtocolServer,
  queryOrder,
  shellOrder,
} from '../../apps/agent/src/testing/protocol-server.js';
import {
  person,
  runOf,
  signed,
  signedOrder,
  signedQuery,
  type Signing,
} from '../../apps/agent/src/trust/testing.js';

/** Orders of each kind: more than ten thousand in all. */
const EACH = Number(process.env.HOSTILE_STATEMENTS ?? 350);
const AT_ONCE = 16;
const HOUR_MS = 3_600_000;
const isRoot = process.getuid?.() === 0;

const [ann, bob, eve] = [person('ann@example.com'), person('bob@example.com'), person('eve@example.com')];
const directory = temporaryDirectory('statements');
/** Whatever of theirs was started would leave a file here. */
const started = temporaryDirectory('started');
const policy = path.join(directory, 'agent-policy.yml');

let server: ProtocolServer;
let agent: AgentFixture;
let host: StatedHost;
const other: StatedHost = { uuid: randomUUID(), hostname: 'somewhere-else' };

const key = ({ name, key: bytes }: typeof ann): string =>
  `    - { name: ${name}, key: ${bytes.toString('base64')} }\n`;
const asks = `signatures:\n  signers:\n${key(ann)}${key(bob)}  required: 1\n  root_shell: 2\n  queries: true\n  extra_env: ["*_TOKEN"]\n`;

function writePolicy(text: string): void {
  writeFileSync(`${policy}.new`, text, { mode: 0o600 });
  renameSync(`${policy}.new`, policy);
}

beforeAll(async () => {
  writePolicy(asks);
  server = new ProtocolServer();
  const url = await server.listen();
  const admin = { email: '', password: '' };
  agent = startAgent({ server: { url, enrollSecret: 's', admin }, args: ['--policy', policy] });
  await server.until(() => server.connected);
  host = { uuid: server.hostUuid, hostname: agent.hostname };
});
afterAll(async () => {
  await agent.stop();
  await server.close();
});

/** A shell line that would be told by its trace. */
function line(more: Partial<Order> = {}): Order {
  const attempt_id = randomUUID();
  return shellOrder(`touch ${started}/${attempt_id}`, { kind: 'shell', attempt_id, ...more });
}

/** The same as a script with an argument. */
function script(more: Partial<Order> = {}): Order {
  const attempt_id = randomUUID();
  const contents = `#!/bin/sh\ntouch ${started}/${attempt_id}\n`;
  return orderFor(
    { type: 'script', contents, arguments: ['one'] },
    { kind: 'script', lane: 'serial', attempt_id, ...more },
  );
}

/** As two people have signed it for this host. */
const good = (order: Order, more: Signing = {}): Order => signedOrder(order, host, [ann, bob], more);

async function reasonOf(order: Order): Promise<string | undefined> {
  const [answer] = await server.run(order);
  return answer?.accepted === false ? answer.reason : undefined;
}

/*
 * Who owns the server, its database and its signing key, and has seen all that people ever signed: everything but their private keys, and the
 * host's own policy. Every order is well signed by the server.
 */
describe('a server that was taken over', () => {
  const seen: Order[] = [];
  const mismatch = 'statement_mismatch';

  /** Each kind of order that he can make, and how it is refused. */
  const kinds: Record<string, readonly [reason: string, make: () => Order]> = {
    absent: ['signature_missing', () => line()],
    'forged by somebody': ['signer_unknown', () => signedOrder(line(), host, [eve])],
    'forged in her name': [
      'signer_unknown',
      () => {
        const theirs = signedOrder(line(), host, [eve]);
        const [mine] = good(line()).statement?.signatures ?? [];
        const [forged] = theirs.statement?.signatures ?? [];
        const signatures = [{ key: mine?.key ?? '', signature: forged?.signature ?? '' }];
        return { ...theirs, statement: { statement: theirs.statement?.statement ?? '', signatures } };
      },
    ],
    'with signatures of something else': [
      'signer_unknown',
      () => {
        const order = signedOrder(line(), host, [eve]);
        const signatures = good(line()).statement?.signatures ?? [];
        return { ...order, statement: { statement: order.statement?.statement ?? '', signatures } };
      },
    ],
    'with an edited text': [
      'signer_unknown',
      () => {
        const order = good(line());
        const statement =
          order.statement?.statement.replace('"timeout_seconds":60', '"timeout_seconds":61') ?? '';
        return { ...order, statement: { statement, signatures: order.statement?.signatures ?? [] } };
      },
    ],
    'with the statement of another order': [mismatch, () => ({ ...good(line()), ...contentOf(line()) })],
    'with another variable': [mismatch, () => ({ ...good(line()), env: { LD_PRELOAD: '/tmp/evil.so' } })],
    'with a function under a name like an allowed one': [
      mismatch,
      () => ({ ...good(line()), env: { 'BASH_FUNC_touch%%_TOKEN': '() { reboot; }' } }),
    ],
    'with a name that brings more than a name': [
      'start_failed',
      () => ({ ...good(line()), env: { 'LD_PRELOAD=/tmp/evil.so _TOKEN': '' } }),
    ],
    'with another value': [
      mismatch,
      () => ({ ...good(line({ env: { MODE: 'safe' } })), env: { MODE: 'wild' } }),
    ],
    'with a secret': [mismatch, () => ({ ...good(line()), secrets: { env: { BASH_ENV: '/tmp/evil' } } })],
    'with a secret file': [mismatch, () => ({ ...good(line()), secrets: { files: { ENV: 'reboot' } } })],
    'in another directory': [mismatch, () => ({ ...good(line()), cwd: '/tmp' })],
    'as another user': [mismatch, () => ({ ...good(line({ user: 'nobody' })), user: 'root' })],
    "as the agent's user": [mismatch, () => ({ ...good(line({ user: 'nobody' })), user: undefined })],
    'with other input': [mismatch, () => ({ ...good(line({ stdin: 'yes' })), stdin: 'no' })],
    'with input': [mismatch, () => ({ ...good(line()), stdin: 'reboot\n' })],
    'for longer': [mismatch, () => ({ ...good(line()), timeout_seconds: 604_800 })],
    'with a clean environment': [mismatch, () => ({ ...good(line()), clean_env: true })],
    'in another lane': [mismatch, () => ({ ...good(script()), lane: 'parallel' })],
    'with a limit that ends some of its steps': [
      mismatch,
      () => ({ ...good(script()), limits: { file_bytes: 110_000 } }),
    ],
    'with other arguments': [
      mismatch,
      () => {
        const order = good(script());
        return { ...order, payload: { ...order.payload, arguments: ['two'] } as Order['payload'] };
      },
    ],
    'with another interpreter': [
      mismatch,
      () => {
        const order = good(script());
        const contents = `#!/bin/bash\ntouch ${started}/${order.attempt_id}\n`;
        const { payload, content_sha256 } = orderFor({ type: 'script', contents, arguments: ['one'] });
        return { ...order, payload, content_sha256 };
      },
    ],
    'as another kind': [mismatch, () => ({ ...good(line()), kind: 'script', lane: 'serial' })],
    'as a script of the same digest': [
      mismatch,
      () => {
        const attempt_id = randomUUID();
        const argv = ['echo', `$(touch ${started}/${attempt_id})`];
        const order = good(orderFor({ type: 'command', argv }, { attempt_id }));
        return { ...order, payload: { type: 'script', contents: JSON.stringify(argv), arguments: [] } };
      },
    ],
    'as a query was signed': [
      mismatch,
      () => {
        const order = script();
        const sql = order.payload.type === 'script' ? String(order.payload.contents) : '';
        const { statement, host_proof } = signedQuery(queryOrder(1, sql), host, [ann, bob]);
        return { ...order, statement, host_proof };
      },
    ],
    retargeted: [mismatch, () => signedOrder(line(), other, [ann, bob])],
    'retargeted by the uuid': [
      mismatch,
      () => signedOrder(line(), { ...other, uuid: host.uuid }, [ann, bob]),
    ],
    'with the proof of another statement': [
      mismatch,
      () => {
        const order = line();
        const { statement } = signed(runOf(order), other, [ann, bob]);
        return { ...order, statement, host_proof: good(line()).host_proof };
      },
    ],
    expired: [
      'statement_expired',
      () => good(line(), { notBefore: Date.now() - 2 * HOUR_MS, expires: Date.now() - 1 }),
    ],
    'from before': [
      'replayed',
      () => good(line(), { notBefore: Date.now() - 2 * HOUR_MS, expires: Date.now() + HOUR_MS }),
    ],
    'of the future': ['statement_expired', () => good(line(), { notBefore: Date.now() + HOUR_MS })],
    replayed: [
      'replayed',
      () => {
        const order = seen[Math.floor(Math.random() * seen.length)] ?? line();
        return { ...order, attempt_id: randomUUID(), target_id: randomUUID() };
      },
    ],
    'as a run of an instance': ['denied', () => ({ ...good(script()), kind: 'instance', lane: 'parallel' })],
    ...(isRoot && {
      'by one person as root': ['signature_missing', () => signedOrder(line(), host, [ann])],
      'by one person twice': [
        'signature_missing',
        () => {
          const order = signedOrder(line(), host, [ann, ann]);
          return order;
        },
      ],
    }),
  };

  it(`starts nothing with ${Object.keys(kinds).length * EACH} orders that people did not sign as they came`, async () => {
    // What he has seen go by.
    for (let count = 0; count < 5; count += 1) {
      const order = good(shellOrder('true', { kind: 'shell' }));
      expect(await reasonOf(order)).toBeUndefined();
      await server.ended(order.attempt_id);
      seen.push(order);
    }
    const drawn = Object.entries(kinds).flatMap(([kind, [reason, make]]) =>
      Array.from({ length: EACH }, () => ({ kind, reason, make })),
    );
    drawn.sort(() => Math.random() - 0.5);
    const wrong = new Map<string, number>();
    const send = async ({ kind, reason, make }: (typeof drawn)[number]): Promise<void> => {
      const got = await reasonOf(make());
      if (got !== reason) wrong.set(`${kind}: ${got}`, (wrong.get(`${kind}: ${got}`) ?? 0) + 1);
    };
    for (let from = 0; from < drawn.length; from += AT_ONCE)
      await Promise.all(drawn.slice(from, from + AT_ONCE).map((one) => send(one)));
    expect([...wrong]).toEqual([]);
    expect(readdirSync(started)).toEqual([]);
  }, 900_000);

  it('answers no query that was not signed as it came, and each once', async () => {
    const secret = 'select 42 as answer';
    const proper = signedQuery(queryOrder(1, secret), host, [ann]);
    const wrong = [
      queryOrder(10, secret),
      { ...proper, campaign_id: 11, sql: 'select 43 as answer' },
      { ...proper, campaign_id: 12, limits: { ...proper.limits, milliseconds: 3_600_000 } },
      { ...signedQuery(queryOrder(13, secret), other, [ann]) },
      { ...signedQuery(queryOrder(14, secret), host, [eve]) },
      { ...queryOrder(15, secret), ...pick(good(line())) },
    ];
    await server.query(...wrong);
    for (const { campaign_id } of wrong)
      expect(await server.answered(campaign_id)).toMatchObject({ rows: [], ending: { outcome: 'denied' } });
    await server.query(proper);
    expect(await server.answered(1)).toMatchObject({ rows: [['42']], ending: { outcome: 'answered' } });
    await server.query({ ...proper, campaign_id: 2 });
    expect(await server.answered(2)).toMatchObject({ rows: [], ending: { outcome: 'denied' } });
  });

  it('starts nothing by what an agent does by itself', async () => {
    const trace = path.join(started, 'instance');
    const every = instanceOf(`touch ${trace}`, {
      start_trigger: { type: 'schedule', setting: '* * * * * *' },
    });
    // It may be refused, and not even be answered.
    void server.instances([every], [`touch ${trace}`]).catch(() => undefined);
    await server.standing({
      blocks: [{ id: 'labels', hash: 'a', kind: 'labels', labels: [{ id: 9, sql: 'select 1' }] }],
    });
    // Whatever it would have begun with that, it would have begun before it has run this.
    for (let count = 0; count < 3; count += 1) {
      const order = good(shellOrder('sleep 1', { kind: 'shell' }));
      expect(await reasonOf(order)).toBeUndefined();
      await server.ended(order.attempt_id);
    }
    expect(existsSync(trace)).toBe(false);
    expect(server.triggered).toEqual([]);
    expect(server.found.labels.get(9)).not.toBe(true);
  });

  it('starts nothing that waited until its statement was over', async () => {
    const slow = good(orderFor({ type: 'command', argv: ['sleep', '2'] }, { lane: 'serial' }));
    const waiting = good(script(), { notBefore: Date.now(), expires: Date.now() + 1_000 });
    expect(await reasonOf(slow)).toBeUndefined();
    expect(await reasonOf(waiting)).toBeUndefined();
    expect(await server.ended(waiting.attempt_id)).toMatchObject({
      outcome: 'failed_to_start',
      reason: 'statement_expired',
    });
  });

  it('starts nothing again after the agent has died, or was enrolled under the name of another host', async () => {
    const replay = (): Order => ({
      ...(seen[0] ?? line()),
      attempt_id: randomUUID(),
      target_id: randomUUID(),
    });
    await agent.kill('SIGKILL');
    await server.until(() => !server.connected);
    await agent.restart();
    await server.until(() => server.connected);
    expect(await reasonOf(replay())).toBe('replayed');
    // A host knows which one it is: it takes no word from a server that gives it the uuid of another.
    server.hostUuid = other.uuid;
    server.nodeKeys.clear();
    server.cut();
    await until(() => agent.log().includes(`this host is ${other.uuid}`), { timeout: 60_000 });
    expect(server.connected).toBe(false);
    server.hostUuid = host.uuid;
    await server.until(() => server.connected);
    expect(await reasonOf(good(line()))).toBeUndefined();
  }, 300_000);

  it('starts nothing when the policy cannot be followed any more', async () => {
    const before = readdirSync(started).length;
    writePolicy('signatures: [');
    expect(await reasonOf(good(line()))).toBe('denied');
    writePolicy(asks);
    const order = good(line());
    expect(await reasonOf(order)).toBeUndefined();
    await server.ended(order.attempt_id);
    expect(readdirSync(started).length).toBeGreaterThan(before);
  });
});

function contentOf({ payload, content_sha256 }: Order): Pick<Order, 'payload' | 'content_sha256'> {
  return { payload, content_sha256 };
}

function pick({ statement, host_proof }: Order): Pick<Order, 'statement' | 'host_proof'> {
  return { statement, host_proof };
}
