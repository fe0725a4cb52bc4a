import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { exec, itemsOf, shell, type Item } from '../contract/osapi.support.js';
import { connect, exec as session } from '../contract/hoop.support.js';
import { putInstance, rpc } from '../contract/ripex2.support.js';
import { ask, finished, listen, results } from './live.support.js';
import { add } from './saved-scripts.support.js';
import { ended, firstOutput, outcome, run, sql, startWorld, type World } from './support.js';

/* What a host's operator forbids in a file there, whatever the server asks for: each rule, in the words of each dialect. */

let world: World;
const directory = temporaryDirectory('policy');
const file = path.join(directory, 'agent-policy.yml');
const ran = path.join(directory, 'ran');
const DENIED = "denied by the agent's policy: ";

/** In force from the next order on: the agent looks before each. */
function policy(text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

beforeAll(async () => {
  policy('{}');
  world = await startWorld({ agent: { args: ['--policy', file] } });
}, 60_000);

async function command(argv: string[], more: object = {}): Promise<Item | undefined> {
  const [program, ...args] = argv;
  const answer = await exec(world.client, world.agent.hostname, { command: program, args, ...more });
  return itemsOf(answer)[0];
}

async function line(text: string): Promise<Item | undefined> {
  return itemsOf(await shell(world.client, world.agent.hostname, text))[0];
}

async function query(text: string): Promise<{ outcome: string; error: string; rows: unknown[] }> {
  const campaign = await ask(world.client, text, { hosts: [world.host.id] });
  const stream = listen(world.server, world.client, campaign.id as number);
  await stream.find(finished);
  stream.close();
  const [result] = results(stream.messages);
  return result?.data;
}

describe('kinds', () => {
  it('that are not allowed start nothing, and each dialect says so', async () => {
    const id = await add(world.client, 'policy.sh', `touch ${ran}\n`);
    await putInstance(world.client, id, 'one', { hosts: [world.agent.hostname] });
    const connection = await connect(world.client, world.agent.hostname);
    policy('kinds: []');
    const rule = (kind: string): string => `${kind} are not among its kinds (none)`;
    expect(await outcome(world, `touch ${ran}`)).toMatchObject({
      exit_code: -2,
      message: `The script was ${DENIED}${rule('scripts')}.`,
      output: DENIED + rule('scripts'),
    });
    expect(await command(['touch', ran])).toEqual({
      hostname: world.agent.hostname,
      host_id: world.host.id,
      status: 'failed',
      error: `denied: the agent's policy: ${rule('commands')}`,
      reason: 'denied',
      changed: false,
    });
    expect(await line(`touch ${ran}`)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(rule('shells')),
    });
    const { body } = await session(world.client, connection, `touch ${ran}`);
    expect(body).toMatchObject({
      output_status: 'failed',
      exit_code: 254,
      output: DENIED + rule('sessions'),
    });
    const started = await rpc(world.client, 'script_start', {
      script_name: 'policy.sh',
      instance_name: 'one',
    });
    expect([started.status, started.body]).toEqual([
      409,
      { error: { code: 'denied', message: DENIED + rule('instances') } },
    ]);
    const history = await rpc(world.client, 'script_execution_get', { pagination: { limit: -100 } });
    expect(history.body).toEqual({ executions: [] });
    expect(await query('select 1')).toMatchObject({ outcome: 'denied', error: DENIED + rule('queries') });
    expect(existsSync(ran)).toBe(false);
  });

  it('that are allowed work as before', async () => {
    policy('kinds: [commands, queries]');
    expect(await command(['echo', 'here'])).toMatchObject({ status: 'ok', stdout: 'here\n' });
    expect(await query('select 1 as one')).toMatchObject({
      outcome: 'answered',
      rows: [expect.objectContaining({ one: '1' })],
    });
    expect(await outcome(world, 'echo')).toMatchObject({ exit_code: -2 });
  });
});

