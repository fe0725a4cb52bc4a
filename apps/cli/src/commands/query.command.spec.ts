import { type LiveSocket, serveLive } from '../../testing/live-socket.js';
import { refuse, ScriptedServer } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';

const RUN = '/api/v1/fleet/queries/run_by_names';
const CAMPAIGN = '/api/v1/campaigns/12';

const host = (id: number, state = 'answered', rows = 1): object => ({
  id,
  hostname: `web-${id}`,
  state,
  rows,
});

describe('muster query', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('POST', RUN, () => ({ campaign: { id: 12, Metrics: { TotalHosts: 2, OnlineHosts: 2 } } }))
      .on('GET', CAMPAIGN, () => ({ status: 'complete', end_reason: 'answered', ended_by: null }))
      .on('GET', `${CAMPAIGN}/hosts`, () => ({ hosts: [host(1), host(2)] }))
      .on('POST', `${CAMPAIGN}/cancel`, (_request, response) => void (response.statusCode = 202));
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  /** Both hosts answer, each with the rows given. */
  function answers(...rows: Record<string, string>[][]): void {
    serveLive(server, (live) => {
      live.totals(2, 2).status('pending', 2);
      rows.forEach((each, index) => live.result(index + 1, `web-${index + 1}`, each));
      live.status('finished', 2, 2, rows.length).close();
    });
  }

  /** The campaign is open: somebody is offline, say. */
  function staysOpen(...hosts: object[]): void {
    server
      .on('GET', CAMPAIGN, () => ({ status: 'running', end_reason: null, ended_by: null }))
      .on('GET', `${CAMPAIGN}/hosts`, () => ({ hosts }));
  }

  const cancelled = (): number => server.asked('POST', `${CAMPAIGN}/cancel`).length;

  it('asks those who are named, and shows rows in columns with the host first', async () => {
    let said: LiveSocket['selection'] | undefined;
    serveLive(server, (live) => {
      said = live.selection;
      live
        .totals(2, 2)
        .status('pending', 2)
        .result(1, 'web-1', [{ name: 'a', version: '1.10' }]);
      live.result(2, 'web-2', [{ name: 'evil\u001b[2J', version: '2' }]).status('finished', 2, 2, 2);
    });
    const args = [
      '--hosts',
      'web-1,web-2',
      '--labels',
      'x',
      '--teams',
      'a, b',
      '--host-seconds',
      '5',
      '--host-rows',
      '7',
    ];
    expect(await terminal.muster('query', 'select 1', ...args)).toBe(0);
    expect(server.asked('POST', RUN)[0]?.body).toEqual({
      query: 'select 1',
      selected: { hosts: ['web-1', 'web-2'], labels: ['x'], teams: ['a', 'b'] },
      limits: { host_seconds: 5, host_rows: 7 },
    });
    expect(said).toEqual({ token: 'secret-token', campaignId: 12, after: 0 });
    expect(terminal.stdout.text).toBe(
      ['host   name      version', 'web-1  a         1.10', 'web-2  evil�[2J  2', ''].join('\n'),
    );
    expect(terminal.stderr.text).toBe('2 of 2 hosts answered\n');
    expect(cancelled()).toBe(0);
    expect(terminal.signals.listenerCount('SIGINT')).toBe(0);
  });

  it('shows how far it is, and cuts what is wider than the terminal', async () => {
    answers([{ name: 'x'.repeat(100), version: '1' }], [{ name: 'short', version: '2' }]);
    expect(await terminal.musterOnTty('query', 'select 1', '--all')).toBe(0);
    expect(server.asked('POST', RUN)[0]?.body['selected']).toMatchObject({ labels: ['All Hosts'] });
    const lines = terminal.stdout.text.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const each of lines) expect(each.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/^web-1 {2}x+… {2}1$/);
    expect(terminal.stderr.text).toContain('0 answered / 2 online / 2 targeted');
    expect(terminal.stderr.text).toContain('1 answered / 2 online / 2 targeted');
  });

  it('shows rows whose columns find no room beside each other as records', async () => {
    const row = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`column${i}`, `value ${i}`]));
    answers([row]);
    await terminal.musterOnTty('query', 'select 1', '--all');
    expect(terminal.stdout.text).toContain('host      web-1\ncolumn0   value 0\n');
  });

  it('shows a new header where answers have other columns', async () => {
    answers(
      [{ a: '1', b: '2' }],
      [
        { b: '3', a: '4' },
        { b: '5', a: '6' },
      ],
    );
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(0);
    expect(terminal.stdout.text).toBe('host   a  b\nweb-1  1  2\nweb-2  4  3\nweb-2  6  5\n');
    answers([{ a: '1' }], [{ c: '2' }]);
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(0);
    expect(terminal.stdout.text).toBe('host   a\nweb-1  1\n\nhost   c\nweb-2  2\n');
  });

  it('--json writes one object per host, also of an answer in parts, with its error', async () => {
    serveLive(server, (live) => {
      live.totals(2, 2).status('pending', 2);
      live.result(1, 'web-1', [{ n: '1' }], { partial: true, outcome: undefined });
      live.result(2, 'web-2', [], { outcome: 'error', error: 'no such table: x' });
      live.result(3, 'web-1', [{ n: '2' }]).status('finished', 2, 2, 3);
    });
    server.on('GET', `${CAMPAIGN}/hosts`, () => ({ hosts: [host(1), host(2, 'error', 0)] }));
    expect(await terminal.muster('query', 'select 1', '--all', '--json')).toBe(1);
    const names = { host_hostname: 'web-1', host_display_name: 'web-1' };
    expect(
      terminal.stdout.text
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text)),
    ).toEqual([
      { host: 'web-2', rows: [], error: 'no such table: x' },
      {
        host: 'web-1',
        rows: [
          { n: '1', ...names },
          { n: '2', ...names },
        ],
      },
    ]);
    expect(terminal.stderr.text).toBe('web-2: no such table: x\n1 of 2 hosts answered, 1 failed\n');
  });

  it('--csv quotes as RFC 4180 says, and tells what has no column', async () => {
    answers([{ a: 'x,"y"\nz', b: '' }], [{ a: '1', c: '2' }]);
    expect(await terminal.muster('query', 'select 1', '--all', '--csv')).toBe(0);
    expect(terminal.stdout.text).toBe('host,a,b\r\nweb-1,"x,""y""\nz",\r\nweb-2,1,\r\n');
    expect(terminal.stderr.text).toContain(
      'web-2: other columns than the first answer (no b; c left out); --json has all of them',
    );
  });

  describe('--aggregate', () => {
    const args = ['query', 'select 1', '--all', '--aggregate', 'select n from results'];

    beforeEach(() =>
      serveLive(server, (live) => {
        live
          .totals(2, 2)
          .status('pending', 2)
          .result(1, 'web-1', [{ a: '1' }]);
        live
          .aggregate(
            ['n', 'v'],
            [
              { n: '1', v: 'x' },
              { n: '1', v: 'y' },
            ],
            1,
          )
          .result(2, 'web-2', [{ a: '2' }]);
        live
          .aggregate(['n', 'v'], [{ n: '2', v: 'x,y' }], 2)
          .status('finished', 2, 2, 2)
          .close();
      }),
    );

    it('is drawn over itself on a terminal', async () => {
      expect(await terminal.musterOnTty(...args)).toBe(0);
      expect(server.asked('POST', RUN)[0]?.body['aggregate']).toBe('select n from results');
      expect(terminal.stdout.text).toBe(
        'n  v\n1  x\n1  y\n1 of 3\n\u001b[4A\u001b[Jn  v\n2  x,y\n2 of 3\n\u001b[3A\u001b[Jn  v\n2  x,y\n',
      );
    });

    it.each([
      [[], 'n  v\n2  x,y\n'],
      [['--csv'], 'n,v\r\n2,"x,y"\r\n'],
      [
        ['--json'],
        '{"columns":["n","v"],"rows":[{"n":"2","v":"x,y"}],"hosts_answered":2,"hosts_targeted":3,"final":false}\n',
      ],
    ])('is its last result alone in a pipe, %j', async (format, output) => {
      expect(await terminal.muster(...args, ...format)).toBe(0);
      expect(terminal.stdout.text).toBe(output);
    });

    it('tells what is wrong with it', async () => {
      serveLive(server, (live) => {
        live.totals(2, 2).aggregate([], [], 0, { error: 'no such column: n' });
        live.status('finished', 2, 2).close();
      });
      expect(await terminal.musterOnTty(...args)).toBe(1);
      expect(terminal.stderr.text).toContain('aggregate: no such column: n\n');
    });
  });

  it('names those who are offline, and waits for them no longer', async () => {
    staysOpen(host(1), host(2, 'offline', 0));
    serveLive(server, (live) => {
      live
        .totals(2, 1)
        .status('pending', 1)
        .result(1, 'web-1', [{ a: '1' }])
        .status('finished', 1, 1, 1);
    });
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(0);
    expect(terminal.stderr.text).toBe('1 of 2 hosts answered, 1 offline\noffline: web-2\n');
    expect(cancelled()).toBe(1);
  });

  it('--wait-offline waits for them', async () => {
    serveLive(server, (live) => {
      live
        .totals(2, 1)
        .result(1, 'web-1', [{ a: '1' }])
        .status('finished', 1, 1, 1);
      void terminal.stderr.until('waiting for those who are offline').then(() => {
        live
          .totals(2, 2)
          .result(2, 'web-2', [{ a: '2' }])
          .status('finished', 2, 2, 2);
      });
    });
    expect(await terminal.musterOnTty('query', 'select 1', '--all', '--wait-offline')).toBe(0);
    expect(terminal.stdout.text).toContain('web-2  2');
    expect(cancelled()).toBe(0);
  });

  it('is no success when nobody is online', async () => {
    server.on('POST', RUN, () => ({ campaign: { id: 12, Metrics: { TotalHosts: 1, OnlineHosts: 0 } } }));
    staysOpen(host(1, 'offline', 0));
    serveLive(server, (live) => live.totals(1, 0).status('finished', 0));
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(1);
    expect(terminal.stderr.text).toBe(
      'no host was online\n0 of 1 hosts answered, 1 offline\noffline: web-1\n',
    );
  });

  it('ends after --timeout with what it has', async () => {
    staysOpen(host(1), host(2, 'killed', 0));
    serveLive(server, (live) =>
      live
        .totals(2, 2)
        .status('pending', 2)
        .result(1, 'web-1', [{ a: '1' }]),
    );
    expect(await terminal.muster('query', 'select 1', '--all', '--timeout', '1')).toBe(1);
    expect(terminal.stdout.text).toBe('host   a\nweb-1  1\n');
    expect(terminal.stderr.text).toBe(
      'ended after 1 s, as --timeout says\n1 of 2 hosts answered, 1 stopped\nstopped: web-2\n',
    );
    expect(cancelled()).toBe(1);
  });

  it('goes on after a cut where it was, once each, and leaves hosts time to come back', async () => {
    const asked: number[] = [];
    serveLive(server, (live, connection) => {
      asked.push(live.selection.after);
      if (connection === 1) {
        live
          .totals(2, 2)
          .status('pending', 2)
          .result(1, 'web-1', [{ a: '1' }]);
        void terminal.stdout.until('web-1').then(() => live.cut());
      } else if (connection === 2) {
        live.error('error getting campaign reader: the database is away').close();
      } else {
        // The server has just started: nobody is connected yet. The first result again, as it must not come twice.
        live
          .totals(2, 0)
          .result(1, 'web-1', [{ a: '1' }])
          .status('finished', 0, 1, 1);
        live
          .totals(2, 1)
          .result(2, 'web-2', [{ a: '2' }])
          .status('finished', 1, 2, 2);
      }
    });
    expect(await terminal.muster('query', 'select 1', '--all', '--csv')).toBe(0);
    expect(terminal.stdout.text).toBe('host,a\r\nweb-1,1\r\nweb-2,2\r\n');
    expect(asked).toEqual([0, 1, 1]);
    expect(terminal.stderr.text).toContain('lost contact with');
    expect(terminal.stderr.text).toContain('in contact again');
  });

  it('takes what was there before it listened', async () => {
    serveLive(server, (live) => {
      live.totals(2, 2).status('finished', 2, 2);
      live.result(1, 'web-1', [{ a: '1' }]).result(2, 'web-2', [{ a: '2' }]);
      live.aggregate(['n'], [{ n: '2' }], 2);
    });
    expect(await terminal.muster('query', 'select 1', '--all', '--csv')).toBe(0);
    expect(terminal.stdout.text).toBe('host,a\r\nweb-1,1\r\nweb-2,2\r\n');
    expect(await terminal.muster('query', 'select 1', '--all', '--csv', '--aggregate', 'select')).toBe(0);
    expect(terminal.stdout.text).toBe('n\r\n2\r\n');
  });

  it('is not deceived by a cut after the server said that it is finished', async () => {
    serveLive(server, (live, connection) => {
      live.totals(2, 2).status('finished', 2, 2, 0);
      if (connection === 1) return live.result(1, 'web-1', [{ a: '1' }]).cut();
      return live.result(2, 'web-2', [{ a: '2' }]).close();
    });
    expect(await terminal.muster('query', 'select 1', '--all', '--csv')).toBe(0);
    expect(terminal.stdout.text).toContain('web-2,2');
  });

  it('gives up on what is no live result', async () => {
    serveLive(server, (live) => void live.send('totals', 0, 'many'));
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(1);
    expect(terminal.stderr.text).toContain('answered something unexpected (message.data is not an object)');
  });

  it('loses nothing of what comes faster than it is read', async () => {
    const rows = 2_000;
    serveLive(server, (live) => {
      live.totals(2, 2);
      for (let seq = 1; seq <= rows; seq++)
        live.result(seq, 'web-1', [{ n: String(seq) }], { partial: seq < rows });
      live.status('finished', 2, 1, rows);
    });
    expect(await terminal.muster('query', 'select 1', '--all', '--csv')).toBe(0);
    const numbers = terminal.stdout.text.trimEnd().split('\r\n').slice(1);
    expect(numbers).toEqual(Array.from({ length: rows }, (_, i) => `web-1,${i + 1}`));
  });

  it.each(['unauthorized', 'forbidden', 'timeout: cannot find campaign for ID 12'])(
    'does not try again after %s',
    async (text) => {
      serveLive(server, (live) => live.error(text).close());
      expect(await terminal.muster('query', 'select 1', '--all')).toBe(1);
      expect(terminal.stderr.text).toBe(`muster: ${server.url} ended the results: ${text}\n`);
    },
  );

  it('says when WebSockets find no way', async () => {
    server.onUpgrade((_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(1);
    expect(terminal.stderr.text).toMatch(/answered 403 Forbidden: does a proxy in between/);
  });

  it('says who ended it when somebody else did', async () => {
    serveLive(server, (live) => live.totals(2, 2).status('finished', 2).close());
    server
      .on('GET', CAMPAIGN, () => ({ status: 'complete', end_reason: 'cancelled', ended_by: 'a@b.c' }))
      .on('GET', `${CAMPAIGN}/hosts`, () => ({ hosts: [host(1), host(2, 'killed', 0)] }));
    expect(await terminal.muster('query', 'select 1', '--all')).toBe(1);
    expect(terminal.stderr.text).toContain('the query was ended: cancelled by a@b.c\n');
  });

  describe('Ctrl-C', () => {
    beforeEach(() => {
      staysOpen(host(1), host(2, 'killed', 0));
      serveLive(server, (live) =>
        live
          .totals(2, 2)
          .status('pending', 2)
          .result(1, 'web-1', [{ a: '1' }]),
      );
    });

    it('cancels and sums up', async () => {
      const done = terminal.muster('query', 'select 1', '--all', '--csv');
      await terminal.stdout.until('web-1');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(cancelled()).toBe(1);
      expect(terminal.stderr.text).toContain('cancelling…');
      expect(terminal.stderr.text).toContain('stopped: web-2\n');
    });

    it('ends also where the server cannot be asked', async () => {
      server.on('POST', `${CAMPAIGN}/cancel`, (_request, response) => void response.destroy());
      const done = terminal.muster('query', 'select 1', '--all', '--csv');
      await terminal.stdout.until('web-1');
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(terminal.stderr.text).toContain('could not cancel: ');
    });

    it('leaves the second time', async () => {
      const asked = new Promise<void>((resolve) =>
        server.on('POST', `${CAMPAIGN}/cancel`, () => {
          resolve();
          return new Promise(() => undefined);
        }),
      );
      const done = terminal.muster('query', 'select 1', '--all', '--csv');
      await terminal.stdout.until('web-1');
      terminal.signals.emit('SIGINT');
      await asked;
      terminal.signals.emit('SIGINT');
      expect(await done).toBe(130);
      expect(server.asked('GET', `${CAMPAIGN}/hosts`)).toHaveLength(0);
    });
  });

  it('--query-name runs a saved query of all hosts or of a team that is asked', async () => {
    answers([{ a: '1' }]);
    server
      .on('POST', '/api/v1/fleet/translate', ({ body }) => ({
        list: (body['list'] as object[]).map((each) => ({ ...each, payload: { id: 3 } })),
      }))
      .on('GET', '/api/v1/fleet/queries', ({ query }) => ({
        queries: query.get('team_id') === '3' ? [{ id: 8, name: 'Up' }] : [{ id: 7, name: 'Uptime' }],
      }));
    expect(await terminal.muster('query', '--query-name', 'uptime', '--all')).toBe(0);
    expect(await terminal.muster('query', '--query-name', 'up', '--teams', 'Web')).toBe(0);
    expect(server.asked('POST', RUN).map(({ body }) => [body['query_id'], body['query']])).toEqual([
      [7, undefined],
      [8, undefined],
    ]);
    expect(await terminal.muster('query', '--query-name', 'up', '--all')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: there is no saved query up for all hosts\n');
  });

  it('tells why the server refuses', async () => {
    server.on('POST', RUN, (_request, response) =>
      refuse(response, 400, 'Bad Request', 'base', 'no hosts targeted'),
    );
    expect(await terminal.muster('query', 'select 1', '--hosts', 'nobody')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: Bad Request: no hosts targeted\n');
  });

  it.each([
    [['select 1'], /^muster: say whom to ask: --hosts, --labels or --teams with names, or --all\n$/],
    [['select 1', '--hosts', ','], /say whom to ask/],
    [['--all', '--sign', 'select 1'], /--sign took "select 1" for the name of a key: put the SQL before it/],
    [['--all'], /^muster: say what to ask in one way: SQL, or --query-name NAME\n$/],
    [['  ', '--all'], /say what to ask/],
    [['select 1', '--query-name', 'x', '--all'], /in one way/],
    [['select 1', '--all', '--json', '--csv'], /one of them/],
    [['select 1', '--all', '--exit', '--wait-offline'], /one of them/],
    [['select 1', '--all', '--timeout', 'soon'], /whole number of seconds/],
    [['select 1', 'select 2', '--all'], /too many arguments/],
  ])('%j is a usage error', async (args, text) => {
    expect(await terminal.muster('query', ...args)).toBe(2);
    expect(terminal.stderr.text).toMatch(text);
    expect(server.requests).toHaveLength(0);
  });
});
