import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { composeStatement, HostTree, signStatement } from '#libs/protocol/index';
import { type Api, startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { person } from '../../apps/agent/src/trust/testing.js';
import { type Office, reviewOf, startOffice, under } from './approvals.support.js';
import { connect } from '../contract/hoop.support.js';
import { ended, sql } from './support.js';
import { saveScript } from './teams.js';

/* People sign at their terminals what hosts are to run; a host whose policy asks for that runs nothing else. Server, agents and CLI are real processes. */

const isRoot = process.getuid?.() === 0;
const homes = temporaryDirectory('signing');
const policy = path.join(homes, 'agent-policy.yml');

let office: Office;
let annsKey: string;
let bobsKey: string;

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `muster …` at the terminal of somebody. */
function muster(who: { name: string; api: Api }, ...args: string[]): Promise<Said> {
  return musterWith('', who, ...args);
}

/** The same, with something on its standard input. */
async function musterWith(input: string, who: { name: string; api: Api }, ...args: string[]): Promise<Said> {
  const child = spawn(process.execPath, ['bin/muster', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: office.server.url,
      MUSTER_TOKEN: who.api.bearer,
      XDG_CONFIG_HOME: path.join(homes, who.name),
    },
    stdio: 'pipe',
  });
  child.stdin.end(input);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

const ann = (): { name: string; api: Api } => ({ name: 'ann', api: office.ann });
const bob = (): { name: string; api: Api } => ({ name: 'bob', api: office.bob });

beforeAll(async () => {
  office = await startOffice('db-1');
  const guarded = startAgent({ server: office.server, hostname: 'web-1', args: ['--policy', policyOf({})] });
  await guarded.online();
}, 120_000);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Written anew; in force from the next order on. */
function policyOf(signers: Record<string, string>, more = ''): string {
  const entries = Object.entries(signers).map(([name, key]) => `    - { name: ${name}, key: "${key}" }\n`);
  const text = entries.length === 0 ? '{}\n' : `signatures:\n  signers:\n${entries.join('')}${more}`;
  writeFileSync(`${policy}.new`, text, { mode: 0o600 });
  renameSync(`${policy}.new`, policy);
  return policy;
}

describe('keys', () => {
  it('are made here, and their private half stays here', async () => {
    const made = await muster(ann(), 'keys', 'add', 'laptop');
    expect(made).toMatchObject({ code: 0 });
    const [id = '', key = ''] = made.stdout.trim().split(/\s+/);
    annsKey = key;
    expect(made.stderr).toContain(`{ name: "ann@example.com", key: "${key}" }`);
    const file = path.join(homes, 'ann', 'muster', 'keys', 'laptop');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await muster(ann(), 'keys', 'list')).stdout).toMatch(
      new RegExp(`${id}\\s+laptop\\s+ann@example.com.*private half is here`),
    );
    expect((await muster(ann(), 'keys', 'show', 'laptop')).stdout).toContain(key);
    expect(await muster(ann(), 'keys', 'add', 'laptop')).toMatchObject({ code: 1 });
    const [row] = await sql(office.server, 'SELECT encode(public_key, $1) AS key FROM operator_keys', [
      'base64',
    ]);
    expect(row).toEqual({ key });
  });

  it('may be there already; others do not see them, administrators do, and what is revoked does not come back', async () => {
    const pem = path.join(homes, 'bob.pem');
    const { privateKey } = person('bob');
    writeFileSync(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const made = await muster(bob(), 'keys', 'add', 'desk', '--file', pem);
    bobsKey = made.stdout.trim().split(/\s+/)[1] ?? '';
    expect((await muster(bob(), 'keys', 'list')).stdout).toMatch(/laptop[^]*desk/);
    expect((await muster(ann(), 'keys', 'list')).stdout).not.toContain('desk');
    expect(await muster(ann(), 'keys', 'show', 'desk')).toMatchObject({ code: 1 });
    await muster(ann(), 'keys', 'add', 'old');
    expect(await muster(ann(), 'keys', 'revoke', 'old')).toMatchObject({ code: 0 });
    expect((await muster(ann(), 'keys', 'list')).stdout).toMatch(/old .*revoked/);
    const again = await office.ann.post('/api/v1/keys', { name: 'older', public_key: annsKey });
    expect(again).toMatchObject({ status: 409 });
    const wrong = await office.ann.post('/api/v1/keys', { name: 'wrong', public_key: 'aGVsbG8=' });
    expect(wrong.status).toBe(422);
    expect(wrong.body.errors).toEqual([{ name: 'public_key', reason: expect.stringContaining('Ed25519') }]);
    expect(readdirSync(path.join(homes, 'ann', 'muster', 'keys')).sort()).toEqual(['laptop', 'old']);
  });
});

