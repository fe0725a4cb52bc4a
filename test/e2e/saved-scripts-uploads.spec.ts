import { once } from 'node:events';
import { connect } from 'node:net';
import { api, startServer, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import {
  add,
  addTeam,
  download,
  form,
  multipart,
  part,
  SCRIPTS,
  send,
  upload,
} from './saved-scripts.support.js';
import { expectProblem, peakMemory, sql } from './support.js';

const TOO_LONG = "Script is too large. It's limited to 500,000 characters (approximately 10,000 lines).";
const NO_TEXT = 'Wrong data format. Only plain text allowed.';
const EMPTY = 'Script contents must not be empty.';
const TYPE = 'File type not supported. Only .sh and .ps1 file type is allowed.';
const FORM = 'multipart/form-data; boundary=x';

let server: ServerFixture;
let client: Api;
let team: number;
/** A script whose contents are to be replaced. */
let target: number;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
  team = await addTeam(server, 'Workstations');
  target = await add(client, 'target.sh', 'echo target\n');
});

const rows = async () => Number((await sql(server, 'SELECT count(*) FROM scripts'))[0].count);

/** Both routes that take a form say the same of it, and keep nothing of it. */
async function refuses(
  ask: (path: string, method: 'POST' | 'PATCH') => Promise<Answer>,
  status: number,
  name: string,
  reason: string | RegExp,
): Promise<void> {
  const before = await rows();
  expectProblem(await ask(SCRIPTS, 'POST'), status, name, reason);
  expectProblem(await ask(`${SCRIPTS}/${target}`, 'PATCH'), status, name, reason);
  expect(await rows()).toBe(before);
  expect(await download(client, target)).toBe('echo target\n');
}

const file = (contents: string | Buffer, name = 'a.sh') =>
  part(`name="script"; filename="${name}"`, contents);

describe('what is no form', () => {
  it.each<[string, string | null, string | Buffer]>([
    ['nothing', null, ''],
    ['text', 'text/plain', 'echo'],
    ['text of no type', null, 'echo'],
    ['JSON', 'application/json', '{"script":"echo"}'],
    ['broken JSON', 'application/json', '{'],
    ['a form of another kind', 'application/x-www-form-urlencoded', 'script=echo'],
    ['a form without a boundary', 'multipart/form-data', multipart('x', file('true'))],
    ['another multipart', 'multipart/mixed; boundary=x', multipart('x', file('true'))],
    ['another boundary', 'multipart/form-data; boundary=y', multipart('x', file('true'))],
    ['an empty form', FORM, ''],
    ['a form that breaks off in a file', FORM, multipart('x', file('echo one\n')).subarray(0, 70)],
    ['a form that breaks off in a header', FORM, multipart('x', file('echo one\n')).subarray(0, 30)],
    ['a form without its end', FORM, multipart('x', file('echo one\n')).subarray(0, -4)],
    ['a part without a name', FORM, multipart('x', part('filename="a.sh"', 'true'))],
    ['a part with broken headers', FORM, '--x\r\nnonsense\r\n\r\ntrue\r\n--x--\r\n'],
  ])('%s', async (_, type, body) => {
    await refuses(
      (path, method) => send(server, client, body, type, { path, method }),
      400,
      'base',
      /^failed to parse multipart form/,
    );
  });

  it('is told so to a page too, and of a page’s form it is not', async () => {
    const from = { origin: 'https://somewhere.example' };
    const answer = await client.post(SCRIPTS, 'x', { ...from, 'content-type': 'text/plain' });
    expectProblem(answer, 400, 'base', /^failed to parse multipart form/);
    expect((await client.post(SCRIPTS, form('page.sh', 'true'), from)).status).toBe(200);
  });
});

