import { Answer, Limits } from '#libs/protocol/index';
import { AnswerTexts } from './answer-texts.js';

const parts = (rows: number, rowBytes: number) => {
  const texts = new AnswerTexts({ rows, rowBytes });
  return Array.from({ length: texts.count }, (_, part) => Answer.parse(JSON.parse(texts.rows(7, part))));
};

describe('answers', () => {
  it('are as the protocol wants them', () => {
    const [answer, ...more] = parts(2, 60);
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ campaign_id: 7, part: 0, columns: ['row', 'value'] });
    expect(answer?.rows.map((row) => row.join('').length)).toEqual([60, 60]);
    expect(answer?.ending).toMatchObject({ outcome: 'answered', error: null });
  });

  it('may have no rows, and rows no bytes', () => {
    expect(parts(0, 60)).toMatchObject([{ rows: [], ending: { outcome: 'answered' } }]);
    expect(parts(1, 0)).toMatchObject([{ rows: [['', '']] }]);
  });

  it('are cut into parts, of which the last one carries the ending', () => {
    const all = parts(10, 100_000);
    expect(all.map(({ part, rows }) => [part, rows.length])).toEqual(
      [0, 1, 2, 3, 4].map((part) => [part, 2]),
    );
    expect(all.map(({ ending }) => ending !== undefined)).toEqual([false, false, false, false, true]);
    for (const { rows } of all)
      expect(rows.flat().join('').length).toBeLessThanOrEqual(Limits.answerPartBytes);
  });

  it('say why there are none', () => {
    const texts = new AnswerTexts({ rows: 3, rowBytes: 60 });
    expect(Answer.parse(JSON.parse(texts.failure(7, 'error', 'no "such" table')))).toMatchObject({
      campaign_id: 7,
      part: 0,
      rows: [],
      ending: { outcome: 'error', error: 'no "such" table' },
    });
    const limits = { milliseconds: 100, memory_bytes: 1, rows: 2 };
    expect(texts.brokenLimit({ limits }, 0)).toMatchObject({ outcome: 'killed' });
    expect(texts.brokenLimit({ limits: { ...limits, rows: 3 } }, 0)).toBeNull();
    expect(texts.brokenLimit({ limits }, 101)).toMatchObject({ outcome: 'timed_out' });
  });
});