/** Of what was shown and not signed. */
const digestIn = ({ stderr }: Said): string => /^statement +([0-9a-f]{64})$/m.exec(stderr)?.[1] ?? '';

describe('a host that asks for signatures', () => {
  const at = (host: string, ...more: string[]): string[] => ['exec', '--target', host, ...more];

  beforeAll(() => void policyOf({ ann: annsKey, bob: bobsKey }, '  queries: true\n'));

  it('runs what was signed, and nothing else', async () => {
    const unsigned = await muster(ann(), ...at('web-1'), '--', 'echo', 'hello');
    expect(unsigned.code).toBe(125);
    expect(unsigned.stderr).toMatch(/signed/);
    const signed = await muster(
      ann(),
      ...at('web-1', '--sign', 'laptop', '--env', 'A=b'),
      '--',
      'echo',
      'hello',
    );
    expect(signed).toMatchObject({ code: 0, stdout: 'hello\n' });
    expect(signed.stderr).toMatch(/signed with laptop \([0-9a-f]{16}\) for web-1/);
    expect(await muster(ann(), ...at('db-1'), '--', 'echo', 'hello')).toMatchObject({ code: 0 });
    const line = await muster(ann(), ...at('web-1', '--sign', 'laptop', '--shell'), '--', 'echo $((1+1))');
    expect(line).toMatchObject({ code: 0, stdout: '2\n' });
    const unseen = await muster(ann(), ...at('_all', '--sign', 'laptop'), '--', 'echo', 'all');
    expect(unseen).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--expect-hosts') });
    const expected = ['--expect-hosts', 'web-1,db-1'];
    const many = await muster(ann(), ...at('_all', '--sign', 'laptop', ...expected), '--', 'echo', 'all');
    expect(many.code).toBe(0);
    expect(many.stderr).toContain('for 2 hosts: db-1, web-1');
    const any = await muster(ann(), ...at('_any', '--sign', 'laptop', ...expected), '--', 'echo', 'any');
    expect(any).toMatchObject({ code: 0, stdout: 'any\n' });
    const waves = await muster(
      ann(),
      ...at('_all', '--sign', 'laptop', '--batch', '1', '--expect-hosts', '2'),
      '--',
      'echo',
      'wave',
    );
    expect(waves.code).toBe(0);
  });

  it('runs signed scripts, with their arguments', async () => {
    const script = ['run-script', '--host', 'web-1', '--contents', 'echo "$1"', '--arg', 'two words'];
    expect(await muster(ann(), ...script)).toMatchObject({ code: 125 });
    expect(await muster(ann(), ...script, '--sign', 'laptop')).toMatchObject({
      code: 0,
      stdout: 'two words\n',
    });
    expect((await muster(ann(), ...script, '--sign', 'nobody')).stderr).toContain('there is no key nobody');
    const [row] = await sql(
      office.server,
      'SELECT count(*)::int AS n FROM execution_statements s JOIN executions e ON e.id = s.execution_id WHERE e.kind = $1',
      ['script'],
    );
    expect(row).toEqual({ n: 1 });
  });

  it('runs signed sessions, of what is shown and on whichever of the hosts', async () => {
    const connection = await connect(office.client, '_all', {
      command: ['/bin/sh', '-c', 'cat; echo "$A $1"', 'x'],
      allowed_env: ['A'],
    });
    const asked = ['connect', connection, '--env', 'A=b'];
    const shown = await musterWith('hello\n', ann(), ...asked, '--sign', 'laptop', '--', 'c d');
    expect(shown).toMatchObject({ code: 2, stdout: '' });
    const agreed = ['--sign', 'laptop', '--statement-digest', digestIn(shown)];
    const signed = await musterWith('hello\n', ann(), ...asked, ...agreed, '--', 'c d');
    expect(signed).toMatchObject({ code: 0, stdout: 'hello\nb c d\n' });
    expect(await musterWith('hullo\n', ann(), ...asked, ...agreed, '--', 'c d')).toMatchObject({ code: 1 });
    expect(signed.stderr).toContain('for 2 hosts: db-1, web-1');
    expect(signed.stderr).toContain('["/bin/sh","-c",');

    const only = await connect(office.client, 'web-1', { command: ['/bin/cat'] });
    const unsigned = await musterWith('hello\n', ann(), 'connect', only);
    expect(unsigned).toMatchObject({ code: 125, stdout: '' });
    expect(unsigned.stderr).toMatch(/signed/);
    const sign = async (script: string, ...more: string[]): Promise<Said> => {
      const asks = ['connect', only, '--sign', 'laptop', ...more];
      const digest = digestIn(await musterWith(script, ann(), ...asks));
      return musterWith(script, ann(), ...asks, '--statement-digest', digest);
    };
    expect(await sign('hello\n')).toMatchObject({ code: 0, stdout: 'hello\n' });

    const file = path.join(homes, 'session.json');
    const kept = await sign('one\n', '--sign-to', file);
    expect(kept).toMatchObject({ code: 0, stdout: '' });
    const other = await musterWith('two\n', ann(), 'connect', only, '--signed', file);
    expect(other.stderr).toContain('stdin_sha256');
    const { statement } = JSON.parse(readFileSync(file, 'utf8')) as { statement: object };
    const session = (more: object): ReturnType<Api['post']> =>
      office.ann.post('/api/sessions', { connection: only, script: 'one\n', statement, ...more });
    for (const [more, field] of [
      [{ script: 'two\n' }, 'stdin_sha256'],
      [{ client_args: ['-n'] }, 'content_sha256'],
      [{ connection }, 'content_sha256'],
      [{ statement: { statement: '{}', signatures: [] } }, 'signature'],
    ] as const)
      expect(await session(more)).toMatchObject({
        status: 422,
        body: { message: expect.stringMatching(new RegExp(`statement.*${field}`)) },
      });
    expect(await session({ statement: 7 })).toMatchObject({ status: 400 });
    expect(await session({})).toMatchObject({ status: 200, body: { output: 'one\n' } });
    expect(await session({})).toMatchObject({ status: 409 });
  });

  it('runs signed batches', async () => {
    const hosts = await sql(office.server, 'SELECT id, uuid, hostname FROM hosts ORDER BY id');
    const contents = 'echo batch';
    const script_id = await saveScript(office.server, 'batch.sh', contents);
    const key = person('batch');
    await office.client.post('/api/v1/keys', { name: 'batch', public_key: key.key.toString('base64') });
    policyOf({ ann: annsKey, batch: key.key.toString('base64') });
    const run = { kind: 'script', contentSha256: sha256(contents), timeoutSeconds: 300 } as const;
    const stated = (over: readonly { uuid: string; hostname: string }[], more: object = {}): object => {
      const text = composeStatement(
        { ...run, ...more },
        {
          hosts: HostTree.over(over),
          notBefore: Date.now(),
          expires: Date.now() + 60_000,
          nonce: randomBytes(16).toString('hex'),
        },
      );
      return { statement: text, signatures: [signStatement(text, key.privateKey)] };
    };
    const named = hosts.map(({ uuid, hostname }) => ({ uuid: uuid as string, hostname: hostname as string }));
    const batch = (statement: object): ReturnType<Api['post']> =>
      office.client.post('/api/v1/fleet/scripts/run/batch', {
        script_id,
        host_ids: hosts.map(({ id }) => id as number),
        statement,
      });
    for (const [wrong, field] of [
      [stated(named.slice(1)), 'hosts'],
      [stated(named, { contentSha256: sha256('else') }), 'content_sha256'],
      [stated(named, { timeoutSeconds: 1 }), 'timeout_seconds'],
    ] as const)
      expect(await batch(wrong)).toMatchObject({
        status: 422,
        body: { errors: [{ name: 'statement', reason: expect.stringContaining(field) }] },
      });
    const { status, body } = await batch(stated(named));
    expect(status).toBe(200);
    const uuid = body.batch_execution_id as string;
    await until(
      async () => {
        const { body: summary } = await office.client.get(`/api/v1/fleet/scripts/batch/summary/${uuid}`);
        return summary.ran === hosts.length;
      },
      { what: 'all of them to have run it' },
    );
    policyOf({ ann: annsKey, bob: bobsKey }, '  queries: true\n');
  });

  it('answers signed queries', async () => {
    const query = ['query', 'select 1 as one', '--hosts', 'web-1,db-1', '--json'];
    const unsigned = await muster(ann(), ...query);
    expect(unsigned.code).toBe(1);
    expect(unsigned.stdout).toContain('"one":"1"');
    const signed = await muster(ann(), ...query, '--sign', 'laptop');
    expect(signed.code).toBe(0);
    expect(signed.stdout.match(/"one":"1"/g)).toHaveLength(2);
  });

  it('is sent nothing that the server can see would be refused', async () => {
    const { ann: api } = office;
    const [host] = await sql(office.server, 'SELECT id, uuid, hostname FROM hosts WHERE hostname = $1', [
      'web-1',
    ]);
    const key = person('ann');
    await api.post('/api/v1/keys', { name: 'test', public_key: key.key.toString('base64') });
    const line = 'true';
    const statement = (more: object = {}, hosts = [host], signer = key): object => {
      const text = composeStatement(
        {
          kind: 'script',
          contentSha256: createHash('sha256').update(line).digest('hex'),
          timeoutSeconds: 300,
        },
        {
          hosts: HostTree.over(hosts),
          notBefore: Date.now(),
          expires: Date.now() + 60_000,
          nonce: randomBytes(16).toString('hex'),
          ...more,
        },
      );
      return { statement: text, signatures: [signStatement(text, signer.privateKey)] };
    };
    const run = (stated: object, more: object = {}): ReturnType<Api['post']> =>
      api.post('/api/v1/fleet/scripts/run', {
        host_id: host.id,
        script_contents: line,
        statement: stated,
        ...more,
      });
    const reasons = async (answer: ReturnType<Api['post']>, status = 422): Promise<string> => {
      const { status: got, body } = await answer;
      expect(got).toBe(status);
      expect(body.errors[0].name).toMatch(/^statement/);
      return body.errors[0].reason as string;
    };
    expect(await reasons(run(statement(), { script_contents: 'false' }))).toContain('content_sha256');
    expect(await reasons(run(statement(), { arguments: ['a'] }))).toContain('arguments');
    expect(await reasons(run(statement(), { timeout: 301 }))).toContain('timeout_seconds');
    expect(await reasons(run(statement({ notBefore: 1, expires: 2 })))).toContain('good until');
    expect(await reasons(run(statement({}, [{ ...host, hostname: 'other' }])))).toContain('hosts');
    expect(await reasons(run(statement({}, [host], person('eve'))))).toContain('not registered');
    expect(await reasons(run({ statement: '{}', signatures: [] }))).toContain('no signature');
    expect(await reasons(run({ ...statement(), statement: 'what' }))).toContain('no JSON');
    expect((await run({ statement: 7, signatures: 'x' })).status).toBe(400);
    const good = statement();
    expect((await run(good)).status).toBe(202);
    expect(await reasons(run(good), 409)).toContain('used before');
    const osapi = await api.post('/node/web-1/command/exec', { command: 'id', statement: good });
    expect(osapi).toMatchObject({ status: 400, body: { details: expect.stringContaining('statement') } });
  });

  it('tells the person whom the server takes a name for', async () => {
    const [{ id }] = await sql(office.server, 'SELECT id FROM hosts WHERE hostname = $1', ['db-1']);
    const unseen = await muster(ann(), ...at(String(id), '--sign', 'laptop'), '--', 'echo', 'x');
    expect(unseen).toMatchObject({ code: 2, stderr: expect.stringMatching(/^hosts +db-1$/m) });
    const expected = ['--expect-hosts', 'db-1'];
    const byId = await muster(ann(), ...at(String(id), '--sign', 'laptop', ...expected), '--', 'echo', 'x');
    expect(byId.stderr).toContain('for db-1');
    chmodSync(path.join(homes, 'ann', 'muster', 'keys', 'laptop'), 0o644);
    expect((await muster(ann(), ...at('web-1', '--sign', 'laptop'), '--', 'true')).stderr).toContain(
      'chmod 600',
    );
    chmodSync(path.join(homes, 'ann', 'muster', 'keys', 'laptop'), 0o600);
    expect((await muster(ann(), ...at('web-1', '--sign'), '--', 'true')).stderr).toContain('which key');
  });
});

