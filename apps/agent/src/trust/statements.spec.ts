import * as fs from 'node:fs';
import * as path from 'node:path';
import { randomUUID } from 'node:crypto';
import { HostTree, type Order, type Payload, readStatement } from '#libs/protocol/index';
import { orderFor, queryOrder, shellOrder } from '../testing/protocol-server.js';
import { temporaryDirectory } from '../testing/temporary.js';
import { startsShell } from './root-shell.js';
import { StatementGate } from './statement-gate.js';
import { checkOrder, checkQuery, type SignatureRules } from './statements.js';
import { person, runOf, signed, signedOrder, signedQuery, type Signing } from './testing.js';
import { UsedStatements } from './used-statements.js';

const HOUR = 3_600_000;
const NOW = Date.UTC(2031, 4, 1);
const host = { uuid: randomUUID(), hostname: 'db-1' };
const other = { uuid: randomUUID(), hostname: 'web-1' };
const [ann, bob, eve] = [person('ann'), person('bob'), person('eve')];
const rules: SignatureRules = {
  signers: [ann, bob],
  required: 1,
  queries: true,
  unsignedInstances: false,
  mayAdd: () => false,
};

type Case = readonly [what: string, change: (order: Order) => Order, reason: string, message: string];

const command = (more: Partial<Order> = {}): Order =>
  orderFor({ type: 'command', argv: ['systemctl', 'restart', 'db'] }, { ...more });
const script = (more: Partial<Order> = {}): Order =>
  orderFor(
    { type: 'script', contents: '#!/bin/sh\necho hello\n', arguments: ['a'] },
    { kind: 'script', lane: 'serial', ...more },
  );

/** Why an order is refused, as `code: message`; null: it is not. */
function judge(order: Order, more: Partial<SignatureRules> = {}, now = NOW, asRoot = false): string | null {
  const verdict = checkOrder(order, asRoot, { rules: { ...rules, ...more }, host, now, used: () => null });
  return verdict.ok ? null : `${verdict.refusal.reason}: ${verdict.refusal.message}`;
}

const sign = (order: Order, people = [ann], more: Signing = {}): Order =>
  signedOrder(order, host, people, { notBefore: NOW, ...more });

