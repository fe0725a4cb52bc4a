import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuse, ScriptedServer } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const SCRIPTS = '/api/v1/fleet/scripts';
const deploy = { id: 12, team_id: 3, name: 'deploy.sh', updated_at: '2025-01-02T03:04:05.000Z', news: [1] };

describe('muster scripts', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('GET', SCRIPTS, () => ({ scripts: [deploy, { ...deploy, id: 7, name: 'evil\u001b[2J.sh' }] }))
      .on('POST', SCRIPTS, () => ({ script_id: 12 }))
      .on('DELETE', `${SCRIPTS}/:id`, (_request, response) => void response.writeHead(204).end())
      .on('GET', `${SCRIPTS}/:id`, (request, response) =>
        request.query.get('alt') === 'media' ? void response.end('echo é\n') : deploy,
      );
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  it('lists those of no team, or of one', async () => {
    expect(await terminal.musterOnTty('scripts')).toBe(0);
    expect(terminal.stdout.text.split('\n')[0]).toMatch(/^ID +NAME +UPDATED$/);
    expect(terminal.stdout.text).toMatch(/12 +deploy\.sh +2025-01-02T03:04:05\.000Z/);
    expect(terminal.stdout.text).not.toContain('\u001b[2J');
    expect(await terminal.muster('scripts', '--team', '3', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text).scripts[0]).toEqual(deploy);
    expect(server.requests.map(({ query }) => query.get('team_id'))).toEqual([null, '3']);
  });

  it('says where there are none', async () => {
    server.on('GET', SCRIPTS, () => ({ scripts: [] }));
    expect(await terminal.muster('scripts', '--team', '3')).toBe(0);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual([
      '',
      'no saved script of team 3: `muster scripts add FILE` makes one\n',
    ]);
  });

  it('add uploads a file under its own name, bytes as they are', async () => {
    const file = join(terminal.home, 'de"ploy.sh');
    writeFileSync(file, 'echo é\r\n--x\n');
    expect(await terminal.muster('scripts', 'add', file, '--team', '3')).toBe(0);
    expect(terminal.stdout.text).toBe('added de"ploy.sh as script 12\n');
    const [request] = server.requests;
    const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(request!.headers['content-type']!)![1];
    expect(request!.text).toBe(
      [
        `--${boundary}`,
        'Content-Disposition: form-data; name="team_id"',
        '',
        '3',
        `--${boundary}`,
        'Content-Disposition: form-data; name="script"; filename="de%22ploy.sh"',
        'Content-Type: application/octet-stream',
        '',
        'echo é\r\n--x\n',
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    );
    expect(await terminal.muster('scripts', 'add', file, '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual({ script_id: 12 });
    expect(server.requests[1]!.text).not.toContain('team_id');
  });

  it('add tells why the server refuses, and what cannot be read', async () => {
    const file = join(terminal.home, 'a.txt');
    writeFileSync(file, 'true');
    server.on('POST', SCRIPTS, (_request, response) =>
      refuse(response, 422, 'Validation Failed', 'script', 'File type not supported.'),
    );
    expect(await terminal.muster('scripts', 'add', file)).toBe(1);
    expect(terminal.stderr.text).toBe('muster: Validation Failed: File type not supported. (script)\n');
    expect(await terminal.muster('scripts', 'add', '/nowhere.sh')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: cannot read /nowhere.sh (ENOENT)\n');
  });

  it('get tells about a script, or prints it', async () => {
    expect(await terminal.muster('scripts', 'get', '12')).toBe(0);
    expect(terminal.stdout.text).toBe('deploy.sh (team 3), script 12, updated 2025-01-02T03:04:05.000Z\n');
    expect(await terminal.muster('scripts', 'get', '12', '--contents')).toBe(0);
    expect(terminal.stdout.text).toBe('echo é\n');
    expect(await terminal.muster('scripts', 'get', '12', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual(deploy);
    expect(await terminal.muster('scripts', 'get', '12', '--json', '--contents')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual({ ...deploy, contents: 'echo é\n' });
  });

  it('rm deletes', async () => {
    expect(await terminal.muster('scripts', 'rm', '12')).toBe(0);
    expect(terminal.stdout.text).toBe('deleted script 12\n');
    expect(server.asked('DELETE', `${SCRIPTS}/12`)).toHaveLength(1);
    server.on('DELETE', `${SCRIPTS}/:id`, (_request, response) =>
      refuse(response, 404, 'Resource Not Found', 'base', 'Script 12 was not found in the datastore'),
    );
    expect(await terminal.muster('scripts', 'rm', '12')).toBe(1);
    expect(terminal.stderr.text).toContain('Script 12 was not found');
  });

  it.each([
    [['nope']],
    [['get']],
    [['get', 'x']],
    [['rm', '-1']],
    [['rm', '1', '2']],
    [['add']],
    [['--team', 'x']],
    [['add', 'a.sh', '--team', '1.5']],
  ])('%j is a usage error', async (args) => {
    expect(await terminal.muster('scripts', ...args)).toBe(2);
    expect(terminal.stderr.text).toMatch(/^muster: /);
    expect(server.requests).toHaveLength(0);
  });
});
