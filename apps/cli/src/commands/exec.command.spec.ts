import {
  openEvents,
  refuse,
  ScriptedServer,
  sendChunk,
  sendDone,
  chunkJson,
} from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const JOB = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const DIGEST = 'ab'.repeat(32);

interface Fields extends Record<string, unknown> {
  rollout?: Record<string, unknown>;
}

function execution(targets: object[], more: Fields = {}): Record<string, unknown> {
  return {
    id: JOB,
    kind: 'command',
    targets: targets.map((fields, index) => ({
      id: index + 1,
      uuid: `target-${index + 1}`,
      host: { id: index + 7, uuid: `host-${index + 7}`, hostname: `web-${index + 1}` },
      state: 'finished',
      exit_code: 0,
      duration_ms: 12,
      truncated: false,
      ...fields,
    })),
    ...more,
  };
}

describe('muster exec', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  /** What the execution looks like, the same until told otherwise. */
  function looks(targets: object[], more: Fields = {}): void {
    server.on('GET', '/api/v1/executions/:id', () => execution(targets, more));
  }

  const sent = (): Record<string, unknown>[] =>
    server.requests.filter(({ path }) => path.startsWith('/api/node/')).map(({ body }) => body);

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('POST', '/api/node/:target/command/:kind', (_request, response) => {
        response.statusCode = 202;
        return { job_id: JOB, results: [{ hostname: 'web-1', host_id: 7, status: 'running' }] };
      })
      .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        sendChunk(response, { seq: 1, data: 'one\ntw' });
        sendChunk(response, { seq: 2, target_id: 2, data: 'other\n' });
        sendChunk(response, { seq: 3, stream: 'stderr', data: 'oops\n' });
        sendChunk(response, { seq: 4, data: 'o' });
        sendDone(response);
      });
    looks([{}, {}]);
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  describe('what is asked for', () => {
    it('sends words as they are, to the hosts that are meant, and waits for nobody', async () => {
      expect(await terminal.muster('exec', '--target', 'group:web', '--', 'echo', '-n', '$HOME; rm *')).toBe(
        0,
      );
      const [request] = server.requests;
      expect(decodeURIComponent(request!.path)).toBe('/api/node/group:web/command/exec');
      expect(request!.body).toEqual({ command: 'echo', args: ['-n', '$HOME; rm *'], wait: 0 });
      expect(request!.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('sends a selector of any shape in the path', async () => {
      await terminal.muster(
        'exec',
        '--target',
        "group:web and not (os.platform = 'a/b') sample 5 %",
        '--',
        'x',
      );
      expect(decodeURIComponent(server.requests[0]!.path)).toBe(
        "/api/node/group:web and not (os.platform = 'a/b') sample 5 %/command/exec",
      );
      expect(server.requests[0]!.path.split('/')).toHaveLength(6);
    });

    it("makes a shell's line of the words", async () => {
      await terminal.muster('exec', '--target', '_all', '--shell', '--', 'echo $HOME', '| wc');
      expect(server.requests[0]!.path).toBe('/api/node/_all/command/shell');
      expect(sent()).toEqual([{ command: 'echo $HOME | wc', wait: 0 }]);
    });

    it('passes every option on', async () => {
      terminal.stdin.end('né\n');
      const options =
        '--batch 10% --max-failures 2 --pause-between 30 --timeout 60 --cwd /tmp --env A=1 --env B=x=y --user web --stdin --queue --expires-in 3600';
      await terminal.muster(
        'exec',
        '--target',
        '_all',
        ...options.split(' '),
        '--digest',
        DIGEST,
        '--',
        'id',
      );
      await terminal.muster(
        'exec',
        '--target',
        '_all',
        '--ramp',
        '1,5%,100%',
        '--max-failures',
        '0%',
        '--',
        'id',
      );
      expect(sent()).toEqual([
        {
          command: 'id',
          batch: '10%',
          max_failures: 2,
          pause_between: 30,
          timeout: 60,
          cwd: '/tmp',
          env: { A: '1', B: 'x=y' },
          user: 'web',
          stdin: 'né\n',
          queue: true,
          expires_in: 3600,
          preview: DIGEST,
          wait: 0,
        },
        { command: 'id', ramp: [1, '5%', '100%'], max_failures: 0, wait: 0 },
      ]);
    });

    it('asks once more, under the same key, when the answer is lost', async () => {
      server.on('POST', '/api/node/:target/command/:kind', (_request, response) => {
        if (sent().length === 1) return void response.destroy();
        response.statusCode = 202;
        return { job_id: JOB, results: [] };
      });
      expect(await terminal.muster('exec', '--target', '_all', '--', 'x')).toBe(0);
      const keys = server.requests.slice(0, 2).map(({ headers }) => headers['idempotency-key']);
      expect(keys[0]).toBe(keys[1]);
    });

    it.each<[string[], string]>([
      [['exec', '--', 'x'], '--target'],
      [['exec', '--target', '_all'], 'behind --'],
      [['exec', '--target', '_all', 'uptime'], 'behind --'],
      [['exec', '--target', '_all', 'uptime', '--', '-p'], 'behind --'],
      [['exec', '--target', '_all', 'ls', '-l'], '-l'],
      [['exec', '--target', ' ', '--', 'x'], '--target'],
      [['exec', '--target', '_all', '--batch', '0', '--', 'x'], '--batch'],
      [['exec', '--target', '_all', '--batch', '101%', '--', 'x'], '--batch'],
      [['exec', '--target', '_all', '--ramp', '1,5%,,', '--', 'x'], '--ramp'],
      [['exec', '--target', '_all', '--max-failures', '5 %', '--', 'x'], '--max-failures'],
      [['exec', '--target', '_all', '--pause-between', '-1', '--', 'x'], '--pause-between'],
      [['exec', '--target', '_all', '--timeout', 'soon', '--', 'x'], '--timeout'],
      [['exec', '--target', '_all', '--env', 'PATH', '--', 'x'], '--env'],
      [['exec', '--target', '_all', '--batch', '1', '--ramp', '1,2', '--', 'x'], '--batch or --ramp'],
      [['exec', '--target', '_all', '--preview', '--async', '--', 'x'], '--preview or --async'],
    ])('%j is a usage error that names %s', async (args, name) => {
      expect(await terminal.muster(...args)).toBe(2);
      expect(terminal.stderr.text).toMatch(/^muster: /);
      expect(terminal.stderr.text).toContain(name);
      expect(server.requests).toHaveLength(0);
    });

    it('refuses input that is no text', async () => {
      terminal.stdin.end(Buffer.from([0xff]));
      expect(await terminal.muster('exec', '--target', '_all', '--stdin', '--', 'x')).toBe(1);
      expect(terminal.stderr.text).toBe('muster: standard input is not UTF-8 text\n');
      expect(server.requests).toHaveLength(0);
    });

    it('tells why the server refuses, in whichever envelope', async () => {
      server.on('POST', '/api/node/:target/command/:kind', (_request, response) => {
        response.statusCode = 400;
        return { error: 'Bad request', details: 'target agent "nope" not found', code: 400 };
      });
      expect(await terminal.muster('exec', '--target', 'nope', '--', 'x')).toBe(1);
      expect(terminal.stderr.text).toBe('muster: Bad request: target agent "nope" not found\n');
      server.on('POST', '/api/node/:target/command/:kind', (_request, response) =>
        refuse(response, 422, 'Validation Failed', 'batch', 'batch must be a whole number'),
      );
      expect(await terminal.muster('exec', '--target', 'nope', '--', 'x')).toBe(1);
      expect(terminal.stderr.text).toBe('muster: Validation Failed: batch must be a whole number (batch)\n');
    });
  });

  describe('on one host', () => {
    it('becomes the command: bytes, streams, exit code', async () => {
      const binary = Buffer.from([0, 0xff, 0x1b, 10]);
      looks([{ exit_code: 42 }]);
      server.on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        sendChunk(response, { seq: 1, data: 'no end' });
        sendChunk(response, { seq: 2, stream: 'stderr', data: 'err\n' });
        sendChunk(response, { seq: 3, data: binary });
        sendDone(response);
      });
      expect(await terminal.muster('exec', '--target', 'web-1.example.com', '--', 'x')).toBe(42);
      expect(terminal.stdout.bytes).toEqual(Buffer.concat([Buffer.from('no end'), binary]));
      expect(terminal.stderr.text).toBe('err\n');
    });

    it('says what went wrong there', async () => {
      looks([{ state: 'failed_to_start', reason: 'host_offline', message: 'host offline', exit_code: null }]);
      expect(await terminal.muster('exec', '--target', 'web-1', '--', 'x')).toBe(125);
      expect(terminal.stderr.text).toContain('did not start on web-1: host offline\n');
    });

    it('is whichever of any, the last that it went to', async () => {
      looks([{ state: 'expired', exit_code: null, message: 'host went away' }, { exit_code: 3 }]);
      expect(await terminal.muster('exec', '--target', '_any', '--', 'x')).toBe(3);
      expect(terminal.stdout.text).toBe('one\ntwother\no');
      expect(terminal.stderr.text).toBe('oops\n');
    });
  });

  describe('on several hosts', () => {
    const table = 'HOST   STATUS    EXIT  TIME   ERROR\n';

    it('puts the host before each line, and a table at the end', async () => {
      looks([{ exit_code: 3 }, { state: 'lost', exit_code: null, message: 'the agent died' }]);
      expect(await terminal.muster('exec', '--target', '_all', '--', 'x')).toBe(125);
      expect(terminal.stdout.text).toBe('[web-1] one\n[web-2] other\n[web-1] two\n');
      expect(terminal.stderr.text).toBe(
        `[web-1] oops\n${table}web-1  finished  3     12 ms\nweb-2  lost            12 ms  the agent died\n0 of 2 hosts ended with 0\n`,
      );
    });

    it('does so for a selection of one', async () => {
      looks([{}]);
      expect(await terminal.muster('exec', '--target', 'group:web', '--', 'x')).toBe(0);
      expect(terminal.stdout.text).toContain('[web-1] one\n');
      expect(terminal.stderr.text).toContain('1 of 1 hosts ended with 0\n');
    });

    it('tells hosts of one name apart', async () => {
      const host = (id: number): object => ({ host: { id, uuid: `host-${id}`, hostname: 'twin' } });
      looks([host(7), host(8)]);
      await terminal.muster('exec', '--target', '_all', '--', 'x');
      expect(terminal.stdout.text).toContain('[twin 7] one\n[twin 8] other\n');
    });

    it('shows on a terminal how far it is, and clears it before output', async () => {
      server.on('GET', '/api/v1/executions/:id/output', async (_request, response) => {
        openEvents(response);
        await terminal.stderr.until('0/2 done, wave 1/2');
        looks([{ exit_code: 1 }, { state: 'running', exit_code: null }], {
          rollout: { state: 'running', wave: 2, waves: 2 },
        });
        await terminal.stderr.until('1/2 done, 1 failed, wave 2/2');
        sendChunk(response, { seq: 1, data: 'x\u001b[2J\n' });
        looks([{ exit_code: 1 }, {}]);
        sendDone(response);
      });
      const waiting = { state: 'running', exit_code: null };
      looks([waiting, waiting], { rollout: { state: 'running', wave: 1, waves: 2 } });
      expect(await terminal.musterOnTty('exec', '--target', '_all', '--batch', '1', '--', 'x')).toBe(1);
      expect(terminal.stdout.text).toBe('[web-1] x\n');
      expect(terminal.stderr.text).toContain('1 failed, wave 2/2\r\u001b[K');
      expect(terminal.stderr.text.split('\r\u001b[K').at(-1)).toMatch(/^HOST +STATUS/);
    });

    it('ends where a rollout was halted, with all output, and says how to go on', async () => {
      let waits: (() => void) | undefined;
      server.on('GET', '/api/v1/executions/:id/output', (request, response) => {
        if (request.headers.accept !== 'text/event-stream') {
          const after = Number(request.query.get('after'));
          const chunks = after < 2 ? [chunkJson({ seq: 2, data: 'last words\n' })] : [];
          return { chunks, next: 2, done: false };
        }
        openEvents(response);
        sendChunk(response, { seq: 1, data: 'first\n' });
        return new Promise<void>((resolve) => (waits = resolve));
      });
      const rollout = { state: 'halted', reason: '1 host has failed', wave: 1, waves: 2 };
      const waiting = { state: 'ready', exit_code: null, duration_ms: null };
      looks([{ state: 'running', exit_code: null }, waiting], { rollout });
      const done = terminal.muster(
        'exec',
        '--target',
        '_all',
        '--batch',
        '1',
        '--max-failures',
        '0',
        '--',
        'x',
      );
      await terminal.stdout.until('first');
      looks([{ exit_code: 9 }, waiting], { rollout });
      expect(await done).toBe(9);
      expect(terminal.stdout.text).toBe('[web-1] first\n[web-1] last words\n');
      expect(terminal.stderr.text).toContain('web-2  not sent');
      expect(terminal.stderr.text).toContain('halted in wave 1 of 2: 1 host has failed\n');
      expect(terminal.stderr.text).toContain(`\`muster resume ${JOB}\` goes on`);
      waits?.();
    });

    it('--json gives one document with everybody’s output', async () => {
      expect(await terminal.musterOnTty('exec', '--target', '_all', '--json', '--', 'x')).toBe(0);
      const { id, targets } = JSON.parse(terminal.stdout.text);
      expect(id).toBe(JOB);
      expect(targets.map(({ output }: { output: object }) => output)).toMatchObject([
        { stdout: 'one\ntwo', stderr: 'oops\n' },
        { stdout: 'other\n', stderr: '' },
      ]);
      expect(terminal.stderr.text).toBe('');
    });

    it('--async prints the id and does not wait', async () => {
      expect(await terminal.muster('exec', '--target', '_all', '--async', '--', 'x')).toBe(0);
      expect(terminal.stdout.text).toBe(`${JOB}\n`);
      expect(server.requests).toHaveLength(1);
    });
  });

  describe('Ctrl-C', () => {
    beforeEach(() => {
      looks([
        { state: 'running', exit_code: null },
        { state: 'running', exit_code: null },
      ]);
    });

    it('cancels, and tells the end', async () => {
      server.on('GET', '/api/v1/executions/:id/output', (_request, response) => {
        openEvents(response);
        sendChunk(response, { seq: 1, data: 'working\n' });
        server.on('POST', '/api/v1/executions/:id/cancel', (_cancel, answer) => {
          looks([{ state: 'killed', exit_code: null, signal: 15 }, {}]);
          sendDone(response);
          answer.statusCode = 202;
        });
      });
      const done = terminal.muster('exec', '--target', '_all', '--', 'sleep', '100');
      await terminal.stdout.until('working');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(terminal.stderr.text).toContain('cancelling…');
      expect(terminal.stderr.text).toContain('1 of 2 hosts ended with 0');
      expect(terminal.signals.listenerCount('SIGINT')).toBe(0);
    });

    it('leaves, the second time', async () => {
      server
        .on('GET', '/api/v1/executions/:id/output', (_request, response) => {
          openEvents(response);
          sendChunk(response, { seq: 1, data: 'working\n' });
        })
        .on('POST', '/api/v1/executions/:id/cancel', () => ({}));
      const done = terminal.muster('exec', '--target', '_all', '--', 'sleep', '100');
      await terminal.stdout.until('working');
      terminal.signals.emit('SIGINT');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(terminal.stderr.text).toContain(`muster logs ${JOB} --follow`);
    });
  });

  describe('--preview', () => {
    const preview = {
      hosts: [
        { id: 7, hostname: 'web-1', online: true, allowed: true },
        { id: 8, hostname: 'web-2', online: false, allowed: true },
        { id: 9, hostname: 'db-1', online: true, allowed: false, rule: 'your role there is observer' },
      ],
      counts: { total: 3 },
      digest: DIGEST,
    };

    beforeEach(() => server.on('POST', '/api/v1/targets/preview', () => preview));

    it('shows who would run it, and runs nothing', async () => {
      expect(
        await terminal.muster('exec', '--target', 'group:web', '--preview', '--', 'rm', '-r', '/x'),
      ).toBe(0);
      expect(terminal.stdout.text).toBe(
        [
          'ID  HOST   WOULD       WHY',
          '7   web-1  run',
          '8   web-2  be offline',
          '9   db-1   be denied   your role there is observer',
          '',
        ].join('\n'),
      );
      expect(terminal.stderr.text).toBe(
        `1 would run it, 1 offline, 1 denied; --digest ${DIGEST} runs it on these alone\n`,
      );
      expect(server.requests.map(({ path, body }) => [path, body])).toEqual([
        ['/api/v1/targets/preview', { target: 'group:web', kind: 'command', command: ['rm', '-r', '/x'] }],
      ]);
    });

    it('is whole with --json', async () => {
      expect(
        await terminal.muster('exec', '--target', '_all', '--shell', '--preview', '--json', '--', 'a b'),
      ).toBe(0);
      expect(JSON.parse(terminal.stdout.text)).toEqual(preview);
      expect(server.requests[0]!.body).toEqual({ target: '_all', kind: 'shell', command: 'a b' });
    });
  });
});
