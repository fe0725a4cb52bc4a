import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { randomBytes, randomUUID } from 'node:crypto';
import { RawAgent } from '../faults/support/raw-agent.js';
import { until } from '#libs/testing/index';
import { databaseText, startWorld, type World } from '../e2e/support.js';
import { accepted, base64, connect, exec, expectError, finished } from './hoop.support.js';

/* What a session gets of its connection, and who else does not. */

const SESSIONS = '/api/sessions';
let world: World;
beforeAll(async () => {
  world = await startWorld({
    server: { env: { MUSTER_LOG_LEVEL: 'debug' } },
    agent: { hostname: 'db-01' },
  });
});

/** All that stands in a directory. */
function filesOf(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(directory, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n');
}

describe('a database connection', () => {
  // psql where there is one; what hoop's clients keep among the secrets reaches any client under the names that PostgreSQL's library knows.
  const NODE = `
    const { Client } = require('pg');
    const client = new Client();
    const input = require('fs').readFileSync(0, 'utf8');
    client.connect().then(() => client.query(input))
      .then((all) => { for (const { rows } of [all].flat()) for (const row of rows) console.log(Object.values(row).join('\\t')); return client.end(); })
      .catch((error) => { console.error('ERROR: ' + error.message); process.exit(3); });`;
  const secretsOf = (url: URL): Record<string, string> => ({
    'envvar:HOST': base64(url.hostname),
    'envvar:PORT': base64(url.port),
    'envvar:USER': base64(decodeURIComponent(url.username)),
    'envvar:PASS': base64(decodeURIComponent(url.password) || 'unused-password'),
    'envvar:DB': base64(url.pathname.slice(1)),
  });

  it.each([['node', ['node', '-e', NODE]]])(
    'runs SQL with %s, its secrets in the environment',
    async (_, command) => {
      const url = new URL(world.server.databaseUrl ?? '');
      const name = await connect(world.client, 'db-01', {
        type: 'database',
        subtype: 'postgres',
        command,
        env: { NODE_PATH: path.resolve('node_modules') },
        secret: secretsOf(url),
      });
      const answer = finished(
        await exec(world.client, name, 'SELECT 6 * 7 AS answer; SELECT current_database();'),
      );
      // The database's name is no secret, and is not masked.
      expect(answer).toMatchObject({ exit_code: 0, output: `42\n${url.pathname.slice(1)}\n` });
      const failed = finished(await exec(world.client, name, 'SELECT * FROM no_such_table;'));
      expect(failed).toMatchObject({ output_status: 'failed', exit_code: 3 });
      expect(failed.output).toContain('no_such_table');
    },
  );

  it('a command of its own is not needed: psql says what it is told, or that it is not there', async () => {
    const name = await connect(world.client, 'db-01', {
      type: 'database',
      subtype: 'postgres',
      command: [],
      secret: secretsOf(new URL(world.server.databaseUrl ?? '')),
    });
    const answer = finished(await exec(world.client, name, 'SELECT 6 * 7 AS answer;'));
    expect([
      [0, 'answer\n42\n(1 row)\n'],
      [127, 'psql: not found'],
    ]).toContainEqual([answer.exit_code, answer.output]);
  });
});

describe('masking', () => {
  it('hides the values of secrets wherever they stand, across the borders of what is written at once, and counts', async () => {
    const secret = randomBytes(12).toString('hex');
    const name = await connect(world.client, 'db-01', { secret: { 'envvar:TOKEN': base64(secret) } });
    const script = `
      printf 'one %s two' "$TOKEN"
      printf '%s' "\${TOKEN:0:9}"; sleep 0.3; printf '%s' "\${TOKEN:9}" # in two pieces
      printf '%s' "$TOKEN" | base64
      for i in $(seq 0 23); do printf '%s' "\${TOKEN:$i:1}"; sleep 0.02; done >&2 # byte by byte
      head -c 70000 /dev/zero | tr '\\0' x; printf '%s' "$TOKEN"; head -c 70000 /dev/zero | tr '\\0' y`;
    const answer = finished(await exec(world.client, name, script));
    expect(answer.exit_code).toBe(0);
    const whole = (await world.client.get(`${SESSIONS}/${answer.session_id}/result/stream`)).body as string;
    expect(whole).not.toContain(secret);
    expect(whole.replaceAll(/x{70000}|y{70000}/g, '#')).toMatch(/^one \[masked\] two\[masked\]\[masked\]/);
    expect(whole.match(/\[masked\]/g)).toHaveLength(5);
    expect(whole).toMatch(/x{70000}\[masked\]y{70000}/);
    const { body } = await world.client.get(`${SESSIONS}/${answer.session_id}`);
    expect(body.metrics.data_masking).toEqual({ secret: 5 });
  });

  it('of shapes by choice: cards, tokens, e-mails', async () => {
    const name = await connect(world.client, 'db-01', { mask_types: ['card', 'email'] });
    const answer = finished(await exec(world.client, name, 'echo 4111 1111 1111 1111 ann@example.com end'));
    expect(answer.output).toMatch(/^\S*masked\S* \S*masked\S* end\n$/);
    const { body } = await world.client.get(`${SESSIONS}/${answer.session_id}`);
    expect(body.metrics.data_masking).toEqual({ card: 1, email: 1 });
  });

  it('leaves alone what is no secret: variables, and what says where something is', async () => {
    const name = await connect(world.client, 'db-01', {
      env: { REGION_NAME: 'frankfurt', TOKEN: 'not this one' },
      secret: {
        'envvar:HOST': base64('db.example.com'),
        'envvar:PORT': base64('5432'),
        'envvar:PASS': base64('s3cr3t-word'),
        'envvar:TOKEN': base64('the-token'),
      },
    });
    const answer = finished(await exec(world.client, name, 'echo $HOST:$PORT $REGION_NAME $PASS $TOKEN'));
    expect(answer.output).toBe('db.example.com:5432 frankfurt [masked] [masked]\n');
  });
});

describe('a secret', () => {
  it('is nowhere but in the process: not in the ledger, a log, an argument, a file that stays, an answer', async () => {
    const [variable, file] = [randomBytes(15).toString('hex'), randomBytes(15).toString('hex')];
    const name = await connect(world.client, 'db-01', {
      secret: { 'envvar:TOKEN': base64(variable), 'filesystem:KEY': base64(`${file}\n`) },
    });
    const script = `[ \${#TOKEN} = 30 ] && [ $(wc -c < "$KEY") = 31 ] && echo "$TOKEN" && cat "$KEY" "$KEY" >&2; echo go; sleep 3; exit 7`;
    const { session_id } = accepted(await exec(world.client, name, script, {}, 0));
    const events = async () =>
      (await world.client.get(`${SESSIONS}/${session_id}?expand=event_stream&event_stream=utf8`)).body
        .event_stream[0] as string;
    await until(async () => (await events()).includes('go'));
    const processes = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        } catch {
          return '';
        }
      })
      .join('\n');
    // While it runs only its file is on the disk, for its process alone.
    const journal = filesOf(path.join(world.agent.stateDir));
    const answer = (await world.client.get(`${SESSIONS}/${session_id}?wait=30`)).body;
    expect(answer).toMatchObject({ exit_code: 7, metrics: { data_masking: { secret: 3 } } });
    // What the run had on its host goes once the server has it all.
    await until(() => readdirSync(path.join(world.agent.stateDir, 'journal/output')).length === 0);
    const places: Record<string, string> = {
      processes,
      journal: journal.replaceAll(`${file}\n`, ''),
      disk: filesOf(world.agent.stateDir),
      database: await databaseText(world.server),
      'server log': world.server.log(),
      'agent log': world.agent.log(),
      events: await events(),
      answers: JSON.stringify([answer, (await world.client.get(`/api/connections/${name}`)).body]),
    };
    for (const secret of [variable, file])
      for (const [place, text] of Object.entries(places))
        for (const form of [secret, base64(secret), Buffer.from(secret).toString('hex')])
          expect([place, text.includes(form)]).toEqual([place, false]);
  });

  it('that cannot be opened is said, and nothing runs', async () => {
    const secret = randomBytes(15).toString('hex');
    const name = await connect(world.client, 'db-01', { secret: { 'envvar:TOKEN': base64(secret) } });
    const { databaseUrl } = world.server;
    const pg = (await import('pg')).default;
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query(
      `UPDATE connection_secrets SET sealed = overlay(sealed PLACING '\\x00000000' FROM 10)
       WHERE connection_id = (SELECT id FROM connections WHERE name = $1)`,
      [name],
    );
    await client.end();
    const answer = finished(await exec(world.client, name, 'echo ran'));
    expect(answer).toMatchObject({ output_status: 'failed', exit_code: 254 });
    expect(answer.output).toMatch(/secret/);
    expect(answer.output).not.toMatch(/ran$|[0-9a-f]{30}/);
  });
});

