import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScriptedServer } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const connection = {
  id: 'c1',
  name: 'orders-db',
  type: 'database',
  subtype: 'postgres',
  command: ['psql'],
  agent_id: 'db-1',
  status: 'online',
  reviewers: ['dba'],
  secret: { 'envvar:PASS': '********' },
  secrets: [{ name: 'envvar:PASS', updated_at: '2026-01-01T00:00:00Z' }],
  secrets_updated_at: '2026-01-01T00:00:00Z',
  env: { HOST: '127.0.0.1' },
  timeout: 3600,
  tags: [],
  min_review_approvals: null,
  managed_by: null,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-02T00:00:00Z',
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('muster connections', () => {
  let server: ScriptedServer;
  let terminal: Terminal;
  const file = (name: string, text: string | Buffer): string => {
    const path = join(terminal.home, name);
    writeFileSync(path, text);
    return path;
  };
  const said = (): string => terminal.stdout.text + terminal.stderr.text;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token', PGPW: 's3cret' };
    server
      .on('GET', '/api/connections', () => [connection])
      .on('GET', '/api/connections/:name', () => connection)
      .on('PUT', '/api/connections/:name', () => connection)
      .on('DELETE', '/api/connections/:name', (_request, response) => void response.writeHead(204).end())
      .on('GET', '/api/connections/:name/test', () => ({ success: true }));
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  it('lists them', async () => {
    expect(await terminal.muster('connections', 'list', '--search', 'ord', '--agent', 'db-1')).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        'NAME       TYPE      RUNS ON  STATUS  REVIEWERS  COMMAND',
        'orders-db  postgres  db-1     online  dba        psql',
        '',
      ].join('\n'),
    );
    expect(server.requests[0]!.query.toString()).toBe('search=ord&agent_id=db-1');
  });

  it('get names its secrets; --yaml is what apply takes, and takes nothing away', async () => {
    expect(await terminal.muster('connections', 'get', 'orders-db')).toBe(0);
    expect(terminal.stdout.text).toContain('secrets     envvar:PASS\n');
    expect(await terminal.muster('connections', 'get', 'orders-db', '--yaml')).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        '---',
        'apiVersion: v1',
        'kind: connection',
        'spec:',
        '  agent_id: db-1',
        '  command:',
        '    - psql',
        '  env:',
        '    HOST: 127.0.0.1',
        '  name: orders-db',
        '  reviewers:',
        '    - dba',
        '  subtype: postgres',
        '  timeout: 3600',
        '  type: database',
        '',
      ].join('\n'),
    );
    const path = file('back.yml', terminal.stdout.text);
    expect(await terminal.muster('connections', 'apply', '-f', path)).toBe(0);
    expect(server.asked('PUT', '/api/connections/orders-db')[0]!.body).toEqual({
      name: 'orders-db',
      type: 'database',
      subtype: 'postgres',
      command: ['psql'],
      agent_id: 'db-1',
      reviewers: ['dba'],
      env: { HOST: '127.0.0.1' },
      timeout: 3600,
    });
  });

  it('apply reads secrets from variables and files, and shows none', async () => {
    file('ca.pem', 'certificate\n');
    file('pw', 'from a file\n');
    const path = file(
      'c.yml',
      `name: orders-db
type: database
agent_id: db-1
secret:
  envvar:PASS: { env: PGPW }
  envvar:OTHER: { file: pw }
  filesystem:CA: { file: ca.pem }
  envvar:KEPT: '********'
  envvar:GONE: null
---
name: new/one
type: custom
agent_id: _any
`,
    );
    server
      .on('PUT', '/api/connections/new%2Fone', (_request, response) => {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not found"}');
      })
      .on('POST', '/api/connections', (_request, response) => {
        response.statusCode = 201;
        return { ...connection, name: 'new/one' };
      });
    expect(await terminal.muster('connections', 'apply', '-f', path)).toBe(0);
    expect(said()).toBe('updated orders-db\ncreated new/one\n');
    expect(server.asked('PUT', '/api/connections/orders-db')[0]!.body['secret']).toEqual({
      'envvar:PASS': base64('s3cret'),
      'envvar:OTHER': base64('from a file'),
      'filesystem:CA': base64('certificate\n'),
      'envvar:KEPT': '********',
      'envvar:GONE': null,
    });
    expect(server.asked('POST', '/api/connections')[0]!.body).toEqual({
      name: 'new/one',
      type: 'custom',
      agent_id: '_any',
    });
  });

  it('takes JSON, lists, and a pipe', async () => {
    const two = [
      { name: 'a', type: 'custom' },
      { name: 'b', type: 'custom' },
    ];
    terminal.stdin.end(JSON.stringify(two, null, 2));
    expect(await terminal.muster('connections', 'apply', '-f', '-', '--json')).toBe(0);
    expect(server.requests.map(({ path }) => path)).toEqual(['/api/connections/a', '/api/connections/b']);
    expect(JSON.parse(terminal.stdout.text)).toHaveLength(2);
  });

  it.each([
    ['type: custom', 'document 1, line 1: a connection needs a name'],
    ['- 1', 'a connection is meant: a map with its fields'],
    ['name: a\n---\nname: a', 'document 2, line 3: connection "a" stands here twice'],
    ['kind: query\nspec: { name: a }', 'kind must be connection'],
    ['name: a\nsecret: [1]', 'a: secret must be a map'],
    ['name: a\nsecret: { "envvar:P": { env: NOT_SET } }', 'a: secret envvar:P: NOT_SET is not set here'],
    ['name: a\nsecret: { "envvar:P": { value: hunter2 } }', 'a: secret envvar:P must be { env: VARIABLE }'],
    ['name: a\nsecret: { "filesystem:P": { file: none } }', '(ENOENT)'],
    ['', 'the files hold no connection'],
  ])('sends nothing where files are wrong: %j', async (text, problem) => {
    expect(await terminal.muster('connections', 'apply', '-f', file('c.yml', text))).toBe(2);
    expect(terminal.stderr.text).toContain(problem);
    expect(said()).not.toContain('hunter2');
    expect(server.requests).toEqual([]);
  });

  it('says where what the server refuses stands', async () => {
    server.on('PUT', '/api/connections/b', (_request, response) => {
      response.writeHead(422, { 'content-type': 'application/json' }).end('{"message":"no such team"}');
    });
    const path = file('c.yml', 'name: a\ntype: custom\n---\nname: b\ntype: custom\n');
    expect(await terminal.muster('connections', 'apply', '-f', path)).toBe(1);
    expect(terminal.stdout.text).toBe('updated a\n');
    expect(terminal.stderr.text).toBe(`muster: b: no such team (${path}: document 2, line 4)\n`);
  });

  it('--dry-run sends nothing', async () => {
    const path = file('c.yml', 'name: a\ntype: custom\n');
    expect(await terminal.muster('connections', 'apply', '-f', path, '--dry-run')).toBe(0);
    expect(terminal.stdout.text).toBe('a would be applied\n');
    expect(server.requests).toEqual([]);
  });

  it('deletes and tests', async () => {
    expect(await terminal.muster('connections', 'delete', 'orders-db')).toBe(0);
    expect(terminal.stdout.text).toBe('deleted orders-db\n');
    expect(await terminal.muster('connections', 'test', 'orders-db')).toBe(0);
    expect(terminal.stdout.text).toBe('orders-db works\n');
    server.on('GET', '/api/connections/:name/test', (_request, response) => {
      response.writeHead(422, { 'content-type': 'application/json' }).end('{"message":"agent is offline"}');
    });
    expect(await terminal.muster('connections', 'test', 'orders-db')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: agent is offline\n');
  });
});
