import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import {
  openEvents,
  ScriptedServer,
  sendSessionEnd,
  sendSessionEvent,
} from '../../testing/scripted-server.js';
import { REVIEW, reviewBody, SESSION, sessionBody } from '../../testing/session-bodies.js';
import { Terminal } from '../../testing/terminal.js';

describe('muster connect', () => {
  let server: ScriptedServer;
  let terminal: Terminal;
  const files = mkdtempSync(join(tmpdir(), 'muster-connect-'));

  /** What the session looks like, until told otherwise. */
  const looks = (fields: Record<string, unknown>): ScriptedServer =>
    server.on('GET', '/api/sessions/:id', () => sessionBody(fields));

  const connect = (script: string, ...args: string[]): Promise<number> => {
    terminal.stdin = new PassThrough();
    terminal.stdin.end(script);
    return terminal.muster('connect', ...args);
  };

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('POST', '/api/sessions', (_request, response) => {
        response.statusCode = 202;
        return { session_id: SESSION, has_review: false, output_status: 'running', exit_code: -2 };
      })
      .on('GET', '/api/sessions/:id/stream', (_request, response) => {
        openEvents(response);
        sendSessionEvent(response, { id: 0, type: 'i', data: 'not to be shown' });
        sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'one\ntw' });
        sendSessionEvent(response, { id: 2, stream: 'stderr', data: 'oops\n' });
        sendSessionEvent(response, { id: 3, stream: 'stdout', data: 'o' });
        sendSessionEnd(response, 3);
      });
    looks({});
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  afterAll(() => rmSync(files, { recursive: true }));

  it('sends standard input, and words behind -- as they are; output comes apart', async () => {
    expect(await connect('écho\n', 'bash-prod', '--', '-x', '--json', '; rm *')).toBe(0);
    const [request] = server.requests;
    expect(request!.body).toEqual({
      connection: 'bash-prod',
      script: 'écho\n',
      client_args: ['-x', '--json', '; rm *'],
    });
    expect(request!.query.toString()).toBe('wait=0');
    expect(request!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual(['one\ntwo', 'oops\n']);
  });

  it('passes every option on', async () => {
    const key = join(files, 'key.pem');
    writeFileSync(key, Buffer.from([0, 255]));
    const options = `-e LANG=C -e X=a=b --file KEY=${key} --metadata ticket=OPS-1 --timeout 9`;
    expect(await connect('', 'pg', ...options.split(' '))).toBe(0);
    expect(server.requests[0]!.body).toEqual({
      connection: 'pg',
      script: '',
      env_vars: { 'envvar:LANG': 'Qw==', 'envvar:X': 'YT1i', 'filesystem:KEY': 'AP8=' },
      metadata: { ticket: 'OPS-1' },
      timeout: 9,
    });
  });

  it.each([
    [{ exit_code: 7 }, 7],
    [{ exit_code: 137 }, 137],
    [{ state: 'timed_out', exit_code: 254 }, 124],
    [{ state: 'killed', exit_code: -2 }, 130],
    [{ state: 'failed_to_start', reason: 'not_found', exit_code: 127 }, 127],
    [{ state: 'failed_to_start', reason: 'not_executable', exit_code: 126 }, 126],
    [{ state: 'expired', exit_code: -2 }, 125],
    [{ state: 'lost', exit_code: -2 }, 125],
  ])('%j ends with %i', async (fields, code) => {
    looks(fields);
    expect(await connect('', 'bash-prod')).toBe(code);
  });

  it('says on stderr with which words it was closed', async () => {
    looks({ state: 'timed_out', exit_code: 254 });
    server.on('GET', '/api/sessions/:id/stream', (_request, response) => {
      openEvents(response);
      sendSessionEvent(response, { id: 0, type: 'e', data: 'session timed out after 3 s\n' });
      sendSessionEnd(response, 0);
    });
    expect(await connect('', 'bash-prod')).toBe(124);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual(['', 'session timed out after 3 s\n']);
  });

  it('goes on after a cut without a gap or a double', async () => {
    let call = 0;
    server.on('GET', '/api/sessions/:id/stream', (request, response) => {
      openEvents(response);
      if (++call === 1) {
        sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'a' });
        response.write('id: 2\nevent: event\ndata: {"time"', () => response.destroy());
        return;
      }
      expect(request.headers['last-event-id']).toBe('1');
      sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'a' });
      sendSessionEvent(response, { id: 2, stream: 'stdout', data: 'b' });
      sendSessionEnd(response, 2);
    });
    expect(await connect('', 'bash-prod')).toBe(0);
    expect(terminal.stdout.text).toBe('ab');
  });

  it('--json is one document with the output', async () => {
    looks({ exit_code: 3 });
    expect(await connect('', 'bash-prod', '--json')).toBe(3);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({
      id: SESSION,
      exit_code: 3,
      output: { stdout: 'one\ntwo', stdout_encoding: 'utf8', stderr: 'oops\n' },
    });
    expect(terminal.stderr.text).toBe('');
  });

  it('--wait leaves it running: at once with its id, or after that time', async () => {
    expect(await connect('', 'bash-prod', '--wait', '0')).toBe(0);
    expect(terminal.stdout.text).toBe(`${SESSION}\n`);
    looks({ state: 'running', exit_code: null });
    server.on('GET', '/api/sessions/:id/stream', (_request, response) => {
      openEvents(response);
      sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'so far' });
    });
    expect(await connect('', 'bash-prod', '--wait', '1')).toBe(75);
    expect(terminal.stdout.text).toBe('so far');
    expect(terminal.stderr.text).toContain(`muster sessions replay ${SESSION}`);
    expect(server.asked('POST', `/api/sessions/${SESSION}/kill`)).toEqual([]);
  });

  it('Ctrl-C kills it and goes on until its end is there', async () => {
    server
      .on('GET', '/api/sessions/:id/stream', (_request, response) => {
        openEvents(response);
        sendSessionEvent(response, { id: 1, stream: 'stdout', data: 'begun' });
        server.on('POST', '/api/sessions/:id/kill', (_kill, answer) => {
          looks({ state: 'killed', exit_code: -2 });
          answer.writeHead(204).end();
          sendSessionEvent(response, { id: 1, type: 'e', data: 'session killed by ann\n' });
          sendSessionEnd(response, 1);
        });
      })
      .on('GET', '/api/sessions/:id', () => sessionBody({ state: 'running', exit_code: null }));
    const exit = connect('', 'bash-prod');
    await terminal.stdout.until('begun');
    terminal.signals.emit('SIGINT');
    expect(await exit).toBe(130);
    expect(terminal.stderr.text).toContain('session killed by ann');
  });

  it("a refusal is said in the server's words", async () => {
    server.on('POST', '/api/sessions', (_request, response) => {
      response.writeHead(422, { 'content-type': 'application/json' }).end('{"message":"no drops, please"}');
    });
    expect(await connect('drop', 'pg')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: no drops, please\n');
  });

  it('wants client args behind --', async () => {
    expect(await connect('', 'bash-prod', 'x')).toBe(2);
    expect(await connect('', 'bash-prod', '-x')).toBe(2);
    expect(await connect('', 'bash-prod', 'a', '--', 'b')).toBe(2);
    expect(server.requests).toEqual([]);
  });

  it('refuses input that is no text, and files that are not there', async () => {
    terminal.stdin = new PassThrough();
    terminal.stdin.end(Buffer.from([0xff]));
    expect(await terminal.muster('connect', 'bash-prod')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: standard input is not UTF-8 text\n');
    expect(await connect('', 'bash-prod', '--file', 'K=/no/such')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: cannot read /no/such (ENOENT)\n');
    expect(server.requests).toEqual([]);
  });

  describe('where people have to approve it', () => {
    const parked = { state: 'waiting_approval', exit_code: null, review: reviewBody() };

    beforeEach(() => {
      server.on('POST', '/api/sessions', (_request, response) => {
        response.statusCode = 202;
        return { session_id: SESSION, has_review: true };
      });
      looks(parked);
    });

    it('says who, where, and what to do then; stdout is its id', async () => {
      expect(await connect('', 'bash-prod')).toBe(75);
      expect(terminal.stdout.text).toBe(`${SESSION}\n`);
      expect(terminal.stderr.text).toBe(
        [
          'it waits for approval by dba and bob@example.com (1 of 2)',
          `  review ${REVIEW}: ${server.url}/api/reviews/${REVIEW}`,
          `  once it is approved: muster sessions run ${SESSION}`,
          '',
        ].join('\n'),
      );
    });

    it('--follow-review runs it once it is approved', async () => {
      server.on('POST', '/api/sessions/:id/exec', () => {
        looks({ exit_code: 4 });
        return {};
      });
      const states: Record<string, unknown>[] = [
        parked,
        parked,
        { ...parked, state: 'ready', review: reviewBody({ status: 'APPROVED', requirements: [] }) },
      ];
      server.on('GET', '/api/sessions/:id', () =>
        sessionBody(states.length > 1 ? states.shift() : states[0]),
      );
      expect(await connect('', 'bash-prod', '--follow-review')).toBe(4);
      expect(terminal.stdout.text).toBe('one\ntwo');
      expect(server.asked('POST', `/api/sessions/${SESSION}/exec`)).toHaveLength(1);
    });

    it('--follow-review says why it will not', async () => {
      const states = [
        parked,
        {
          state: 'denied',
          review: reviewBody({
            status: 'REJECTED',
            rejection_reason: 'not today',
            review_groups_data: [
              { group: 'dba', status: 'REJECTED', reviewed_by: { email: 'cat@example.com' } },
            ],
          }),
        },
      ];
      server.on('GET', '/api/sessions/:id', () =>
        sessionBody(states.length > 1 ? states.shift() : states[0]),
      );
      expect(await connect('', 'bash-prod', '--follow-review')).toBe(125);
      expect(terminal.stderr.text).toContain('muster: rejected by cat@example.com: not today\n');
    });

    it('outside its time window it is left for later', async () => {
      const window = { type: 'time_range', configuration: { start_time: '22:00', end_time: '04:00' } };
      const review = reviewBody({ status: 'APPROVED', requirements: [], time_window: window });
      server
        .on('GET', '/api/sessions/:id', () => sessionBody({ ...parked, state: 'ready', review }))
        .on('POST', '/api/sessions/:id/exec', (_request, response) => {
          response
            .writeHead(403, { 'content-type': 'application/json' })
            .end('{"message":"it was approved for 22:00 to 04:00 UTC, and may not run now"}');
        });
      expect(await terminal.muster('sessions', 'run', SESSION)).toBe(75);
      expect(terminal.stderr.text).toBe(
        `it was approved for 22:00 to 04:00 UTC, and may not run now; then: muster sessions run ${SESSION}\n`,
      );
    });

    it('Ctrl-C leaves it waiting', async () => {
      const exit = connect('', 'bash-prod', '--follow-review');
      await terminal.stderr.until('review');
      terminal.signals.emit('SIGINT');
      while (!terminal.stderr.text.includes('left')) {
        await new Promise((resolve) => setImmediate(resolve));
        terminal.signals.emit('SIGINT');
      }
      expect(await exit).toBe(130);
      expect(terminal.stderr.text).toContain(`Once it is approved: muster sessions run ${SESSION}`);
    });
  });
});