describe('an agent of an older version', () => {
  it('would pass over masks and write secrets down: it gets no session that has any', async () => {
    const old = await RawAgent.connect(world.server);
    await old.hello({ keeps_secrets: undefined });
    const name = await connect(world.client, `raw-${old.hostId}`, {
      secret: { 'envvar:TOKEN': base64('abcdef') },
    });
    const answer = finished(await exec(world.client, name, 'echo ran'));
    expect(answer).toMatchObject({ output_status: 'failed', exit_code: 254 });
    expect(answer.output).toMatch(/^the agent on raw-\d+ is too old to keep secrets and to mask output/);
    expect(old.orders).toEqual([]);
    const masks = await connect(world.client, `raw-${old.hostId}`, { mask_types: ['card'] });
    expect(finished(await exec(world.client, masks, 'x')).output).toMatch(/too old/);
    const plain = await connect(world.client, `raw-${old.hostId}`);
    accepted(await exec(world.client, plain, 'x', {}, 0));
    await until(() => old.orders.length === 1);
    expect(old.orders[0]).not.toHaveProperty('secrets');
  });

  it('is not chosen while there is one that can', async () => {
    const label = `pool-${randomUUID().slice(0, 8)}`;
    const old = await RawAgent.connect(world.server);
    await old.hello({ keeps_secrets: undefined, labels: { group: label } });
    const young = await RawAgent.connect(world.server);
    await young.hello({ keeps_secrets: true, labels: { group: label } });
    const name = await connect(world.client, `group:${label}`);
    for (let i = 0; i < 4; i++) accepted(await exec(world.client, name, 'x', {}, 0));
    await until(() => young.orders.length === 4);
    expect(old.orders).toEqual([]);
  });
});

