import fc from 'fast-check';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { Spool } from './spool.js';
import { type OutputReader } from './output.js';
import { utf8Cut, utf8CutAfter } from './utf8.js';

afterAll(removeTemporary);

async function readAll(output: OutputReader, from = 0): Promise<{ stream: string; data: Buffer }[]> {
  const all: { stream: string; data: Buffer }[] = [];
  for (let seq = from; seq < output.available; seq += 1) {
    const { stream, data } = await output.read(seq);
    all.push({ stream, data: Buffer.from(data) });
  }
  return all;
}
const joined = (chunks: { data: Buffer }[]) => Buffer.concat(chunks.map(({ data }) => data));
const bytes = (size: number, seed: number) => Buffer.alloc(size, `${seed}-${'abcdefghijklmnop'.repeat(3)}`);

const write = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  size: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 65_536 })),
  spill: fc.boolean(),
});

describe('the spool', () => {
  it('keeps the first and the last half of the cap, whatever is written, and counts the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, { maxLength: 60 }),
        fc.oneof(fc.integer({ min: 1024, max: 5000 }), fc.integer({ min: 1024, max: 600_000 })),
        fc.boolean(),
        async (writes, cap, crash) => {
          const directory = path.join(temporaryDirectory(), 'a');
          let spool = new Spool(directory, cap);
          const parts: Buffer[] = [];
          for (const [index, { stream, size, spill }] of writes.entries()) {
            const data = bytes(size, index);
            parts.push(data);
            await spool.write(stream, index, data);
            if (spill && index % 7 === 0) await spool.spill();
          }
          if (crash) {
            await spool.spill();
            await spool.idle();
            spool = await Spool.recover(directory, cap);
          }
          const all = Buffer.concat(parts);
          const half = Math.floor(cap / 2);
          const summary = await spool.finish();
          const chunks = await readAll(spool);
          const kept = joined(chunks);
          expect(summary.stdoutBytes + summary.stderrBytes).toBe(all.length);
          expect(kept.length + summary.droppedBytes).toBe(all.length);
          expect(chunks).toHaveLength(summary.chunks);
          if (all.length <= cap) {
            expect(kept.equals(all)).toBe(true);
            expect(summary.gapSeq).toBeNull();
          } else {
            const head = joined(chunks.slice(0, summary.layout.head));
            const tail = joined(chunks.slice(summary.layout.head));
            expect(head.equals(all.subarray(0, half))).toBe(true);
            expect(tail.equals(all.subarray(all.length - half))).toBe(true);
            expect(summary.gapSeq).toBe(summary.droppedBytes > 0 ? summary.layout.head : null);
          }
          await spool.idle();
          const again = spool.onDisk ? await Spool.recover(directory, cap, summary) : spool;
          expect(joined(await readAll(again)).equals(kept)).toBe(true);
          await again.remove();
          expect(fs.existsSync(directory)).toBe(false);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('frees what has arrived and still knows the numbers after a crash', async () => {
    const directory = path.join(temporaryDirectory(), 'a');
    const spool = new Spool(directory, 100 * 1024 * 1024);
    for (let index = 0; index < 100; index += 1) await spool.write('stdout', index, bytes(65_536, index));
    const files = () => fs.readdirSync(directory).length;
    const before = files();
    expect(spool.available).toBe(100);
    spool.release(100);
    await spool.idle();
    const after = await Spool.recover(directory, 100 * 1024 * 1024);
    const summary = await after.finish();
    expect(summary.chunks).toBe(100);
    expect(summary.droppedBytes).toBe(0);
    expect(after.first).toBeGreaterThan(50);
    expect((await after.read(99)).data.equals(bytes(65_536, 99))).toBe(true);
    expect(files()).toBeLessThan(before);
    await after.remove();
    await spool.remove();
  });

  it('keeps a bounded amount on disk', async () => {
    const directory = path.join(temporaryDirectory(), 'a');
    const spool = new Spool(directory, 256 * 1024);
    for (let index = 0; index < 500; index += 1) await spool.write('stdout', index, bytes(65_536, index));
    const size = fs
      .readdirSync(directory)
      .reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0);
    expect(size).toBeLessThan(512 * 1024);
    await spool.remove();
  });

  it('loses output, and says so, when it cannot be written', async () => {
    const blocked = path.join(temporaryDirectory(), 'file');
    fs.writeFileSync(blocked, '');
    const spool = new Spool(path.join(blocked, 'a'), 1024 * 1024);
    for (let index = 0; index < 3; index += 1) await spool.write('stdout', index, bytes(65_536, index));
    const summary = await spool.finish();
    expect(summary).toMatchObject({
      stdoutBytes: 3 * 65_536,
      droppedBytes: 3 * 65_536,
      chunks: 0,
      gapSeq: 0,
    });
  });
});

describe('cuts in UTF-8', () => {
  it('never split a character, and move by three bytes at most', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, at) => {
        const all = Buffer.from(text);
        const limit = at % (all.length + 1);
        for (const cut of [utf8Cut(all, limit), utf8CutAfter(all, limit)]) {
          expect(Math.abs(cut - limit)).toBeLessThanOrEqual(3);
          expect(all.subarray(0, cut).toString() + all.subarray(cut).toString()).toBe(all.toString());
        }
      }),
    );
  });

  it('do not hold back bytes that are no UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 50 }), (raw) => {
        expect(raw.length - utf8Cut(Buffer.from(raw))).toBeLessThanOrEqual(3);
      }),
    );
    expect(utf8Cut(Buffer.from([0xff, 0xfe]))).toBe(2);
  });
});