describe('what runs', () => {
  it('is read by allowed interpreters', async () => {
    policy('interpreters: [/bin/sh]');
    expect(await outcome(world, 'echo yes')).toMatchObject({ exit_code: 0, output: 'yes\n' });
    expect(await outcome(world, '#!/usr/bin/env bash\necho no')).toMatchObject({
      exit_code: -2,
      output: `${DENIED}bash is not among its interpreters (/bin/sh)`,
    });
  });

  it('is under allowed accounts', async () => {
    policy('users: [nobody]');
    expect((await command(['id']))?.error).toMatch(/^denied: the agent's policy: nothing runs as \S+ here$/);
    expect((await command(['id'], { user: 'nobody' }))?.reason).not.toBe('denied');
  });

  it('is what patterns allow, quoted as a shell would', async () => {
    policy('commands:\n  allow: ["echo *", true]\n'.replace('true', '"true"'));
    expect(await command(['echo', 'a; b'])).toMatchObject({ status: 'ok', stdout: 'a; b\n' });
    expect(await line('echo a b')).toMatchObject({ status: 'ok', stdout: 'a b\n' });
    expect((await line(`echo a; touch ${ran}`))?.error).toMatch(
      /^denied: .*no pattern of its commands allows "echo a; /,
    );
    expect((await command(['touch', ran]))?.reason).toBe('denied');
    expect((await command(['true'], { env: { PATH: directory } }))?.error).toMatch(
      /the variable PATH is not among/,
    );
    policy('commands: { deny: ["*passwd*"] }');
    expect((await command(['cat', '/etc/passwd']))?.error).toMatch(/commands like "\*passwd\*" are denied/);
    expect(existsSync(ran)).toBe(false);
  });

  it('starts within its windows', async () => {
    const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7];
    policy(`windows: [{ days: [${day}], timezone: UTC }]`);
    expect(await outcome(world, 'echo')).toMatchObject({
      exit_code: -2,
      output: `${DENIED}nothing starts outside of its time windows`,
    });
    expect(await query('select 1')).toMatchObject({ outcome: 'answered' });
    policy('windows: [{ from: 00:00, to: 24:00 }]');
    expect(await outcome(world, 'echo')).toMatchObject({ exit_code: 0 });
  });

  it('is judged again when its turn comes', async () => {
    policy('{}');
    const gate = path.join(directory, 'gate');
    const first = await run(
      world.client,
      world.host.id,
      `echo begun; while [ ! -e ${gate} ]; do sleep 0.05; done`,
    );
    await firstOutput(world, first);
    const second = await run(world.client, world.host.id, `touch ${ran}`);
    policy('kinds: [queries]');
    writeFileSync(gate, '');
    expect((await ended(world.client, first)).target).toMatchObject({ state: 'finished' });
    expect((await ended(world.client, second)).target).toMatchObject({
      state: 'failed_to_start',
      reason: 'denied',
    });
    expect(existsSync(ran)).toBe(false);
  });

  it('gets no more time and keeps no more output than the policy says', async () => {
    policy('max_timeout_seconds: 1\nmax_output_bytes: 2KiB\n');
    const id = await run(world.client, world.host.id, 'sleep 60');
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({
      state: 'timed_out',
      reason: 'timeout',
      message: "ended after 1 s, the most that the agent's policy allows",
    });
    expect(await command(['sleep', '60'])).toMatchObject({
      status: 'failed',
      error: 'command timed out after 1s',
    });
    const noisy = await run(world.client, world.host.id, 'head -c 100000 /dev/zero');
    const [row] = await sql(
      world.server,
      'SELECT t.stdout_bytes, t.dropped_bytes FROM targets t WHERE t.uuid = $1',
      [(await ended(world.client, noisy)).target.uuid],
    );
    expect(row).toEqual({ stdout_bytes: '100000', dropped_bytes: String(100_000 - 2048) });
  });
});

describe('tables', () => {
  it('that are denied are read by no query, whoever asks', async () => {
    policy('tables: { deny: [shadow, users] }');
    expect(await query('select count(*) from shadow')).toMatchObject({
      outcome: 'denied',
      error: `${DENIED}nobody reads the table shadow`,
    });
    expect(await query('with t as (select uid from USERS) select * from t')).toMatchObject({
      outcome: 'denied',
    });
    expect(await query('select pid from processes limit 1')).toMatchObject({ outcome: 'answered' });
    const name = 'reads what it may not';
    await world.client.post('/api/v1/fleet/spec/policies', {
      specs: [{ name, query: 'select 1 from users' }],
    });
    const results = await until(
      async () => {
        const rows = await sql(
          world.server,
          'SELECT r.passes FROM policy_results r JOIN policies p ON p.id = r.policy_id WHERE p.name = $1',
          [name],
        );
        return rows.length > 0 && rows;
      },
      { what: 'the verdict' },
    );
    expect(results).toEqual([{ passes: null }]);
  });
});

describe('the file', () => {
  it('refuses everything while it cannot be followed', async () => {
    policy('kinds: [scripts\n');
    expect((await command(['true']))?.error).toMatch(
      /^denied: the agent's policy: the policy \S+, line \d: not YAML/,
    );
    expect(await query('select 1')).toMatchObject({ outcome: 'denied' });
    policy('{}');
    chmodSync(file, 0o666);
    expect((await command(['true']))?.error).toMatch(/can be written by others: chmod go-w$/);
    policy('{}');
    expect(await command(['true'])).toMatchObject({ status: 'ok' });
  });

  it('keeps an agent from starting when it is wrong, with line and field', async () => {
    const bad = path.join(directory, 'bad.yml');
    writeFileSync(bad, 'kinds: [commands]\nmax_timeout_seconds: soon\n', { mode: 0o600 });
    const agent = startAgent({ server: world.server, args: ['--policy', bad] });
    expect(await agent.exited).toMatchObject({ code: 2 });
    expect(agent.log()).toBe(
      `muster agent: the policy ${bad}, line 2: max_timeout_seconds: must be a whole number from 1 to 604800\n`,
    );
  });

  it('can be looked at before: the example of the documentation is in order', () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['bin/muster', 'agent', 'policy', 'check', 'docs/examples/agent-policy.yml'],
      { encoding: 'utf8' },
    );
    expect([status, stdout.split('\n')[0]]).toEqual([
      0,
      'docs/examples/agent-policy.yml is in order. It allows:',
    ]);
    expect(stderr).not.toMatch(/muster agent/);
  });
});