describe('GET /api/connections/:name/test', () => {
  const test = (name: string) => world.client.get(`/api/connections/${name}/test`);
  const sessionsOf = async (name: string) =>
    (await world.client.get(`${SESSIONS}?connection=${name}`)).body.data;

  it('runs the command of its subtype, as a session that says so', async () => {
    const name = await connect(world.client, 'db-01', { command: [] });
    expect([(await test(name)).status, (await test(name)).body]).toEqual([200, { success: true }]);
    expect((await sessionsOf(name))[0]).toMatchObject({ verb: 'test', exit_code: 0, status: 'done' });
  });

  it('says what its command says when it does not work', async () => {
    const password = randomBytes(9).toString('hex');
    const failing = await connect(world.client, 'db-01', {
      type: 'database',
      subtype: 'postgres',
      command: ['/bin/sh', '-c', 'echo "password $PGPASSWORD refused for $PGUSER at $PGHOST" >&2; exit 2'],
      secret: { 'envvar:PASS': base64(password), 'envvar:USER': base64('app'), 'envvar:HOST': base64('db') },
    });
    expectError(
      await test(failing),
      422,
      `connection ${failing} does not work: its command ended with exit code 2: password [masked] refused for app at db`,
    );
    const missing = await connect(world.client, 'db-01', {
      type: 'database',
      subtype: 'mysql',
      command: ['/no/mysql'],
    });
    expectError(await test(missing), 422, /exit code 127: .*\/no\/mysql/);
  });

  it('runs nothing of which nobody knows what it does, and nothing that has to be approved', async () => {
    for (const recipe of [
      { command: ['/bin/sh', '-c', 'echo deploy'] },
      { subtype: '', command: ['/usr/bin/deploy'] },
      { command: [], reviewers: ['admin'] },
    ]) {
      const name = await connect(world.client, 'db-01', recipe);
      expect((await test(name)).body).toEqual({ success: true });
      expect(await sessionsOf(name)).toEqual([]);
    }
  });
});

describe('a connection that is gone', () => {
  it('is not found, and its sessions stay', async () => {
    const name = await connect(world.client, 'db-01');
    const { session_id } = finished(await exec(world.client, name, 'echo x'));
    expect((await world.client.delete(`/api/connections/${name}`)).status).toBe(204);
    expectError(await exec(world.client, name, 'echo x'), 400, `connection ${name} not found`);
    expect((await world.client.get(`${SESSIONS}/${session_id}`)).body).toMatchObject({ connection: name });
  });
});