describe('two signatures', () => {
  /** Bob has no terminal here: he looks, and then says that it is this. */
  async function signShown(...args: string[]): Promise<Said> {
    const shown = await muster(bob(), ...args);
    expect(shown).toMatchObject({ code: 2, stdout: '' });
    return muster(bob(), ...args, '--statement-digest', digestIn(shown));
  }

  it('come from who asks and who approves', async () => {
    policyOf({ ann: annsKey, bob: bobsKey }, `  required: ${isRoot ? 1 : 2}\n  root_shell: 2\n`);
    const script = ['run-script', '--host', 'web-1', '--contents', 'echo both', '--sign', 'laptop'];
    expect(await muster(ann(), ...script)).toMatchObject({ code: 125 });
    await under(office, {}, async () => {
      const asked = await muster(ann(), ...script, '--async');
      const id = asked.stdout.trim();
      const approved = await signShown('reviews', 'approve', id, '--sign', 'desk');
      expect(approved).toMatchObject({ code: 0 });
      expect(approved.stderr).toContain('  echo both');
      const { target } = await ended(office.client, id);
      expect(target).toMatchObject({ state: 'finished', exit_code: 0 });
    });
  });

  it('are not enough from one person, and an approval without one adds none', async () => {
    await under(office, {}, async () => {
      const script = [
        'run-script',
        '--host',
        'web-1',
        '--contents',
        'echo one',
        '--sign',
        'laptop',
        '--async',
      ];
      const id = (await muster(ann(), ...script)).stdout.trim();
      expect(await muster(bob(), 'reviews', 'approve', id)).toMatchObject({ code: 0 });
      const { target } = await ended(office.client, id);
      expect(target).toMatchObject({ state: 'failed_to_start', reason: 'signature_missing' });
    });
  });

  it('come from hand to hand in a file', async () => {
    const file = path.join(homes, 'job.json');
    const script = ['run-script', '--host', 'web-1', '--contents', 'echo file'];
    const kept = await muster(ann(), ...script, '--sign', 'laptop', '--sign-to', file);
    expect(kept).toMatchObject({ code: 0, stdout: '' });
    const other = ['run-script', '--host', 'web-1', '--contents', 'echo else', '--signed', file];
    expect((await muster(ann(), ...other)).stderr).toContain('content_sha256');
    const signed = await signShown('keys', 'sign', file);
    expect(kept.stderr).toContain(`statement ${digestIn(signed)}`);
    expect(signed).toMatchObject({ code: 0, stderr: expect.stringContaining('  echo file') });
    expect(await muster(ann(), ...script, '--signed', file)).toMatchObject({ code: 0, stdout: 'file\n' });
    expect((await muster(ann(), ...script, '--signed', file)).stderr).toContain('used before');
    const text = readFileSync(file, 'utf8').replace('ZWNobyBmaWxl', 'ZWNobyBlbHNl');
    writeFileSync(file, text);
    expect((await muster(bob(), 'keys', 'sign', file)).stderr).toContain('content_sha256');
  });

  it('may begin with the approval, and are of what is shown', async () => {
    policyOf({ ann: annsKey, bob: bobsKey }, '');
    await under(office, {}, async () => {
      const script = ['run-script', '--host', 'web-1', '--contents', 'echo late', '--async'];
      const id = (await muster(ann(), ...script)).stdout.trim();
      const review = await reviewOf(office.bob, id);
      const { body } = await office.bob.get(`/api/reviews/${review.id}/statement`);
      expect(body).toMatchObject({
        kind: 'script',
        lane: 'serial',
        statement: null,
        hosts: [{ hostname: 'web-1' }],
      });
      const approve = ['reviews', 'approve', id, '--sign', 'desk'];
      const other = ['--statement-digest', 'ab'.repeat(32)];
      expect((await muster(bob(), ...approve, ...other)).stderr).toContain('another statement');
      expect(await signShown(...approve)).toMatchObject({ code: 0 });
      const { target } = await ended(office.client, id);
      expect(target).toMatchObject({ state: 'finished', exit_code: 0 });
    });
  });
});
