import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '#libs/testing/index';
import {
  bytesOf,
  chunksOf,
  ended,
  expectProblem,
  follow,
  peakMemory,
  resultOf,
  run,
  startWorld,
  type Chunk,
  type ServerSentEvent,
  type World,
} from './support.js';

const CAP = 256 * 1024;
const MEGABYTE = 1024 * 1024;

let world: World;
let directory: string;

beforeAll(async () => {
  world = await startWorld({ server: { env: { MUSTER_OUTPUT_CAP_BYTES: String(CAP) } } });
  directory = temporaryDirectory('output');
});

const start = (contents: string, more?: object) => run(world.client, world.host.id, contents, more);

/** Runs it to its end: the chunks, the target and Fleet's result. */
async function finished(contents: string, more?: object) {
  const id = await start(contents, more);
  const result = await resultOf(world.client, id);
  const { target } = await ended(world.client, id);
  return { id, result, target, chunks: await chunksOf(world.client, id) };
}

/** `lines` lines of ten bytes each, and the script that prints them. */
const numbered = (lines: number) => ({
  script: `seq -f %09.0f 1 ${lines}`,
  text: Array.from({ length: lines }, (_, i) => `${String(i + 1).padStart(9, '0')}\n`).join(''),
});

async function eventsOf(id: string, options?: { query?: string; lastEventId?: number }) {
  const events: ServerSentEvent[] = [];
  for await (const event of follow(world, id, options)) events.push(event);
  return events;
}

describe('output is bytes', () => {
  it('with NULs and control characters', async () => {
    const { result, chunks, target } = await finished(String.raw`printf 'a\0b\001\033[1m\r\n\0'`);
    const text = 'a\0b\x01\x1b[1m\r\n\0';
    expect(result.output).toBe(text);
    expect(bytesOf(chunks)).toEqual(Buffer.from(text));
    expect(chunks.map(({ encoding }) => encoding)).toEqual(['utf8']);
    expect(target.stdout_bytes).toBe(text.length);
  });

  it('that are no text: kept as they are, shown with replacement characters', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const octal = [...all].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const { result, chunks } = await finished(`printf '${octal}'`);
    expect(bytesOf(chunks)).toEqual(all);
    expect(chunks[0]!.encoding).toBe('base64');
    expect(result.output).toBe(all.toString('utf8'));
  });

  it('whose characters arrive in pieces, and are put together', async () => {
    const { chunks, result } = await finished(String.raw`printf 'a\303'; sleep 0.2; printf '\244b'`);
    expect(result.output).toBe('aäb');
    expect(chunks.map(({ encoding }) => encoding)).not.toContain('base64');
    const broken = await finished(String.raw`printf 'a\303'`);
    expect(bytesOf(broken.chunks)).toEqual(Buffer.from('61c3', 'hex'));
  });

  it('of both streams in the order in which they came', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `echo ${i}${i % 3 === 0 ? ' >&2' : ''}; sleep 0.06`);
    const { chunks, result, target } = await finished(lines.join('\n'));
    expect(result.output).toBe(lines.map((_, i) => `${i}\n`).join(''));
    expect(chunks.map(({ stream, data }) => `${data.trim()} ${stream}`)).toEqual(
      lines.map((_, i) => `${i} ${i % 3 === 0 ? 'stderr' : 'stdout'}`),
    );
    const times = chunks.map(({ at }) => Date.parse(at));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect([target.stdout_bytes, target.stderr_bytes]).toEqual([18, 8]);
  });
});

