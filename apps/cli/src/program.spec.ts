import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  chunkJson,
  openEvents,
  refuse,
  ScriptedServer,
  sendChunk,
  sendDone,
} from '../testing/scripted-server.js';
import { Terminal } from '../testing/terminal.js';

const executionId = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const web1 = {
  id: 7,
  uuid: '11111111-2222-4333-8444-555555555555',
  hostname: 'web-1',
  status: 'online',
  os_version: 'Debian GNU/Linux 13',
  primary_ip: '10.0.0.7',
};
const admin = { id: 1, name: 'Admin', email: 'admin@example.com', global_role: 'admin', teams: [] };

function execution(...targets: Record<string, unknown>[]): Record<string, unknown> {
  return {
    id: executionId,
    kind: 'script',
    targets: targets.map((fields, index) => ({
      id: index + 1,
      uuid: targets.length === 1 ? executionId : `target-${index + 1}`,
      host: { id: 7 + index, uuid: web1.uuid, hostname: `web-${index + 1}` },
      state: 'finished',
      reason: null,
      exit_code: 0,
      signal: null,
      duration_ms: 12,
      truncated: false,
      ...fields,
    })),
  };
}

describe('muster', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('POST', '/api/v1/fleet/login', () => ({ token: 'fresh-token', user: admin }))
      .on('POST', '/api/v1/fleet/logout', () => ({}))
      .on('GET', '/api/v1/fleet/me', () => ({ user: admin }))
      .on('GET', '/api/v1/fleet/hosts', () => ({ hosts: [web1] }))
      .on('GET', '/api/v1/fleet/hosts/identifier/:id', () => ({ host: web1 }))
      .on('POST', '/api/v1/fleet/scripts/run', (_request, response) => {
        response.statusCode = 202;
        return { host_id: 7, execution_id: executionId };
      })
      .on('GET', '/api/v1/executions/:id', () => execution({}))
      .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        sendChunk(response, { seq: 1, data: 'hello\n' });
        sendDone(response);
      });
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  describe('login, whoami, logout', () => {
    beforeEach(() => {
      terminal.env = {};
    });

    it('keeps address and token for the next commands, and forgets the token', async () => {
      terminal.stdin.end('pass word\n');
      expect(
        await terminal.muster(
          'login',
          '--url',
          server.url,
          '--email',
          'admin@example.com',
          '--password-stdin',
        ),
      ).toBe(0);
      expect(server.requests[0]?.body).toEqual({ email: 'admin@example.com', password: 'pass word' });
      expect(terminal.stdout.text).toBe(`signed in to ${server.url} as admin@example.com\n`);
      expect(statSync(terminal.configFile).mode & 0o777).toBe(0o600);

      expect(await terminal.muster('whoami')).toBe(0);
      expect(terminal.stdout.text).toBe(`admin@example.com (admin) at ${server.url}\n`);
      expect(server.asked('GET', '/api/v1/fleet/me')[0]?.headers.authorization).toBe('Bearer fresh-token');

      expect(await terminal.muster('logout')).toBe(0);
      expect(server.asked('POST', '/api/v1/fleet/logout')[0]?.headers.authorization).toBe(
        'Bearer fresh-token',
      );
      expect(readFileSync(terminal.configFile, 'utf8')).not.toContain('fresh-token');
      expect(await terminal.muster('whoami')).toBe(1);
      expect(terminal.stderr.text).toContain('not signed in: run `muster login');
    });

    it('says that the password is wrong, and keeps nothing', async () => {
      server.on('POST', '/api/v1/fleet/login', (_request, response) =>
        refuse(response, 401, 'Authentication failed', 'base', 'Authentication failed'),
      );
      terminal.stdin.end('nope');
      expect(
        await terminal.muster('login', '--url', server.url, '--email', 'a@b.c', '--password-stdin'),
      ).toBe(1);
      expect(terminal.stderr.text).toBe('muster: wrong e-mail or password\n');
      expect(() => statSync(terminal.configFile)).toThrow('ENOENT');
    });

    it('does not ask where nobody can answer', async () => {
      expect(await terminal.muster('login', '--url', server.url, '--email', 'a@b.c')).toBe(2);
      expect(terminal.stderr.text).toContain('--password-stdin');
    });

    it('asks on a terminal and shows nothing of the password', async () => {
      Object.assign(terminal.stdin, { isTTY: true });
      const done = terminal.muster('login', '--url', server.url);
      await terminal.stderr.until('E-mail: ');
      terminal.stdin.write('admin@example.com\n');
      await terminal.stderr.until('Password: ');
      terminal.stdin.write('hidden!\n');
      expect(await done).toBe(0);
      expect(server.requests[0]?.body).toEqual({ email: 'admin@example.com', password: 'hidden!' });
      expect(terminal.stderr.text).not.toContain('hidden!');
    });

    it('gives the token to the server it came from and to no other', async () => {
      mkdirSync(dirname(terminal.configFile), { recursive: true });
      writeFileSync(terminal.configFile, JSON.stringify({ url: 'http://127.0.0.1:9', token: 'other-token' }));
      expect(await terminal.muster('whoami', '--url', server.url)).toBe(1);
      expect(terminal.stderr.text).toContain(`not signed in: run \`muster login --url ${server.url}\``);
      expect(server.requests).toHaveLength(0);
    });

    it('forgets the token also when the server is away', async () => {
      mkdirSync(dirname(terminal.configFile), { recursive: true });
      writeFileSync(terminal.configFile, JSON.stringify({ url: 'http://127.0.0.1:1', token: 'kept-token' }));
      expect(await terminal.muster('logout')).toBe(1);
      expect(terminal.stderr.text).toContain('forgotten here, but the server was not told');
      expect(readFileSync(terminal.configFile, 'utf8')).not.toContain('kept-token');
    });
  });

  describe('errors', () => {
    it('puts the envelope into one line', async () => {
      server.on('POST', '/api/v1/fleet/scripts/run', (_request, response) =>
        refuse(response, 422, 'Validation Failed', 'script_contents', 'Script contents must not be empty.'),
      );
      expect(await terminal.muster('run-script', '--host', 'web-1', '--contents', '')).toBe(1);
      expect(terminal.stderr.text).toBe(
        'muster: Validation Failed: Script contents must not be empty. (script_contents)\n',
      );
    });

    it('says whose token is refused', async () => {
      server.on('GET', '/api/v1/fleet/me', (_request, response) =>
        refuse(response, 401, 'Authentication required', 'base', 'Authentication required'),
      );
      expect(await terminal.muster('whoami')).toBe(1);
      expect(terminal.stderr.text).toContain('does not accept MUSTER_TOKEN');
      expect(terminal.stderr.text).not.toContain('secret-token');
    });

    it('says that nobody answers', async () => {
      terminal.env = { MUSTER_URL: 'http://127.0.0.1:1', MUSTER_TOKEN: 't' };
      expect(await terminal.muster('hosts')).toBe(1);
      expect(terminal.stderr.text).toBe('muster: cannot reach http://127.0.0.1:1: is the server running?\n');
    });

    it("takes a proxy's page for what it is", async () => {
      server.on('GET', '/api/v1/fleet/hosts', (_request, response) => response.writeHead(502).end('<html>'));
      expect(await terminal.muster('hosts')).toBe(1);
      expect(terminal.stderr.text).toBe(`muster: ${server.url} answered 502 Bad Gateway\n`);
    });

    it('takes a foreign answer for what it is', async () => {
      server.on('GET', '/api/v1/fleet/hosts', () => ({ hosts: [{ id: 'x' }] }));
      expect(await terminal.muster('hosts')).toBe(1);
      expect(terminal.stderr.text).toContain('hosts[0].id is not a number');
    });

    it.each([
      [['nope']],
      [['hosts', 'extra']],
      [['hosts', '--status', 'asleep']],
      [['hosts', 'transfer', 'web-1']],
      [['hosts', 'transfer', '--team', 'Web']],
      [['run-script']],
      [['run-script', '--host', 'x', '--timeout', 'soon', '--', 'a']],
      [['hosts', '--url', 'ftp://x']],
    ])('%j is a usage error', async (args) => {
      expect(await terminal.muster(...args)).toBe(2);
      expect(terminal.stderr.text).toMatch(/^muster: /);
    });
  });

  describe('help', () => {
    const commands =
      'up server login logout whoami hosts run-script exec connect query apply get jobs resume logs cancel'.split(
        ' ',
      );
    const scripts = [[], ['add'], ['get'], ['rm']].map((rest) => ['scripts', ...rest]);
    const jobs = ['list', 'get', 'retry', 'delete'].map((name) => ['jobs', name]);
    const ofHosts = ['transfer', 'drain', 'undrain'].map((name) => ['hosts', name]);
    const ofSessions = Object.entries({
      sessions: 'list get replay kill run download',
      reviews: 'list get approve reject revoke',
      keys: 'list add show sign revoke',
      connections: 'list get apply delete test',
      audit: 'list verify export head',
    }).flatMap(([group, names]) => [[group], ...names.split(' ').map((name) => [group, name])]);

    it.each([[], ...commands.map((name) => [name]), ...scripts, ...jobs, ...ofHosts, ...ofSessions])(
      'of %s fits one screen and shows an example',
      async (...path: string[]) => {
        expect(await terminal.musterOnTty(...path, '--help')).toBe(0);
        const lines = terminal.stdout.text.split('\n');
        expect(lines.length).toBeLessThanOrEqual(36);
        expect(Math.max(...lines.map((each) => each.length))).toBeLessThanOrEqual(80);
        expect(terminal.stdout.text).toMatch(/Examples?:\n/);
      },
    );

    it('tells the version', async () => {
      expect(await terminal.muster('--version')).toBe(0);
      expect(terminal.stdout.text).toBe('1.2.3\n');
    });
  });

  describe('hosts', () => {
    const long = {
      ...web1,
      id: 12345,
      hostname: 'a-very-long-hostname-for-a-machine.in.some.data.centre.example.com',
      status: 'offline',
      os_version: 'Red Hat Enterprise Linux 10.1 (Coughlan)',
    };

    it('fits the terminal, and is whole in a pipe', async () => {
      server.on('GET', '/api/v1/fleet/hosts', () => ({ hosts: [web1, long] }));
      expect(await terminal.musterOnTty('hosts')).toBe(0);
      const lines = terminal.stdout.text.trimEnd().split('\n');
      expect(lines).toHaveLength(3);
      expect(lines[0]).toMatch(/^ID +HOSTNAME +STATUS +TEAM +OS +IP$/);
      expect(lines[2]).toContain('…');
      for (const each of lines) expect(each.length).toBeLessThanOrEqual(80);

      expect(await terminal.muster('hosts')).toBe(0);
      expect(terminal.stdout.text).toContain(long.hostname);
      expect(terminal.stdout.text).toContain(long.os_version);
      expect(terminal.stdout.text).not.toContain('\u001b');
    });

    it('asks for a team and a status', async () => {
      const asked: string[] = [];
      server
        .on('POST', '/api/v1/fleet/translate', () => ({
          list: [{ type: 'team', payload: { identifier: 'Web', id: 4 } }],
        }))
        .on('GET', '/api/v1/fleet/hosts', ({ query }) => {
          asked.push(query.toString());
          return { hosts: [{ ...web1, team_name: 'Web' }] };
        });
      expect(await terminal.muster('hosts', '--team', 'Web', '--status', 'online')).toBe(0);
      expect(terminal.stdout.text).toMatch(/web-1 .* Web /);
      expect(await terminal.muster('hosts', '--team', 'none')).toBe(0);
      expect(asked).toEqual(['team_id=4&status=online', 'team_id=0']);
    });

    it('moves hosts to a team, and to none', async () => {
      const bodies: unknown[] = [];
      const ids: Record<string, number> = { 'web-1': 7, 'web-2': 8, Web: 4 };
      server
        .on('POST', '/api/v1/fleet/translate', ({ body }) => ({
          list: (body as { list: { type: string; payload: { identifier: string } }[] }).list.map(
            ({ type, payload }) => ({ type, payload: { ...payload, id: ids[payload.identifier] } }),
          ),
        }))
        .on('POST', '/api/v1/fleet/hosts/transfer', ({ body }) => {
          bodies.push(body);
          return {};
        });
      expect(await terminal.muster('hosts', 'transfer', 'web-1', 'web-2', '--team', 'Web')).toBe(0);
      expect(terminal.stdout.text).toBe('2 hosts moved to team Web\n');
      expect(await terminal.muster('hosts', 'transfer', 'web-1', '--team', 'none')).toBe(0);
      expect(terminal.stdout.text).toContain('1 host moved to no team\n');
      expect(bodies).toEqual([
        { team_id: 4, hosts: [7, 8] },
        { team_id: null, hosts: [7] },
      ]);
    });

    it('passes everything on with --json', async () => {
      server.on('GET', '/api/v1/fleet/hosts', () => ({ hosts: [{ ...web1, news: [1] }] }));
      expect(await terminal.muster('hosts', '--json')).toBe(0);
      expect(JSON.parse(terminal.stdout.text)).toEqual({ hosts: [{ ...web1, news: [1] }] });
    });

    it('lets no host steer the terminal', async () => {
      server.on('GET', '/api/v1/fleet/hosts', () => ({
        hosts: [{ ...web1, hostname: 'evil\u001b[2J\nweb' }],
      }));
      expect(await terminal.muster('hosts')).toBe(0);
      expect(terminal.stdout.text).not.toContain('\u001b');
      expect(terminal.stdout.text.trimEnd().split('\n')).toHaveLength(2);
    });
  });

  describe('run-script', () => {
    it('sends the script and becomes it: output, streams, exit code', async () => {
      const binary = Buffer.from([0, 0xff, 0xfe, 10]);
      server
        .on('GET', '/api/v1/executions/:id', () => execution({ exit_code: 42 }))
        .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
          openEvents(response);
          sendChunk(response, { seq: 1, data: 'out é\n' });
          sendChunk(response, { seq: 2, stream: 'stderr', data: 'err\n' });
          sendChunk(response, { seq: 3, data: binary });
          sendDone(response);
        });
      const code = await terminal.muster(
        'run-script',
        '--host',
        'web-1',
        '--timeout',
        '9',
        '--arg',
        'a b',
        '--arg',
        '-x',
        '--',
        'echo',
        'hi',
        '--there',
      );
      expect(code).toBe(42);
      expect(server.asked('POST', '/api/v1/fleet/scripts/run')[0]?.body).toEqual({
        host_id: 7,
        script_contents: 'echo hi --there',
        arguments: ['a b', '-x'],
        timeout: 9,
      });
      expect(terminal.stdout.bytes).toEqual(Buffer.concat([Buffer.from('out é\n'), binary]));
      expect(terminal.stderr.text).toBe('err\n');
    });

    it('reads a file or standard input', async () => {
      const file = join(terminal.home, 'job.sh');
      writeFileSync(file, '#!/bin/sh\necho é\n');
      expect(await terminal.muster('run-script', '--host', '7', '--file', file)).toBe(0);
      terminal.stdin.end('piped');
      expect(await terminal.muster('run-script', '--host', '7', '--file', '-')).toBe(0);
      const sent = server
        .asked('POST', '/api/v1/fleet/scripts/run')
        .map((each) => each.body['script_contents']);
      expect(sent).toEqual(['#!/bin/sh\necho é\n', 'piped']);
    });

    it.each([[['--file', 'x', '--', 'y']], [[]], [['--contents', 'a', '--file', 'b']]])(
      'refuses %j',
      async (args) => {
        expect(await terminal.muster('run-script', '--host', 'web-1', ...args)).toBe(2);
        expect(server.requests).toHaveLength(0);
      },
    );

    it('refuses a file that is no text', async () => {
      const file = join(terminal.home, 'binary');
      writeFileSync(file, Buffer.from([0xff, 0xfe]));
      expect(await terminal.muster('run-script', '--host', '7', '--file', file)).toBe(1);
      expect(terminal.stderr.text).toContain('is not UTF-8 text');
    });

    it('names the hosts when a name is not enough', async () => {
      server.on('GET', '/api/v1/fleet/hosts/identifier/:id', (_request, response) =>
        refuse(response, 409, 'Ambiguous', 'identifier', 'several hosts are called web-1: 7, 9'),
      );
      expect(await terminal.muster('run-script', '--host', 'web-1', '--', 'x')).toBe(1);
      expect(terminal.stderr.text).toContain('7, 9');
    });

    it('--async prints the id and does not wait', async () => {
      expect(await terminal.muster('run-script', '--host', 'web-1', '--async', '--', 'x')).toBe(0);
      expect(terminal.stdout.text).toBe(`${executionId}\n`);
      expect(server.asked('GET', `/api/v1/executions/${executionId}/output`)).toHaveLength(0);
    });

    it('--json gives one document with the output, bytes as base64', async () => {
      server.on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        // One character in two chunks is still text.
        sendChunk(response, { seq: 1, data: Buffer.from([0xc3]) });
        sendChunk(response, { seq: 2, data: Buffer.from([0xa9, 10]) });
        sendChunk(response, { seq: 3, stream: 'stderr', data: Buffer.from([0xff]) });
        sendDone(response);
      });
      expect(await terminal.musterOnTty('run-script', '--host', 'web-1', '--json', '--', 'x')).toBe(0);
      const result = JSON.parse(terminal.stdout.text);
      expect(result.id).toBe(executionId);
      expect(result.targets[0].exit_code).toBe(0);
      expect(result.targets[0].output).toEqual({
        stdout: 'é\n',
        stdout_encoding: 'utf8',
        stderr: '/w==',
        stderr_encoding: 'base64',
      });
      expect(terminal.stderr.text).toBe('');
    });

    it('prints each chunk once when the connection drops again and again', async () => {
      const asked: (string | undefined)[] = [];
      server.on('GET', '/api/v1/executions/:id/output', (request, response) => {
        asked.push(request.headers['last-event-id'] as string | undefined);
        if (asked.length === 2) return refuse(response, 503, 'restarting', 'base', 'restarting');
        openEvents(response);
        const after = Number(asked.at(-1) ?? 0);
        // The last one again, as a server may after a drop; then two more and a cut in the middle of an event.
        for (let seq = Math.max(1, after); seq <= after + 2; seq++)
          sendChunk(response, { seq, data: `line ${seq}\n` });
        if (asked.length === 4) return sendDone(response);
        response.write('id: 99\nevent: chunk\ndata: {"seq": 99', () => response.destroy());
        return undefined;
      });
      expect(await terminal.muster('run-script', '--host', 'web-1', '--', 'x')).toBe(0);
      expect(terminal.stdout.text).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n');
      expect(asked).toEqual([undefined, '2', '2', '4']);
      expect(terminal.stderr.text).toContain('lost contact');
    });

    it('keeps chunks of several targets apart when numbers repeat', async () => {
      server.on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        sendChunk(response, { seq: 0, target_id: 1, data: 'a' });
        sendChunk(response, { seq: 0, target_id: 2, data: 'b' });
        sendDone(response);
      });
      expect(await terminal.muster('run-script', '--host', 'web-1', '--', 'x')).toBe(0);
      expect(terminal.stdout.text).toBe('ab');
    });

    it('does not try again where the answer is no', async () => {
      server.on('GET', '/api/v1/executions/:id/output', (_request, response) =>
        refuse(response, 404, 'Resource Not Found', 'base', 'gone'),
      );
      expect(await terminal.muster('run-script', '--host', 'web-1', '--', 'x')).toBe(1);
      expect(server.asked('GET', `/api/v1/executions/${executionId}/output`)).toHaveLength(1);
    });

    it('cancels on the first Ctrl-C and tells the end', async () => {
      let cancelled = false;
      server
        .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
          openEvents(response);
          sendChunk(response, { seq: 1, data: 'working\n' });
          server.on('POST', '/api/v1/executions/:id/cancel', (_cancel, answer) => {
            cancelled = true;
            sendDone(response);
            answer.statusCode = 202;
          });
        })
        .on('GET', '/api/v1/executions/:id', () =>
          execution({ state: 'killed', exit_code: null, signal: 15 }),
        );
      const done = terminal.muster('run-script', '--host', 'web-1', '--', 'sleep 100');
      await terminal.stdout.until('working');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(cancelled).toBe(true);
      expect(terminal.stderr.text).toContain('cancelling…');
      expect(terminal.signals.listenerCount('SIGINT')).toBe(0);
    });

    it('leaves on the second Ctrl-C', async () => {
      server
        .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
          openEvents(response);
          sendChunk(response, { seq: 1, data: 'working\n' });
        })
        .on('POST', '/api/v1/executions/:id/cancel', () => ({}));
      const done = terminal.muster('run-script', '--host', 'web-1', '--', 'sleep 100');
      await terminal.stdout.until('working');
      terminal.signals.emit('SIGINT');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(terminal.stderr.text).toContain(`muster logs ${executionId} --follow`);
    });

    it('says on a terminal what it waits for, and clears it before output', async () => {
      server
        .on('GET', '/api/v1/fleet/hosts/identifier/:id', () => ({ host: { ...web1, status: 'offline' } }))
        .on('GET', '/api/v1/executions/:id/output', async (_request, response) => {
          openEvents(response);
          await terminal.stderr.until('waiting for web-1 to come online…');
          sendChunk(response, { seq: 1, data: 'now\n' });
          sendDone(response);
        });
      expect(await terminal.musterOnTty('run-script', '--host', 'web-1', '--', 'x')).toBe(0);
      expect(terminal.stderr.text).toBe(
        '\r\u001b[Kwaiting for web-1 to come online…\r\u001b[Kexit code 0 after 12 ms\n',
      );
    });
  });

  describe('logs', () => {
    beforeEach(() => {
      server.on('GET', '/api/v1/executions/:id/output', (request, response) => {
        if (request.headers.accept === 'text/event-stream') {
          openEvents(response);
          sendChunk(response, { seq: 1, data: 'live\n' });
          return sendDone(response);
        }
        const after = Number(request.query.get('after') ?? 0);
        return {
          chunks: after < 3 ? [chunkJson({ seq: after + 1, data: `page ${after + 1}\n` })] : [],
          next: after + 1,
          done: false,
        };
      });
    });

    it('prints what is there, page by page', async () => {
      expect(await terminal.muster('logs', executionId)).toBe(0);
      expect(terminal.stdout.text).toBe('page 1\npage 2\npage 3\n');
    });

    it('follows until the end', async () => {
      expect(await terminal.muster('logs', executionId, '--follow')).toBe(0);
      expect(terminal.stdout.text).toBe('live\n');
    });

    it('says on stderr which host speaks when there are several', async () => {
      server
        .on('GET', '/api/v1/executions/:id', () => execution({}, {}))
        .on('GET', '/api/v1/executions/:id/output', () => ({
          chunks: [1, 1, 2].map((target_id, index) => chunkJson({ seq: index, target_id, data: `${index}` })),
          next: null,
          done: true,
        }));
      expect(await terminal.muster('logs', executionId)).toBe(0);
      expect(terminal.stdout.text).toBe('012');
      expect(terminal.stderr.text).toBe('==> web-1 <==\n==> web-2 <==\n');
    });
  });

  describe('cancel', () => {
    beforeEach(() => {
      server
        .on('GET', '/api/v1/executions/:id', () => execution({ state: 'running' }, { state: 'finished' }))
        .on('POST', '/api/v1/executions/:id/cancel', (_request, response) => {
          response.statusCode = 202;
        });
    });

    it('cancels everything that has not ended', async () => {
      expect(await terminal.muster('cancel', executionId)).toBe(0);
      expect(terminal.stdout.text).toBe('asked to cancel on web-1\n');
      expect(
        server.asked('POST', `/api/v1/executions/${executionId}/cancel`)[0]?.query.get('target'),
      ).toBeNull();
    });

    it('cancels on one host', async () => {
      expect(await terminal.muster('cancel', executionId, '--host', 'WEB-1')).toBe(0);
      expect(server.asked('POST', `/api/v1/executions/${executionId}/cancel`)[0]?.query.get('target')).toBe(
        'target-1',
      );
      expect(await terminal.muster('cancel', executionId, '--host', 'web-2')).toBe(0);
      expect(terminal.stdout.text).toContain('has ended already (finished)');
      expect(await terminal.muster('cancel', executionId, '--host', 'db-1')).toBe(1);
      expect(server.asked('POST', `/api/v1/executions/${executionId}/cancel`)).toHaveLength(1);
    });

    it('asks which one when several hosts share the name', async () => {
      expect(await terminal.muster('cancel', executionId, '--host', web1.uuid)).toBe(1);
      expect(terminal.stderr.text).toContain('7, 8');
    });
  });
});