describe('what people have signed', () => {
  const full = command({
    env: { MODE: 'safe' },
    cwd: '/srv',
    user: 'deploy',
    stdin: 'yes\n',
    lane: 'serial',
    clean_env: true,
  });

  it.each([
    ['a command', command()],
    ['a script with arguments', script()],
    ['a shell line', shellOrder('uptime', { kind: 'shell' })],
    ['an exec session', command({ kind: 'exec_session' })],
    ['one that says everything', full],
  ])('is run: %s', (_, order) => {
    expect(judge(sign(order))).toBeNull();
    expect(judge(sign(order, [bob], { others: [other] }))).toBeNull();
  });

  it('may be ended earlier than was signed, and may bring what changes nothing on the host', () => {
    const order = sign(full);
    expect(judge({ ...order, timeout_seconds: 1 })).toBeNull();
    const mask = { values: ['x'], types: [] };
    const deny_output = [{ words: ['x'], message: 'no' }];
    expect(judge({ ...order, mask, deny_output, output_cap_bytes: 2048, grace_seconds: 0 })).toBeNull();
    expect(
      judge({ ...order, attempt_id: randomUUID(), target_id: randomUUID(), expires_at: NOW }),
    ).toBeNull();
  });

  const cases: readonly Case[] = [
    ['without a statement', (o) => ({ ...o, statement: undefined }), 'signature_missing', 'one person'],
    ['without the proof', (o) => ({ ...o, host_proof: undefined }), 'statement_mismatch', 'hosts'],
    [
      'with another command',
      (o) => ({ ...o, payload: { type: 'command', argv: ['id'] } }),
      'statement_mismatch',
      'content_sha256',
    ],
    [
      'with another argument',
      (o) => ({ ...o, payload: { type: 'command', argv: ['systemctl', 'restart', 'db', '-f'] } }),
      'statement_mismatch',
      'content_sha256',
    ],
    [
      'with another variable',
      (o) => ({ ...o, env: { ...o.env, LD_PRELOAD: '/tmp/x.so' } }),
      'statement_mismatch',
      'env_sha256',
    ],
    ['with another value', (o) => ({ ...o, env: { MODE: 'wild' } }), 'statement_mismatch', 'env_sha256'],
    ['without its variables', (o) => ({ ...o, env: undefined }), 'statement_mismatch', 'env_sha256'],
    ['in another directory', (o) => ({ ...o, cwd: '/tmp' }), 'statement_mismatch', 'cwd'],
    ['in the default directory', (o) => ({ ...o, cwd: undefined }), 'statement_mismatch', 'cwd'],
    ['as another user', (o) => ({ ...o, user: 'root' }), 'statement_mismatch', 'user'],
    ["as the agent's user", (o) => ({ ...o, user: undefined }), 'statement_mismatch', 'user'],
    ['with other input', (o) => ({ ...o, stdin: 'no\n' }), 'statement_mismatch', 'stdin_sha256'],
    ['without its input', (o) => ({ ...o, stdin: undefined }), 'statement_mismatch', 'stdin_sha256'],
    ["in the agent's environment", (o) => ({ ...o, clean_env: false }), 'statement_mismatch', 'clean_env'],
    ['in another lane', (o) => ({ ...o, lane: 'parallel' }), 'statement_mismatch', 'lane'],
    ['for longer', (o) => ({ ...o, timeout_seconds: 61 }), 'statement_mismatch', 'timeout_seconds'],
    ['as another kind', (o) => ({ ...o, kind: 'exec_session' }), 'statement_mismatch', 'kind'],
    ['as a run of an instance', (o) => ({ ...o, kind: 'instance' }), 'signature_missing', 'instances'],
    [
      'with limits of its own',
      (o) => ({ ...o, limits: { file_bytes: 110_000 } }),
      'statement_mismatch',
      'limits',
    ],
    [
      'with a secret variable',
      (o) => ({ ...o, secrets: { env: { PATH: '/tmp' } } }),
      'statement_mismatch',
      'PATH',
    ],
    [
      'with a secret file',
      (o) => ({ ...o, secrets: { files: { BASH_ENV: 'id' } } }),
      'statement_mismatch',
      'BASH_ENV',
    ],
  ];

  it.each(cases)('is not run %s', (_, change, reason, message) => {
    const said = judge(change(sign(full)));
    expect(said).toMatch(new RegExp(`^${reason}: .*${message}`));
  });

  it('is not run with other arguments, or as a script by another content', () => {
    const order = sign(script());
    const with_ = (payload: Payload): string | null => judge({ ...order, payload });
    expect(with_({ type: 'script', contents: '#!/bin/sh\necho hello\n', arguments: [] })).toMatch(
      'arguments',
    );
    expect(with_({ type: 'script', contents: '#!/bin/sh\necho hello\n', arguments: ['a', 'b'] })).toMatch(
      'arguments',
    );
    expect(with_({ type: 'script', contents: '#!/bin/bash\necho hello\n', arguments: ['a'] })).toMatch(
      'content_sha256',
    );
  });

  it('is not run as another type of payload with the same digest: the JSON of argv is a script, too', () => {
    const argv = ['echo', '$(reboot)'];
    const order = sign(orderFor({ type: 'command', argv }));
    const disguised: Payload = { type: 'script', contents: JSON.stringify(argv), arguments: [] };
    expect(judge(order)).toBeNull();
    expect(judge({ ...order, payload: disguised })).toMatch('statement_mismatch: kind');
    expect(judge({ ...order, kind: 'script', lane: 'serial', payload: disguised })).toMatch(
      'statement_mismatch: kind',
    );
    const line = sign(shellOrder('reboot', { kind: 'shell' }));
    expect(judge({ ...line, payload: { type: 'script', contents: '"reboot"', arguments: [] } })).toMatch(
      'kind',
    );
  });

  it('is not run by what was signed as a query, and the other way round', () => {
    const sql = 'select 1';
    const asQuery = signedQuery(queryOrder(1, sql), host, [ann], { notBefore: NOW });
    const stolen = script({ payload: { type: 'script', contents: sql, arguments: [] } });
    expect(judge({ ...stolen, statement: asQuery.statement, host_proof: asQuery.host_proof })).toMatch(
      'mismatch: kind',
    );
    const context = { rules, host, now: NOW, used: () => null };
    expect(checkQuery(asQuery, context)).toMatchObject({ ok: true });
    const refusal = (query: typeof asQuery): unknown => {
      const verdict = checkQuery(query, context);
      return verdict.ok ? null : `${verdict.refusal.reason}: ${verdict.refusal.message}`;
    };
    expect(refusal({ ...asQuery, sql: 'select * from shadow' })).toMatch('content_sha256');
    expect(refusal({ ...asQuery, limits: { ...asQuery.limits, milliseconds: 61_000 } })).toMatch(
      'timeout_seconds',
    );
    expect(
      refusal({ ...asQuery, statement: sign(stolen).statement, host_proof: sign(stolen).host_proof }),
    ).toMatch('kind');
    expect(refusal(queryOrder(1, sql))).toMatch('signature_missing');
  });
});