describe('the cap', () => {
  it('keeps head and tail, and says how much stood between them', async () => {
    const { script, text } = numbered(100_000);
    const { chunks, target, result } = await finished(script);
    const gap = chunks.findIndex(({ dropped_before }) => dropped_before !== undefined);
    const [head, tail] = [bytesOf(chunks.slice(0, gap)), bytesOf(chunks.slice(gap))];
    expect([head.length, tail.length]).toEqual([CAP / 2, CAP / 2]);
    expect(head.equals(Buffer.from(text.slice(0, CAP / 2)))).toBe(true);
    expect(tail.equals(Buffer.from(text.slice(-CAP / 2)))).toBe(true);
    expect(chunks[gap]!.dropped_before).toBe(text.length - CAP);
    expect(chunks.filter(({ dropped_before }) => dropped_before !== undefined)).toHaveLength(1);
    expect(target).toMatchObject({ truncated: true, stdout_bytes: text.length, stderr_bytes: 0 });
    expect(result.truncated).toBe(true);
    expect(result.output.endsWith(text.slice(-CAP / 2))).toBe(true);
  });

  it.each([
    ['just fits', CAP, false],
    ['is one byte too long', CAP + 1, true],
    ['is a byte short of half', CAP / 2 - 1, false],
  ])('tells whether it cut: output that %s', async (_, size, truncated) => {
    const { chunks, target, result } = await finished(`head -c ${size} /dev/zero | tr '\\0' y`);
    const kept = bytesOf(chunks);
    expect([kept.length, target.stdout_bytes]).toEqual([Math.min(size, CAP), size]);
    expect([target.truncated, result.truncated]).toEqual([truncated, truncated]);
    expect(/^y+$/.test(kept.toString())).toBe(true);
  });

  it('does not cut characters in two', async () => {
    const { chunks } = await finished(`yes 'äöü€👋' | head -c 1000001 | tail -c +2`);
    const gap = chunks.findIndex(({ dropped_before }) => dropped_before !== undefined);
    expect(gap).toBeGreaterThan(0);
    const encodings = chunks.slice(1, -1).map(({ encoding }) => encoding);
    expect(encodings).toEqual(encodings.map(() => 'utf8'));
    const kept = bytesOf(chunks).length;
    expect(kept).toBeLessThanOrEqual(CAP + 8);
    expect(kept).toBeGreaterThanOrEqual(CAP - 8);
  });

  it('counts both streams together, and each by itself', async () => {
    const { target, chunks } = await finished(
      `head -c 300000 /dev/zero | tr '\\0' o; sleep 0.1; head -c 300000 /dev/zero | tr '\\0' e >&2`,
    );
    expect(target).toMatchObject({ stdout_bytes: 300_000, stderr_bytes: 300_000, truncated: true });
    expect(chunks[0]!.stream).toBe('stdout');
    expect(chunks.at(-1)!.stream).toBe('stderr');
    expect(bytesOf(chunks).length).toBe(CAP);
  });

  it('holds for a line of 100 MB that never ends: neither side keeps it in memory', async () => {
    const size = 100_000_000;
    const { chunks, target } = await finished(`head -c ${size} /dev/zero | tr '\\0' z`);
    expect(target).toMatchObject({ state: 'finished', stdout_bytes: size, truncated: true });
    expect(bytesOf(chunks).toString()).toBe('z'.repeat(CAP));
    expect(peakMemory(world.agent.pid)).toBeLessThan(200 * MEGABYTE);
    expect(peakMemory(world.server.pid)).toBeLessThan(300 * MEGABYTE);
  });

  it('keeps what was written before a kill', async () => {
    const { script, text } = numbered(50_000);
    const { chunks, result, target } = await finished(`${script}; echo last; sleep 60`, { timeout: 1 });
    expect(target).toMatchObject({ state: 'timed_out', stdout_bytes: text.length + 5 });
    expect(
      bytesOf(chunks)
        .toString()
        .endsWith(`${text.slice(-1000)}last\n`),
    ).toBe(true);
    expect(result.output.endsWith('last\n')).toBe(true);
  });
});

describe('pages of output', () => {
  let id: string;
  let all: Chunk[];
  let target: { id: number; uuid: string };

  beforeAll(async () => {
    const noise = Array.from({ length: 9 }, (_, i) => `echo ${i}; echo e${i} >&2; sleep 0.04`).join('\n');
    ({ id, chunks: all, target } = await finished(`${noise}\nseq 1 40000`));
  });

  const page = (query: string) => world.client.get(`/api/v1/executions/${id}/output?${query}`);

  it('are the same whatever their size', async () => {
    expect(all.length).toBeGreaterThan(12);
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => all[0]!.seq + i));
    for (const limit of [1, 2, 3, all.length - 1, all.length, all.length + 1, 1000])
      expect(await chunksOf(world.client, id, `limit=${limit}`)).toEqual(all);
  });

  it('tell where to go on and when all has been seen', async () => {
    const first = (await page('limit=2')).body;
    expect(first).toEqual({ chunks: all.slice(0, 2), next: all[1]!.seq, done: false });
    const end = (await page(`after=${all.at(-1)!.seq}`)).body;
    expect(end).toEqual({ chunks: [], next: all.at(-1)!.seq, done: true });
    expect((await page('after=999999999')).body).toEqual({ chunks: [], next: 999999999, done: true });
  });

  it('may be of one stream, and of one target', async () => {
    for (const stream of ['stdout', 'stderr']) {
      const those = all.filter((chunk) => chunk.stream === stream);
      expect(those.length).toBeGreaterThan(0);
      expect(await chunksOf(world.client, id, `stream=${stream}&limit=2`)).toEqual(those);
    }
    for (const name of [target.id, target.uuid, target.uuid.toUpperCase()])
      expect(await chunksOf(world.client, id, `target=${name}`)).toEqual(all);
    for (const name of ['0', 'x', '11111111-2222-4333-8444-555555555555', '99999999999999999999'])
      expectProblem(await page(`target=${name}`), 404, 'target', /no target/);
    expectProblem(await page('target=%00'), 400, 'target', /NUL/);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=-1',
    'limit=',
    'after=-1',
    'after=x',
    'after=1e3',
    'stream=x',
    'stream=stdout&stream=stderr',
    'after=1&after=2',
    'after=99999999999999999999',
  ])('answer 400 to ?%s, naming it', async (query) => {
    expectProblem(await page(query), 400, query.split('=')[0]!, /\S/);
  });
});

