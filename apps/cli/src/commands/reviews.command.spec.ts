import { ScriptedServer } from '../../testing/scripted-server.js';
import { DIGEST, REVIEW, reviewBody, SESSION } from '../../testing/session-bodies.js';
import { Terminal } from '../../testing/terminal.js';

describe('muster reviews', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await ScriptedServer.start();
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('GET', '/api/reviews', () => [
        reviewBody(),
        reviewBody({ kind: 'command', review_connection: null, hosts: 1200, status: 'APPROVED' }),
      ])
      .on('GET', '/api/reviews/:id', () => reviewBody())
      .on('PUT', '/api/reviews/:id', ({ body }) =>
        reviewBody({ status: body['status'], rejection_reason: body['rejection_reason'] ?? null }),
      );
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  const decided = () => server.asked('PUT', `/api/reviews/${REVIEW}`).map(({ body }) => body);

  it('lists them', async () => {
    expect(await terminal.muster('reviews', 'list', '--status', 'pending', '--limit', '2')).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        `ID${' '.repeat(36)}STATUS    WHAT                    BY               NEEDS`,
        `${REVIEW}  pending   bash-prod               ann@example.com  dba and bob@example.com (1 of 2)`,
        `${REVIEW}  approved  command on 1,200 hosts  ann@example.com`,
        '',
      ].join('\n'),
    );
    expect(server.requests[0]!.query.toString()).toBe('status=PENDING&limit=2');
    expect(await terminal.musterOnTty('reviews')).toBe(0);
    for (const each of terminal.stdout.text.split('\n')) expect(each.length).toBeLessThanOrEqual(80);
    server.on('GET', '/api/reviews', () => []);
    expect(await terminal.muster('reviews')).toBe(0);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual(['', 'no review\n']);
  });

  it('get shows all that would run', async () => {
    expect(await terminal.muster('reviews', 'get', REVIEW)).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        `review      ${REVIEW}`,
        `session     ${SESSION}`,
        'what        bash-prod',
        'asked for   2026-01-02T03:04:05Z by ann@example.com',
        'hosts       web-1',
        'status      pending',
        'needs       dba and bob@example.com (1 of 2)',
        'votes       bob@example.com: approved',
        'until       2026-01-03T03:04:05Z',
        `digest      ${DIGEST}`,
        'arguments   ["-x"]',
        'variables   LANG=C',
        '',
        '  drop table a;',
        '',
      ].join('\n'),
    );
  });

  it('approves what is there, by the id of review or session, for a time of day', async () => {
    expect(await terminal.muster('reviews', 'approve', SESSION, '--window', '22:00-04:00', '--force')).toBe(
      0,
    );
    expect(server.asked('GET', `/api/reviews/${SESSION}`)).toHaveLength(1);
    expect(decided()).toEqual([
      {
        status: 'APPROVED',
        digest: DIGEST,
        force_review: true,
        time_window: {
          type: 'time_range',
          configuration: { start_time: '22:00', end_time: '04:00' },
        },
      },
    ]);
    expect(terminal.stdout.text).toBe('bash-prod of ann@example.com: approved\n');
    server.on('PUT', '/api/reviews/:id', () => reviewBody());
    expect(await terminal.muster('reviews', 'approve', REVIEW)).toBe(0);
    expect(terminal.stdout.text).toBe(
      'bash-prod of ann@example.com: still needs dba and bob@example.com (1 of 2)\n',
    );
  });

  it('is bound to what was looked at', async () => {
    await terminal.muster('reviews', 'approve', REVIEW, '--digest', 'cd'.repeat(32));
    expect(decided()).toEqual([{ status: 'APPROVED', digest: 'cd'.repeat(32) }]);
  });

  it.each([
    ['reject', 'REJECTED', 'rejected'],
    ['revoke', 'REVOKED', 'revoked'],
  ])('%ss with a reason', async (verb, status, word) => {
    expect(await terminal.muster('reviews', verb, REVIEW, '--reason', 'not today')).toBe(0);
    expect(decided()).toEqual([{ status, digest: DIGEST, rejection_reason: 'not today' }]);
    expect(terminal.stdout.text).toBe(`bash-prod of ann@example.com: ${word}: not today\n`);
    expect(await terminal.muster('reviews', verb, REVIEW, '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({ id: REVIEW, status });
  });

  it('refuses windows that are none', async () => {
    for (const window of ['22:00', '24:00-01:00', '10:00-10:00', '1:00-2:00'])
      expect(await terminal.muster('reviews', 'approve', REVIEW, '--window', window)).toBe(2);
    expect(server.requests).toEqual([]);
  });
});