describe('hosts that it was signed for', () => {
  it('are these alone, by their own name and not only by the uuid that the server gave', () => {
    const order = command();
    const elsewhere = signed(runOf(order), other, [ann], { notBefore: NOW });
    expect(judge({ ...order, ...elsewhere })).toMatch('statement_mismatch: hosts');
    // The server enrolled this host again, as the other one.
    const renamed = signed(runOf(order), { uuid: host.uuid, hostname: other.hostname }, [ann], {
      notBefore: NOW,
    });
    expect(judge({ ...order, ...renamed })).toMatch('statement_mismatch: hosts');
    const twin = signed(runOf(order), { uuid: other.uuid, hostname: host.hostname }, [ann], {
      notBefore: NOW,
    });
    expect(judge({ ...order, ...twin })).toMatch('statement_mismatch: hosts');
    // The proof of another tree.
    const { statement } = sign(order);
    const proof = HostTree.over([host, other]).proof(host) ?? [];
    expect(judge({ ...order, statement, host_proof: proof })).toMatch('statement_mismatch: hosts');
  });
});

describe('signatures', () => {
  it('of others, of nobody, or of something else do not count', () => {
    const order = command();
    expect(judge(sign(order, [eve]))).toMatch('signer_unknown');
    const good = sign(order);
    const [signature] = good.statement?.signatures ?? [];
    const statement = good.statement?.statement ?? '';
    if (signature === undefined) throw new Error('unreachable');
    const forged = {
      key: signature.key,
      signature: sign(order, [eve]).statement?.signatures[0]?.signature ?? '',
    };
    expect(judge({ ...good, statement: { statement, signatures: [forged] } })).toMatch('signer_unknown');
    const edited = statement.replace('"timeout_seconds":60', '"timeout_seconds":99');
    expect(judge({ ...good, statement: { statement: edited, signatures: [signature] } })).toMatch(
      'signer_unknown',
    );
    // One good one among bad ones is enough.
    expect(judge({ ...good, statement: { statement, signatures: [forged, signature] } })).toBeNull();
  });

  it('are counted by people: neither twice by one key, nor by two keys of one', () => {
    const both = { required: 2 };
    const once = sign(command());
    const signatures = once.statement?.signatures ?? [];
    expect(judge(once, both)).toMatch(/^signature_missing: this needs what 2 people .* only ann did/);
    const twice = { statement: once.statement?.statement ?? '', signatures: [...signatures, ...signatures] };
    expect(judge({ ...once, statement: twice }, both)).toMatch('signature_missing');
    const annsOther = { ...person('ann') };
    const keys = { signers: [ann, annsOther, bob], required: 2 };
    expect(judge(sign(command(), [ann, annsOther]), keys)).toMatch('signature_missing');
    expect(judge(sign(command(), [ann, eve]), both)).toMatch('signature_missing');
    expect(judge(sign(command(), [ann, bob]), both)).toBeNull();
  });

  it.each<[string, Order, boolean]>([
    ['a script', script(), true],
    ['a shell line', shellOrder('id', { kind: 'shell' }), true],
    ['a session', command({ kind: 'exec_session' }), true],
    ['a shell by its path', orderFor({ type: 'command', argv: ['/usr/bin/bash', '-c', 'id'] }), true],
    ['a shell behind another program', orderFor({ type: 'command', argv: ['env', 'bash'] }), true],
    ['an interpreter with a version', orderFor({ type: 'command', argv: ['python3.12', '-c', ''] }), true],
    ['a command with a variable', command({ env: { LD_PRELOAD: '/tmp/x.so' } }), true],
    ['a command', command(), false],
    ['a command whose name only ends like a shell', orderFor({ type: 'command', argv: ['hash'] }), false],
  ])('are needed of more people for a shell as root: %s', (_, order, isShell) => {
    expect(startsShell(order)).toBe(isShell);
    const two = { rootShell: 2 };
    expect(judge(sign(order), two, NOW, true)?.split(':')[0] ?? null).toBe(
      isShell ? 'signature_missing' : null,
    );
    expect(judge(sign(order), two, NOW, false)).toBeNull();
    expect(judge(sign(order, [ann, bob]), two, NOW, true)).toBeNull();
  });
});

