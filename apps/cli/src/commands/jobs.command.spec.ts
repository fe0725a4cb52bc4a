import { ScriptedServer } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const JOB = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const job = {
  id: JOB,
  status: 'partial_failure',
  created: '2026-01-02T03:04:05Z',
  target: 'group:web',
  operation: {
    type: 'command.exec.execute',
    data: { command: 'systemctl', args: ['restart', 'web\u001b[2J'] },
  },
};
const detail = {
  ...job,
  responses: {
    'web-1': { status: 'ok', hostname: 'web-1', data: { exit_code: 3, stdout: '' } },
    'web-2': { status: 'failed', error: 'host offline' },
  },
  agent_states: { 'web-1': { status: 'completed' }, 'web-3': { status: 'started' } },
};

describe('muster jobs', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('GET', '/api/job', () => ({ total_items: 42, status_counts: {}, items: [job] }))
      .on('GET', '/api/job/:id', () => detail)
      .on('DELETE', '/api/job/:id', (_request, response) => void response.writeHead(204).end())
      .on('POST', '/api/job/:id/retry', (_request, response) => {
        response.statusCode = 201;
        return { job_id: 'new-job', status: 'created', revision: 1 };
      });
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  it('lists them, alone or by name', async () => {
    expect(await terminal.muster('jobs', 'list', '--status', 'failed', '--limit', '1', '--offset', '3')).toBe(
      0,
    );
    expect(terminal.stdout.text).toBe(
      [
        `ID${' '.repeat(36)}STATUS           CREATED               TARGET     COMMAND`,
        `${JOB}  partial failure  2026-01-02T03:04:05Z  group:web  systemctl restart web�[2J`,
        '',
      ].join('\n'),
    );
    expect(terminal.stderr.text).toBe('1 of 42; --limit and --offset show others\n');
    expect(server.requests[0]!.query.toString()).toBe('status=failed&limit=1&offset=3');
    expect(await terminal.muster('jobs', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({ total_items: 42, items: [job] });
  });

  it('says where there are none', async () => {
    server.on('GET', '/api/job', () => ({ total_items: 0, items: [] }));
    expect(await terminal.muster('jobs')).toBe(0);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual(['', 'no job\n']);
  });

  it('get tells how it went on each host', async () => {
    expect(await terminal.muster('jobs', 'get', JOB)).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        `${JOB}: partial failure, asked for at 2026-01-02T03:04:05Z on group:web`,
        'systemctl restart web�[2J',
        'HOST   STATUS   EXIT  ERROR',
        'web-1  ok       3',
        'web-3  started',
        'web-2  failed         host offline',
        '',
      ].join('\n'),
    );
    expect(await terminal.muster('jobs', 'get', JOB, '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual(detail);
  });

  it('retry prints the new id', async () => {
    expect(await terminal.muster('jobs', 'retry', JOB)).toBe(0);
    expect(terminal.stdout.text).toBe('new-job\n');
    expect(await terminal.muster('jobs', 'retry', JOB, '--failed-only', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual({ job_id: 'new-job' });
    expect(server.asked('POST', `/api/job/${JOB}/retry`).map(({ body }) => body)).toEqual([
      {},
      { failed_only: true },
    ]);
  });

  it('delete deletes, or says why not', async () => {
    expect(await terminal.muster('jobs', 'delete', JOB)).toBe(0);
    expect(terminal.stdout.text).toBe(`deleted job ${JOB}\n`);
    server.on('DELETE', '/api/job/:id', (_request, response) => {
      response.statusCode = 404;
      return { error: 'job not found: x', details: 'job not found: x', code: 404 };
    });
    expect(await terminal.muster('jobs', 'delete', 'x')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: job not found: x\n');
  });

  it.each([
    [['list', '--status', 'odd']],
    [['list', '--limit', 'x']],
    [['get']],
    [['retry']],
    [['delete', 'a', 'b']],
    [['nope']],
  ])('%j is a usage error', async (args) => {
    expect(await terminal.muster('jobs', ...args)).toBe(2);
    expect(terminal.stderr.text).toMatch(/^muster: /);
    expect(server.requests).toHaveLength(0);
  });

  it('resume goes on, with another bound where one is given', async () => {
    server.on('POST', '/api/v1/executions/:id/resume', () => ({
      id: JOB,
      targets: [],
      rollout: { state: 'running', wave: 2, waves: 5 },
    }));
    expect(await terminal.muster('resume', JOB)).toBe(0);
    expect(terminal.stdout.text).toBe(`it goes on in wave 2 of 5: \`muster logs ${JOB} --follow\`\n`);
    expect(await terminal.muster('resume', JOB, '--max-failures', '5%', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({ id: JOB });
    expect(server.requests.map(({ body }) => body)).toEqual([{}, { max_failures: '5%' }]);
    expect(await terminal.muster('resume', JOB, '--max-failures', 'many')).toBe(2);
  });

  it('hosts are drained, and taken back', async () => {
    server
      .on('POST', '/api/agent/:h/drain', () => ({ message: 'drain initiated for agent web-1' }))
      .on('POST', '/api/agent/:h/undrain', (_request, response) => {
        response.statusCode = 409;
        return { error: 'agent web-1 is not being drained', details: '', code: 409 };
      });
    expect(await terminal.muster('hosts', 'drain', 'web-1')).toBe(0);
    expect(terminal.stdout.text).toBe('drain initiated for agent web-1\n');
    expect(await terminal.muster('hosts', 'undrain', 'web-1')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: agent web-1 is not being drained\n');
  });
});