describe('server-sent events', () => {
  it('come while the script runs, end with it, and are the JSON pages byte by byte', async () => {
    const gate = path.join(directory, 'gate');
    const wait = (n: number) => `until [ -e '${gate}${n}' ]; do sleep 0.02; done`;
    const id = await start(`echo one; ${wait(1)}; printf 'b\\377\\0' >&2; ${wait(2)}; echo three`);
    const events: ServerSentEvent[] = [];
    for await (const event of follow(world, id)) {
      events.push(event);
      const { body } = await world.client.get(`/api/v1/executions/${id}`);
      if (events.length < 3) expect(body.targets[0].state).toBe('running');
      if (events.length < 3) writeFileSync(`${gate}${events.length}`, '');
    }
    expect(events.map(({ event }) => event)).toEqual(['chunk', 'chunk', 'chunk', 'done']);
    const chunks = await chunksOf(world.client, id);
    expect(events.slice(0, 3).map(({ data }) => data)).toEqual(chunks);
    expect(events.slice(0, 3).map((event) => event.id)).toEqual(chunks.map(({ seq }) => seq));
    expect(bytesOf(chunks)).toEqual(Buffer.from('one\nb\xff\0three\n', 'latin1'));
  });

  it('resume after any event without a gap or a double', async () => {
    const { id, chunks } = await finished(
      Array.from({ length: 6 }, (_, i) => `echo ${i}; sleep 0.04`).join('\n'),
    );
    expect(chunks).toHaveLength(6);
    for (let from = 0; from <= 6; from += 1) {
      const lastEventId = from === 0 ? 0 : chunks[from - 1]!.seq;
      const events = await eventsOf(id, { lastEventId });
      expect(events.map(({ event }) => event)).toEqual([...chunks.slice(from).map(() => 'chunk'), 'done']);
      expect(events.slice(0, -1).map(({ data }) => data)).toEqual(chunks.slice(from));
      const after = await eventsOf(id, { query: `after=${lastEventId}` });
      expect(after).toEqual(events);
    }
  });

  it('resume in the middle of a run', async () => {
    const id = await start(Array.from({ length: 30 }, (_, i) => `echo ${i}; sleep 0.03`).join('\n'));
    const seen: Chunk[] = [];
    for (let lastEventId = 0, done = false; !done;) {
      // Hangs up after every third event.
      let left = 3;
      for await (const { id: seq, event, data } of follow(world, id, { lastEventId })) {
        done = event === 'done';
        if (done) break;
        seen.push(data as Chunk);
        lastEventId = seq;
        if (--left === 0) break;
      }
    }
    expect(seen).toEqual(await chunksOf(world.client, id));
    expect(bytesOf(seen).toString()).toBe(Array.from({ length: 30 }, (_, i) => `${i}\n`).join(''));
  });

  it('may be of one stream, and are headed as a stream', async () => {
    const { id } = await finished('echo out; echo err >&2');
    const [event] = await eventsOf(id, { query: 'stream=stderr' });
    expect(event!.data).toMatchObject({ stream: 'stderr', data: 'err\n' });
    const answer = await world.client.get(`/api/v1/executions/${id}/output`, { accept: 'text/event-stream' });
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(answer.headers.get('cache-control')).toContain('no-cache');
    expect(answer.body).toMatch(/^id: 1\nevent: chunk\ndata: \{/);
  });

  it('that cannot be are an error envelope, not a stream', async () => {
    const { id } = await finished('true');
    const ask = (what: string, headers: object = {}) =>
      world.client.get(`/api/v1/executions/${what}`, { accept: 'text/event-stream', ...headers });
    expectProblem(await ask('11111111-2222-4333-8444-555555555555/output'), 404, 'base', /^Execution/);
    for (const bad of ['x', '-1', '1.5'])
      expectProblem(await ask(`${id}/output`, { 'last-event-id': bad }), 400, 'Last-Event-ID', /\S/);
    expect((await world.client.as().get(`/api/v1/executions/${id}/output`)).status).toBe(401);
    expect((await ask(`${id}/output`)).body).toBe('id: 0\nevent: done\ndata: {}\n\n');
  });
});