describe('a form', () => {
  const noFile = 'no file headers for script';
  it.each<[string, Buffer[]]>([
    ['without anything', []],
    ['with other fields only', [part('name="x"', '1'), part('name="file"; filename="a.sh"', 'true')]],
    ['with the script as text', [part('name="script"', 'true')]],
    ['with a file without a name', [part('name="script"; filename=""', 'true')]],
    ['with bytes without a name', [part('name="script"', 'true', 'Content-Type: application/octet-stream')]],
  ])('%s has no file', async (_, parts) => {
    const body = multipart('x', ...parts);
    await refuses((path, method) => send(server, client, body, FORM, { path, method }), 400, 'base', noFile);
  });

  it('with two files is none', async () => {
    const body = multipart('x', file('echo one'), file('echo two', 'b.sh'));
    await refuses(
      (path, method) => send(server, client, body, FORM, { path, method }),
      400,
      'base',
      'failed to parse multipart form: only one file `script` may be given',
    );
  });

  it('may hold other fields and files, which are ignored', async () => {
    const parts = [part('name="more"', '1'), part('name="x"; filename="x.bin"', Buffer.alloc(10_000, 0xff))];
    const body = multipart('x', ...parts, file('echo mine\n', 'among.sh'));
    const { status, body: answer } = await send(server, client, body, FORM);
    expect(status).toBe(200);
    expect(await download(client, answer.script_id as number)).toBe('echo mine\n');
  });

  it.each(['x', '', '-1', '1.5', '1e3', ' 1', '0x1', '1234567890123456'])(
    'with team_id %j is a 400, whatever else is wrong',
    async (value) => {
      for (const rest of [file('', 'a.txt'), part('name="script"', 'no file')]) {
        const body = multipart('x', part('name="team_id"', value), rest);
        expectProblem(await send(server, client, body, FORM), 400, 'team_id', /^failed to decode team_id/);
      }
    },
  );

  it('with two teams is a 400', async () => {
    const teams = [part('name="team_id"', String(team)), part('name="team_id"', String(team))];
    const answer = await send(server, client, multipart('x', ...teams, file('true')), FORM);
    expectProblem(answer, 400, 'team_id', /^failed to decode team_id/);
  });

  it('may name the team after the file', async () => {
    const body = multipart('x', file('true', 'after.sh'), part('name="team_id"', String(team)));
    const { body: answer } = await send(server, client, body, FORM);
    expect((await client.get(`${SCRIPTS}/${answer.script_id}`)).body.team_id).toBe(team);
  });
});

describe('the name', () => {
  it.each([
    ['a.txt', TYPE],
    ['a', TYPE],
    ['a.SH', TYPE],
    ['a.sh.gz', TYPE],
    [`${'x'.repeat(253)}.sh`, 'The file name must have at most 255 characters.'],
    ['a%0Ab.sh', 'The file name must be plain text without control characters.'],
  ])('%j is refused', async (name, reason) => {
    const answer = await send(server, client, multipart('x', file('true', name)), FORM);
    expectProblem(answer, 422, 'script', reason);
  });

  it('that is no UTF-8 is refused', async () => {
    const body = Buffer.from(multipart('x', file('true', 'a\xff.sh')).toString('utf8'), 'latin1');
    expectProblem(await send(server, client, body, FORM), 422, 'script', /^The file name must be plain text/);
  });

  it.each([
    ['/etc/path-1.sh', 'path-1.sh'],
    ['../../path-2.sh', 'path-2.sh'],
    ['C:\\\\scripts\\\\path-3.ps1', 'path-3.ps1'],
    ['.sh', '.sh'],
    ['a %22quoted%22.sh', 'a "quoted".sh'],
    ['späß.sh', 'späß.sh'],
    [`${'👋'.repeat(252)}.sh`, `${'👋'.repeat(252)}.sh`],
  ])('%j is kept as %j', async (given, kept) => {
    const { status, body } = await send(server, client, multipart('x', file('true', given)), FORM);
    expect([status, body]).toEqual([200, { script_id: expect.any(Number) }]);
    expect((await client.get(`${SCRIPTS}/${body.script_id}`)).body.name).toBe(kept);
  });

  it('in RFC 5987’s form is understood', async () => {
    const body = multipart('x', part('name="script"; filename*=UTF-8\'\'%F0%9F%91%8B.sh', 'true'));
    const { body: answer } = await send(server, client, body, FORM);
    expect((await client.get(`${SCRIPTS}/${answer.script_id}`)).body.name).toBe('👋.sh');
  });
});