describe('what the server adds', () => {
  const mayAdd = (name: string): boolean => name === 'DB_PASSWORD';

  it('is let in by its name, beside what was signed and in place of nothing', () => {
    const order = command({ env: { MODE: 'safe' } });
    const good = sign(order);
    expect(judge({ ...good, secrets: { env: { DB_PASSWORD: 'x' } } }, { mayAdd })).toBeNull();
    expect(judge({ ...good, env: { MODE: 'safe', DB_PASSWORD: 'x' } }, { mayAdd })).toBeNull();
    expect(judge({ ...good, env: { DB_PASSWORD: 'x' } }, { mayAdd })).toMatch('env_sha256');
    expect(judge({ ...good, secrets: { env: { PATH: 'x' } } }, { mayAdd })).toMatch('PATH');
    const mine = sign(command({ env: { DB_PASSWORD: 'mine' } }));
    expect(judge(mine, { mayAdd })).toBeNull();
    expect(judge({ ...mine, env: { DB_PASSWORD: 'theirs' } }, { mayAdd })).toMatch('env_sha256');
    expect(judge({ ...mine, secrets: { env: { DB_PASSWORD: 'theirs' } } }, { mayAdd })).toMatch(
      'DB_PASSWORD',
    );
  });

  it('may be who asked for a session, in words that are nothing but words', () => {
    const order = sign(command({ kind: 'exec_session', env: { MODE: 'safe' } }));
    const told = { MUSTER_SESSION_ID: randomUUID(), MUSTER_USER_EMAIL: 'ann@example.com' };
    expect(judge({ ...order, env: { ...order.env, ...told } })).toBeNull();
    expect(judge({ ...order, env: { ...order.env, MUSTER_USER_EMAIL: '$(reboot)' } })).toMatch('env_sha256');
    expect(judge({ ...order, env: { ...order.env, MUSTER_OTHER: 'a' } })).toMatch('env_sha256');
    const plain = sign(command());
    expect(judge({ ...plain, env: told })).toMatch('env_sha256');
  });

  it('may be runs of instances only where the host says so', () => {
    const run = script({ kind: 'instance', instance: { id: 1 } });
    expect(judge(run)).toMatch('signature_missing');
    expect(judge(run, { unsignedInstances: true })).toBeNull();
  });
});

describe('time', () => {
  it("is judged by the host's own clock alone", () => {
    const order = sign(command(), [ann], { notBefore: NOW, expires: NOW + HOUR });
    expect(judge(order, {}, NOW + HOUR - 1)).toBeNull();
    expect(judge(order, {}, NOW + HOUR)).toMatch(
      'statement_expired: it was signed for until 2031-05-01T01:00',
    );
    expect(judge(order, {}, NOW - 61_000)).toMatch('statement_expired: it was signed for from 2031');
    expect(judge(order, {}, NOW - 59_000)).toBeNull();
  });
});

