import { type Answer, Limits } from '#libs/protocol/index';
import { AnswerError, AnswerParts } from './answer-parts.js';

const ANSWERED = { outcome: 'answered', error: null, stats: null } as const;
const FAILED = { outcome: 'error', error: 'no', stats: null } as const;

function pack(columns: string[], rows: (string | null)[][]): Answer[] {
  const parts = new AnswerParts(7);
  parts.name(columns);
  return [...parts.add(rows), parts.end(ANSWERED)];
}

const size = ({ columns, rows }: Answer): number =>
  [columns, ...rows].flat().reduce((sum, value) => sum + Buffer.byteLength(value ?? ''), 0);

describe('an answer', () => {
  it('that is small is one part', () => {
    expect(pack(['a', 'b'], [['1', null]])).toEqual([
      { campaign_id: 7, part: 0, columns: ['a', 'b'], rows: [['1', null]], ending: ANSWERED },
    ]);
    expect(pack(['a'], [])).toEqual([
      { campaign_id: 7, part: 0, columns: ['a'], rows: [], ending: ANSWERED },
    ]);
  });

  it('that is large is numbered parts of bounded size, with every row once and in order', () => {
    const rows = Array.from({ length: 2000 }, (_, i) => [String(i), 'ü'.repeat(i % 1000)]);
    const parts = pack(['n', 'text'], rows);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ part }) => part)).toEqual(parts.map((_, i) => i));
    for (const part of parts) {
      expect(size(part)).toBeLessThanOrEqual(Limits.answerPartBytes);
      expect(part.columns).toEqual(['n', 'text']);
    }
    expect(parts.flatMap((part) => part.rows)).toEqual(rows);
    expect(parts.filter(({ ending }) => ending !== undefined)).toEqual([parts.at(-1)]);
  });

  it('has a larger row in a part of its own', () => {
    const large = 'x'.repeat(Limits.answerRowBytes);
    expect(
      pack(['a'], [['1'], [large], ['2']]).map(({ rows }) => rows.map(([value]) => value?.length)),
    ).toEqual([[1], [large.length], [1]]);
  });

  it('of nothing but NULLs is bounded too', () => {
    const rows = Array.from({ length: 1000 }, () => Array.from({ length: 100 }, () => null));
    const parts = pack(['a'], rows);
    for (const part of parts) expect(JSON.stringify(part).length).toBeLessThan(2 * Limits.answerPartBytes);
  });

  it('that fails before its first row has no columns, after it those it had', () => {
    const parts = new AnswerParts(7);
    parts.name(['a']);
    expect(parts.end(FAILED)).toMatchObject({ part: 0, columns: [], rows: [], ending: FAILED });
    const later = new AnswerParts(7);
    later.name(['a']);
    expect([...later.add([['1']])]).toEqual([]);
    expect(later.end(FAILED)).toMatchObject({ columns: ['a'], rows: [['1']] });
  });

  it('is refused where no message could carry it', () => {
    const quotes = '\u0001'.repeat(Limits.answerRowBytes / 2);
    expect(() => pack(['a'], [[quotes]])).toThrow(
      /^a row has \d+ bytes as JSON, and can have \d+: select less/,
    );
    expect(() => pack(['a', 'b'.repeat(1025)], [])).toThrow(
      /^the name of column 2 is longer than 1024 characters/,
    );
    const names = Array.from({ length: 300 }, () => 'n'.repeat(1000));
    expect(() => pack(names, [])).toThrow(/^the names of the columns have more than/);
    expect(() => pack(names, [])).toThrow(AnswerError);
  });
});
