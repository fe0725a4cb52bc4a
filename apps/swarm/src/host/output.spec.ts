import { Limits } from '#libs/protocol/index';
import { simulatedOutput } from './output.js';

describe('simulated output', () => {
  it('is as long as asked for and ends with a line', () => {
    expect(simulatedOutput(0, 1024)).toEqual({ chunks: [], bytes: 0, droppedBytes: 0, gapSeq: null });
    expect(simulatedOutput(10, 1024).chunks).toEqual(['xxxxxxxxx\n']);
    const { chunks } = simulatedOutput(3 * Limits.chunkBytes + 5, 2 ** 20);
    expect(chunks.map((c) => c.length)).toEqual([Limits.chunkBytes, Limits.chunkBytes, Limits.chunkBytes, 5]);
    const lines = chunks.join('').split('\n');
    expect(new Set(lines.slice(0, -2).map((l) => l.length))).toEqual(new Set([79]));
    expect(lines.at(-1)).toBe('');
  });

  it('is kept up to the cap: the first half and the last half of it', () => {
    const { chunks, droppedBytes, gapSeq } = simulatedOutput(300_000, 200_000);
    expect(chunks.join('').length).toBe(200_000);
    expect([droppedBytes, gapSeq]).toEqual([100_000, 2]);
    expect(chunks.slice(0, 2).join('').length).toBe(100_000);
  });
});
