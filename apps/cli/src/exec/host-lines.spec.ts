import fc from 'fast-check';
import { Recorder } from '../../testing/terminal.js';
import { type Chunk, type OutputStream } from '../api/shapes.js';
import { type Io } from '../terminal/io.js';
import { HostLines } from './host-lines.js';

const names: Record<string, string> = { 1: 'web-1', 2: 'web-2' };

class Screen {
  readonly stdout = new Recorder();
  readonly stderr = new Recorder();
  readonly lines: HostLines;
  private seq = 0;

  constructor(tty = false) {
    this.stdout.isTTY = this.stderr.isTTY = tty;
    const io = { stdout: this.stdout, stderr: this.stderr, color: false } as unknown as Io;
    this.lines = new HostLines(
      io,
      (id) => names[id] ?? id,
      (stream, bytes) => Promise.resolve(void this[stream].write(bytes)),
    );
  }

  write(targetId: string, data: string | Buffer, more: Partial<Chunk> = {}): Promise<void> {
    const stream: OutputStream = 'stdout';
    const chunk = { seq: this.seq++, targetId, stream, bytes: Buffer.from(data), droppedBefore: 0, ...more };
    return this.lines.write(chunk);
  }
}

it('puts the host before each line, on the stream it came on', async () => {
  const screen = new Screen();
  await screen.write('1', 'a\n\nb\n');
  await screen.write('2', 'err\n', { stream: 'stderr' });
  expect(screen.stdout.text).toBe('[web-1] a\n[web-1] \n[web-1] b\n');
  expect(screen.stderr.text).toBe('[web-2] err\n');
});

it('keeps a line without an end until it has one, and never mixes it with another', async () => {
  const screen = new Screen();
  await screen.write('1', 'one ');
  await screen.write('2', 'two ');
  await screen.write('1', 'warning ', { stream: 'stderr' });
  expect(screen.stdout.text + screen.stderr.text).toBe('');
  await screen.write('1', 'line\nnext');
  expect(screen.stdout.text).toBe('[web-1] one line\n');
  await screen.lines.end();
  expect(screen.stdout.text).toBe('[web-1] one line\n[web-2] two \n[web-1] next\n');
  expect(screen.stderr.text).toBe('[web-1] warning \n');
  await screen.lines.end();
  expect(screen.stderr.text).toBe('[web-1] warning \n');
});

it('leaves bytes as they are in a pipe', async () => {
  const screen = new Screen();
  const binary = Buffer.from([0, 0xff, 0xfe, 0x1b, 13, 10]);
  await screen.write('1', binary);
  expect(screen.stdout.bytes).toEqual(Buffer.concat([Buffer.from('[web-1] '), binary]));
});

it('lets no host steer a terminal', async () => {
  const screen = new Screen(true);
  names['3'] = 'evil\u001b[2J\n';
  await screen.write('3', 'é\t\u001b[31mx\u001b[0m\u001b[2J \u0007\u001b7\r\nover\rwritten\n\n');
  await screen.write('3', Buffer.from([0xc3]));
  await screen.write('3', Buffer.from([0xa9, 0xff, 10]));
  const prefix = '[evil�[2J�] ';
  expect(screen.stdout.text).toBe(`${prefix}é\tx �\n${prefix}over�written\n${prefix}\n${prefix}é�\n`);
});

it('says on stderr where output is missing, and goes on in a new line', async () => {
  const screen = new Screen();
  await screen.write('1', 'head');
  await screen.write('1', 'tail\n', { droppedBefore: 70 });
  expect(screen.stdout.text).toBe('[web-1] head\n[web-1] tail\n');
  expect(screen.stderr.text).toBe('[web-1] [70 bytes were not kept]\n');
});

it('keeps no endless line, and cuts none within a character', async () => {
  const screen = new Screen(true);
  const endless = `x${'é'.repeat(100_000)}`;
  const bytes = Buffer.from(endless);
  for (let at = 0; at < bytes.length; at += 4097) await screen.write('1', bytes.subarray(at, at + 4097));
  expect(screen.stdout.bytes.length).toBeGreaterThan(bytes.length - 70_000);
  await screen.lines.end();
  const lines = screen.stdout.text.trimEnd().split('\n');
  for (const each of lines) expect(Buffer.byteLength(each)).toBeLessThan(72_000);
  expect(lines.map((each) => each.replace('[web-1] ', '')).join('')).toBe(endless);
});

it('loses and mixes nothing, however chunks are cut and interleaved', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', '\0'), maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      text,
      text,
      fc.infiniteStream(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5 }))),
      async (first, second, cuts) => {
        const screen = new Screen();
        const rest = [Buffer.from(first), Buffer.from(second)] as [Buffer, Buffer];
        for (const [other, length] of cuts) {
          if (rest[0].length + rest[1].length === 0) break;
          const index = (other && rest[1].length > 0) || rest[0].length === 0 ? 1 : 0;
          await screen.write(String(index + 1), rest[index].subarray(0, length));
          rest[index] = rest[index].subarray(length);
        }
        await screen.lines.end();
        [first, second].forEach((whole, index) => {
          const prefix = `[web-${index + 1}] `;
          const expected = whole.replace(/\n$/, '').split('\n');
          const written = screen.stdout.text.split('\n').filter((each) => each.startsWith(prefix));
          expect(written.map((each) => each.slice(prefix.length))).toEqual(whole === '' ? [] : expected);
        });
        const lines = screen.stdout.text.split('\n').slice(0, -1);
        expect(lines.every((each) => /^\[web-[12]\] /.test(each))).toBe(true);
      },
    ),
  );
});
