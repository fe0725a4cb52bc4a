import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  openEvents,
  ScriptedServer,
  sendSessionEnd,
  sendSessionEvent,
} from '../../testing/scripted-server.js';
import { reviewBody, SESSION, sessionBody } from '../../testing/session-bodies.js';
import { Terminal } from '../../testing/terminal.js';

describe('muster sessions', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('GET', '/api/sessions', () => ({
        data: [
          sessionBody({ connection: 'bash\u001b[2J' }),
          sessionBody({ state: 'waiting_approval', exit_code: null }),
        ],
        total: 10000,
        total_is_capped: true,
        has_next_page: true,
      }))
      .on('GET', '/api/sessions/:id', () =>
        sessionBody({
          script: { data: 'echo hello\n\u001b[2J' },
          client_args: ['-x'],
          metadata: { ticket: 'OPS-1' },
          event_size: 1015,
          metrics: { data_masking: { secret: 2 }, event_size: 1015 },
          review: reviewBody({ status: 'EXECUTED', requirements: [] }),
        }),
      );
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  it('lists them, alone or by name, with filters', async () => {
    const filters = '--connection bash --user ann@example.com --since 2026-01-02 --limit 2 --offset 3';
    expect(await terminal.muster('sessions', 'list', ...filters.split(' '))).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        `ID${' '.repeat(36)}STATE             EXIT  CONNECTION  USER             STARTED`,
        `${SESSION}  finished          0     bash�[2J    ann@example.com  2026-01-02T03:04:05Z`,
        `${SESSION}  waiting approval        bash-prod   ann@example.com  2026-01-02T03:04:05Z`,
        '',
      ].join('\n'),
    );
    expect(terminal.stderr.text).toBe('2 of more than 10,000; --limit and --offset show others\n');
    expect(Object.fromEntries(server.requests[0]!.query)).toEqual({
      connection: 'bash',
      user: 'ann@example.com',
      start_date: '2026-01-02T00:00:00.000Z',
      limit: '2',
      offset: '3',
    });
    expect(await terminal.muster('sessions', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({ total: 10000 });
  });

  it('fits 80 columns', async () => {
    expect(await terminal.musterOnTty('sessions')).toBe(0);
    for (const each of terminal.stdout.text.split('\n')) expect(each.length).toBeLessThanOrEqual(80);
    expect(terminal.stdout.text).toContain(SESSION);
  });

  it('refuses times that are none', async () => {
    for (const time of ['yesterday', '2026-13-01', '2026-01-02T03:04:05'])
      expect(await terminal.muster('sessions', 'list', '--since', time)).toBe(2);
    expect(server.requests).toEqual([]);
  });

  it('get tells what it was given and how it went; --script is the script alone', async () => {
    expect(await terminal.muster('sessions', 'get', SESSION)).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        `session     ${SESSION}`,
        'connection  bash-prod',
        'arguments   ["-x"]',
        'metadata    ticket=OPS-1',
        'asked for   2026-01-02T03:04:05.678Z by ann@example.com',
        'host        web-1',
        'state       finished',
        'exit code   0',
        'ended       2026-01-02T03:04:06.000Z',
        'took        322 ms',
        'written     1,000 bytes',
        'masked      secret=2',
        'review      0b7c2a52-1f3e-4a5f-9d43-7f6f0c7f7c11, executed',
        '',
        '  echo hello',
        '  �[2J',
        '',
      ].join('\n'),
    );
    expect(await terminal.muster('sessions', 'get', SESSION, '--script')).toBe(0);
    expect(terminal.stdout.text).toBe('echo hello\n\u001b[2J');
  });

  describe('replay', () => {
    beforeEach(() => {
      server.on('GET', '/api/sessions/:id/stream', (_request, response) => {
        openEvents(response);
        sendSessionEvent(response, { id: 0, type: 'i', data: 'script' });
        sendSessionEvent(response, { id: 1, time: 0.1, stream: 'stdout', data: 'a\n' });
        sendSessionEvent(response, { id: 2, time: 0.9, stream: 'stderr', data: 'b\n' });
        sendSessionEvent(response, { id: 2, time: 1, type: 'e', data: 'session killed by ann\n' });
        sendSessionEnd(response, 2);
      });
    });

    it('writes each event as long after the beginning as it came, streams apart', async () => {
      const began = performance.now();
      const exit = terminal.muster('sessions', 'replay', SESSION, '--speed', '2');
      await terminal.stderr.until('b\n');
      expect(performance.now() - began).toBeGreaterThanOrEqual(449);
      expect(terminal.stdout.text).toBe('a\n');
      expect(await exit).toBe(0);
      expect(terminal.stderr.text).toBe('b\nsession killed by ann\n');
    });

    it('--no-delay waits for nothing, however long it took', async () => {
      server.on('GET', '/api/sessions/:id/stream', (_request, response) => {
        openEvents(response);
        sendSessionEvent(response, { id: 1, time: 86_400, stream: 'stdout', data: 'late' });
        sendSessionEnd(response, 1);
      });
      expect(await terminal.muster('sessions', 'replay', SESSION, '--no-delay')).toBe(0);
      expect(terminal.stdout.text).toBe('late');
    });

    it('says that the output is gone', async () => {
      server.on('GET', '/api/sessions/:id', () => sessionBody({ output_removed_at: '2026-03-01T00:00:00Z' }));
      expect(await terminal.muster('sessions', 'replay', SESSION, '--no-delay')).toBe(0);
      expect(terminal.stderr.text).toContain('its output was kept long enough, and removed 2026-03-01');
    });

    it('refuses speeds that are none', async () => {
      for (const speed of ['0', '-1', 'fast', 'Infinity'])
        expect(await terminal.muster('sessions', 'replay', SESSION, `--speed=${speed}`)).toBe(2);
    });
  });

  it.each([
    [204, 'running', 'killed', 'killed: by ann\n'],
    [202, 'running', 'terminating', 'asked for; web-1 is away and will confirm it later\n'],
    [204, 'finished', 'finished', 'nothing to kill: it has ended (finished)\n'],
  ])('kill: %i, %s → %s', async (status, before, after, words) => {
    const look = (state: string, message = '') =>
      server.on('GET', '/api/sessions/:id', () => sessionBody({ state, message }));
    look(before);
    server.on('POST', '/api/sessions/:id/kill', (_request, response) => {
      look(after, after === 'killed' ? 'by ann' : '');
      response.writeHead(status).end();
    });
    expect(await terminal.muster('sessions', 'kill', SESSION)).toBe(0);
    expect(terminal.stdout.text).toBe(words);
  });

  it('run watches what was approved, and ends with its code', async () => {
    server
      .on('POST', '/api/sessions/:id/exec', () => ({}))
      .on('GET', '/api/sessions/:id', () => sessionBody({ exit_code: 5 }))
      .on('GET', '/api/sessions/:id/stream', (_request, response) => {
        openEvents(response);
        sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'ran' });
        sendSessionEnd(response, 1);
      });
    expect(await terminal.muster('sessions', 'run', SESSION)).toBe(5);
    expect(terminal.stdout.text).toBe('ran');
    server.on('POST', '/api/sessions/:id/exec', (_request, response) => {
      response
        .writeHead(409, { 'content-type': 'application/json' })
        .end('{"message":"it has run already: an approval is for one run"}');
    });
    expect(await terminal.muster('sessions', 'run', SESSION)).toBe(1);
    expect(terminal.stderr.text).toBe('muster: it has run already: an approval is for one run\n');
  });

  it('download brings the file, by our own way to the server', async () => {
    server
      .on('GET', '/api/sessions/:id', ({ query }) => ({
        download_url: `https://elsewhere.example.com/api/sessions/x/download?token=t&extension=${query.get('extension')}&events=o%2Ce`,
        expire_at: '2026-01-01T00:00:00Z',
      }))
      .on('GET', '/api/sessions/:id/download', ({ query }, response) => {
        expect(Object.fromEntries(query)).toEqual({ token: 't', extension: 'csv', events: 'o,e' });
        response.end('a,b\n');
      });
    const download = ['sessions', 'download', SESSION, '--format', 'csv'];
    expect(await terminal.muster(...download)).toBe(0);
    expect(terminal.stdout.text).toBe('a,b\n');
    const file = join(terminal.home, 'result.csv');
    expect(await terminal.muster(...download, '-o', file)).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('a,b\n');
    expect(await terminal.muster(...download, '-o', '/no/such/folder/x')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: cannot write /no/such/folder/x (ENOENT)\n');
  });
});