describe('use', () => {
  let directory: string;
  let file: string;
  const statementOf = (order: Order): ReturnType<typeof readStatement> =>
    readStatement(order.statement?.statement ?? '');

  beforeEach(() => {
    directory = temporaryDirectory();
    file = path.join(directory, 'statements.log');
  });

  it('is once, also after a restart, until the statement is over', async () => {
    const used = UsedStatements.open(file, NOW - 1);
    const first = statementOf(sign(command()));
    expect(used.refusal(first)).toBeNull();
    used.remember(first, NOW);
    expect(used.refusal(first)).toMatch('good for one run');
    await used.close();
    const again = UsedStatements.open(file, NOW);
    expect(again.refusal(first)).toMatch('good for one run');
    expect(again.refusal(statementOf(sign(command())))).toBeNull();
    await again.close();
  });

  it('is of nothing that was signed before this host began to remember, or lost its memory', async () => {
    const used = UsedStatements.open(file, NOW + 1);
    expect(used.refusal(statementOf(sign(command())))).toMatch('sign it again');
    used.remember(statementOf(sign(command(), [ann], { notBefore: NOW + 2 })), NOW + 2);
    used.remember(statementOf(sign(command(), [ann], { notBefore: NOW + 2 })), NOW + 2);
    await used.close();
    const bytes = fs.readFileSync(file);
    bytes[bytes.indexOf('nonce')] = 0;
    fs.writeFileSync(file, bytes);
    const damaged = UsedStatements.open(file, NOW + 10);
    expect(damaged.refusal(statementOf(sign(command(), [ann], { notBefore: NOW + 5 })))).toMatch(
      'sign it again',
    );
    await damaged.close();
    const later = UsedStatements.open(file, NOW + 20);
    expect(later.refusal(statementOf(sign(command(), [ann], { notBefore: NOW + 5 })))).toMatch(
      'sign it again',
    );
    expect(later.refusal(statementOf(sign(command(), [ann], { notBefore: NOW + 10 })))).toBeNull();
    await later.close();
  });

  it('is forgotten when a statement is over, and a clock that is set back makes none good again', async () => {
    const used = UsedStatements.open(file, NOW - 1);
    const old = statementOf(sign(command(), [ann], { expires: NOW + 10 }));
    used.remember(old, NOW);
    const many = sign(command(), [ann], { expires: NOW + 20 });
    for (let n = 0; n < 5000; n += 1)
      used.remember(
        { ...statementOf(many), nonce: n.toString(16).padStart(32, '0') },
        NOW + (n < 4500 ? 1 : 30),
      );
    await used.commit();
    expect(used.refusal(old)).toMatch('a time at which this statement was over');
    await used.close();
    expect(fs.statSync(file).size).toBeLessThan(150_000);
    const again = UsedStatements.open(file, NOW);
    expect(again.refusal(old)).toMatch('a time at which this statement was over');
    expect(again.refusal(statementOf(sign(command(), [ann], { expires: NOW + 21 })))).toBeNull();
    await again.close();
  });

  it('is remembered before anything asks for signatures, for the day on which something does', async () => {
    let asked = false;
    const gate = (): StatementGate =>
      new StatementGate({
        rules: () => (asked ? rules : null),
        host: () => host,
        file,
        now: () => NOW,
      });
    const before = gate();
    before.begin();
    expect(before.order(command(), new Set())).toEqual({ refusal: null, until: null });
    const order = sign(command());
    expect(before.order(order, new Set()).refusal).toBeNull();
    await before.close();
    asked = true;
    const after = gate();
    after.begin();
    expect(after.order(order, new Set()).refusal?.reason).toBe('replayed');
    const next = sign(command());
    expect(after.order(next, new Set())).toEqual({ refusal: null, until: NOW + HOUR });
    expect(after.lapsed(next, NOW + 1, null)).toBeNull();
    expect(after.lapsed(next, NOW, null)?.reason).toBe('statement_expired');
    expect(after.lapsed(command(), null, null)?.reason).toBe('signature_missing');
    expect(after.order(next, new Set()).refusal?.reason).toBe('replayed');
    expect(await after.query(queryOrder(1, 'select 1'))).toMatchObject({ reason: 'signature_missing' });
    const query = signedQuery(queryOrder(1, 'select 1'), host, [bob], { notBefore: NOW });
    expect(await after.query(query)).toBeNull();
    expect(await after.query(query)).toMatchObject({ reason: 'replayed' });
    await after.close();
  });

  it('is judged again when its turn comes, by what the host asks for then', () => {
    let now: SignatureRules | null = rules;
    const gate = new StatementGate({ rules: () => now, host: () => host, file, now: () => NOW + 1 });
    gate.begin();
    const order = signedOrder(shellOrder('id', { kind: 'shell' }), host, [ann], { notBefore: NOW + 1 });
    const { refusal, until } = gate.order(order, new Set());
    expect(refusal).toBeNull();
    const lapsed = (root = new Set<Order>()): string | undefined => gate.lapsed(order, until, root)?.reason;
    expect(lapsed()).toBeUndefined();
    now = { ...rules, signers: rules.signers.filter(({ name }) => name !== ann.name) };
    expect(lapsed()).toBe('signer_unknown');
    now = { ...rules, required: 2 };
    expect(lapsed()).toBe('signature_missing');
    now = { ...rules, rootShell: 2 };
    expect(lapsed()).toBeUndefined();
    expect(lapsed(new Set([order]))).toBe('signature_missing');
    now = null;
    expect(lapsed()).toBeUndefined();
  });

  it('is refused where it cannot be remembered, and where the host has no name yet', () => {
    const gate = new StatementGate({
      rules: () => rules,

      host: () => null,
      file,
      now: () => NOW,
    });
    expect(gate.order(sign(command()), new Set()).refusal).toMatchObject({ reason: 'statement_mismatch' });
    // Nor is it any host that somebody could have signed for.
    const nobody = { uuid: '00000000-0000-0000-0000-000000000000', hostname: '' };
    const phantom = signedOrder(command(), nobody, [ann], { notBefore: NOW, others: [other] });
    expect(gate.order(phantom, new Set()).refusal).toMatchObject({ reason: 'statement_mismatch' });
    const nowhere = new StatementGate({
      rules: () => rules,

      host: () => host,
      file: path.join(directory, 'no', 'such', 'place'),
      now: () => NOW,
    });
    expect(() => nowhere.begin()).toThrow('ENOENT');
    expect(nowhere.order(sign(command()), new Set()).refusal).toMatchObject({
      reason: 'journal_unavailable',
    });
  });
});
