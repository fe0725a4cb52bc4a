import { setTimeout as delay } from 'node:timers/promises';
import { type SessionEvent } from '../api/session-shapes.js';
import { OutputWriter } from '../output/output-writer.js';
import { type Io } from '../terminal/io.js';
import { type Progress } from '../terminal/progress.js';
import { chunkOf, wordsOf } from './session-output.js';

export interface Pace {
  /** So many times as fast as it was; Infinity: all at once. */
  readonly speed: number;
}

/** A pause that is long enough to be told what is going on. */
const LONG_MS = 3000;

/** Writes what a session wrote, each event as long after the beginning as it came then, at the given speed. */
export async function replay(
  io: Io,
  events: AsyncIterable<SessionEvent>,
  { speed }: Pace,
  progress: Progress,
): Promise<void> {
  const writer = new OutputWriter(io, undefined);
  const began = performance.now();
  let midLine = false;
  for await (const event of events) {
    if (event.type === 'input') continue;
    const due = speed === Infinity ? 0 : began + (event.time * 1000) / speed;
    const pause = due - performance.now();
    if (pause > LONG_MS && !midLine) await countDown(due, progress);
    else if (pause > 0) await delay(pause);
    progress.clear();
    if (event.type === 'closing') progress.warn(wordsOf(event));
    else await writer.write(chunkOf(event));
    midLine = event.type === 'output' && event.bytes.at(-1) !== 0x0a;
  }
}

async function countDown(due: number, progress: Progress): Promise<void> {
  for (let left = due - performance.now(); left > 0; left = due - performance.now()) {
    progress.show(`nothing for another ${Math.ceil(left / 1000)} s…`);
    await delay(Math.min(left, 1000));
  }
}
