import fc from 'fast-check';
import { type Report } from '#libs/protocol/index';
import { OutputIntake, type Source } from './output-intake.js';

const MIB = 1024 * 1024;

class Line implements Source {
  paused = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

const reportOf = (bytes: number): Report[] => [
  { attempt_id: 'a', chunks: [{ seq: 0, stream: 'stdout', at: 0, data: new Uint8Array(bytes) }] },
];

/** Brings so many bytes; the answer ends it, and resolves once that is told. */
function bring(intake: OutputIntake, line: Line, bytes: number): () => Promise<unknown> {
  let end: () => void = () => undefined;
  const held = intake.hold(line, reportOf(bytes), () => new Promise<void>((resolve) => (end = resolve)));
  return () => {
    end();
    return held;
  };
}

describe('the share of an agent', () => {
  const share = (intake: OutputIntake): number => intake.share(performance.now());

  it('is half a megabyte for one, less for each of many, and a chunk at least', () => {
    const intake = new OutputIntake();
    expect(share(intake)).toBe(MIB / 2);
    for (let i = 0; i < 128; i++) void bring(intake, new Line(), 1);
    expect(share(intake)).toBe(MIB / 4);
    for (let i = 0; i < 1000; i++) void bring(intake, new Line(), 1);
    expect(share(intake)).toBe(64 * 1024);
  });

  it('grows again when the others have nothing more to send', () => {
    const intake = new OutputIntake();
    for (let i = 0; i < 128; i++) void bring(intake, new Line(), 1);
    const now = performance.now();
    expect(intake.share(now + 2_100)).toBe(MIB / 4);
    expect(intake.share(now + 4_300)).toBe(MIB / 2);
  });
});

it('leaves unread who brings more than may wait, until it has been stored', async () => {
  const intake = new OutputIntake();
  const lines = Array.from({ length: 10 }, () => new Line());
  const ends = lines.map((line) => bring(intake, line, 4 * MIB));
  expect(lines.map((line) => line.paused)).toEqual([...Array<boolean>(8).fill(false), true, true]);
  await ends[0]?.();
  expect(lines[9]?.paused).toBe(true);
  await ends[1]?.();
  expect(lines.some((line) => line.paused)).toBe(false);
});

it('leaves a single agent unread that brings more than one message holds', async () => {
  const intake = new OutputIntake();
  const line = new Line();
  const ends = [bring(intake, line, 3 * MIB), bring(intake, line, 2 * MIB)];
  expect(line.paused).toBe(true);
  await ends[0]?.();
  expect(line.paused).toBe(false);
});

it('forgets what could not be stored', async () => {
  const intake = new OutputIntake();
  const line = new Line();
  await expect(
    intake.hold(line, reportOf(64 * MIB), () => Promise.reject(new Error('the store is away'))),
  ).rejects.toThrow('away');
  expect(intake.bytes).toBe(0);
  expect(line.paused).toBe(false);
});

it('never holds more than its bound and one message of each, and never leaves anybody unread for nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 19 }), fc.integer({ min: 0, max: 4 * MIB }), fc.boolean()), {
        maxLength: 200,
      }),
      async (steps) => {
        const intake = new OutputIntake();
        const lines = Array.from({ length: 20 }, () => new Line());
        const open: { bytes: number; end: () => Promise<unknown> }[] = [];
        for (const [who, bytes, store] of steps) {
          const line = lines[who] as Line;
          if (!line.paused) open.push({ bytes, end: bring(intake, line, bytes) });
          if (store) await open.shift()?.end();
          const held = open.reduce((sum, each) => sum + each.bytes, 0);
          expect(intake.bytes).toBe(held);
          expect(held).toBeLessThanOrEqual((32 + 20 * 4) * MIB);
        }
        while (open.length > 0) await open.shift()?.end();
        expect(intake.bytes).toBe(0);
        expect(lines.some((line) => line.paused)).toBe(false);
      },
    ),
    { numRuns: 50 },
  );
});