describe('the contents', () => {
  it.each<[string, string | Buffer, string]>([
    ['nothing', '', EMPTY],
    ['blanks', ' \r\n\t\n', EMPTY],
    ['one character too many', 'x'.repeat(500_001), TOO_LONG],
    ['one emoji too many', '👋'.repeat(500_001), TOO_LONG],
    ['no text, and too much of it', Buffer.alloc(500_001, 0xff), TOO_LONG],
    ['no UTF-8', Buffer.from('echo é\n', 'latin1'), NO_TEXT],
    ['half a character', Buffer.from([0x65, 0xf0, 0x9f]), NO_TEXT],
    [
      'a secret variable',
      'echo "${FLEET_SECRET_TOKEN}"',
      'Couldn\'t add. Secret variable "$FLEET_SECRET_TOKEN" missing from database: this server knows no secret variables.',
    ],
  ])('of %s are a 422', async (_, contents, reason) => {
    await refuses(
      (path, method) => client.request(method, path, form('a.sh', contents)),
      422,
      'script',
      reason,
    );
  });

  it.each<[string, string]>([
    ['500,000 characters', 'x'.repeat(500_000)],
    ['500,000 emoji', '👋'.repeat(500_000)],
    ['500,000 characters when CRLF is LF', 'x\r\n'.repeat(250_000)],
    ['a NUL', 'echo one #\0\necho two'],
    ['a byte order mark', '\ufeffecho'],
    ['another interpreter', '#!/usr/bin/env python3\nprint("é")\n'],
    ['what looks like the end of the form', '--x--\r\n--y\r\nContent-Disposition: form-data\r\n'],
  ])('may be %s', async (name, contents) => {
    const id = await add(client, `${name}.sh`, contents);
    const answer = await fetch(new URL(`${SCRIPTS}/${id}?alt=media`, server.url), {
      headers: { authorization: `Bearer ${client.bearer}` },
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.equals(Buffer.from(contents.replaceAll('\r\n', '\n')))).toBe(true);
  });

  it('are looked at after the name, and before the team', async () => {
    expectProblem(await upload(client, 'a.txt', ''), 422, 'script', TYPE);
    expectProblem(await upload(client, 'a.sh', '', { team_id: '999999' }), 422, 'script', EMPTY);
    expectProblem(
      await client.patch(`${SCRIPTS}/999999`, form('a.txt', '')),
      404,
      'base',
      'Script 999999 was not found in the datastore',
    );
  });
});

describe('an upload', () => {
  it('that is much too large is cut off, and the server goes on', async () => {
    const peak = peakMemory(server.pid);
    const large = form('large.sh', Buffer.alloc(64 * 1024 * 1024, 'x'));
    await refuses((path, method) => client.request(method, path, large), 422, 'script', TOO_LONG);
    expect(peakMemory(server.pid) - peak).toBeLessThan(64 * 1024 * 1024);
    const other = multipart('x', part('name="x"; filename="x"', Buffer.alloc(4_000_000)), file('true'));
    expectProblem(await send(server, client, other, FORM), 413, 'base', /./);
  });

  it.each(['chunked', 'with a length'])('without end, %s, is answered and hung up on', async (kind) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const length = kind === 'chunked' ? 'Transfer-Encoding: chunked' : 'Content-Length: 1000000000000';
    socket.write(
      `POST ${SCRIPTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.bearer}\r\nContent-Type: ${FORM}\r\n${length}\r\n\r\n`,
    );
    const send = (bytes: Buffer | string) =>
      kind === 'chunked' ? `${Buffer.byteLength(bytes).toString(16)}\r\n${bytes.toString()}\r\n` : bytes;
    socket.write(send('--x\r\nContent-Disposition: form-data; name="script"; filename="a.sh"\r\n\r\n'));
    const block = send('x'.repeat(65_536));
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const more = () => {
      while (!socket.destroyed && socket.write(block));
    };
    socket.on('drain', more);
    more();
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 422 /);
    expect(answer).toContain(TOO_LONG);
  });

  it('that its sender gives up leaves nothing', async () => {
    const before = await rows();
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const body = multipart('x', file('true', 'given-up.sh'));
    socket.write(
      `POST ${SCRIPTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.bearer}\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.subarray(0, -10));
    await client.get(SCRIPTS);
    socket.destroy();
    await once(socket, 'close');
    expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
    expect(await rows()).toBe(before);
  });

  it('leaves a connection that can be used again', async () => {
    for (const contents of ['', 'x'.repeat(500_001), 'echo fine']) {
      await upload(client, 'again.sh', contents);
      expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
    }
  });
});
