import { differenceOf } from './differ.js';

describe('the difference of two results', () => {
  it('is what came and what went, whatever the order', () => {
    const before = [['a'], ['b'], ['c']];
    expect(differenceOf(before, [['c'], ['d'], ['a']])).toEqual({ added: [['d']], removed: [['b']] });
    expect(differenceOf(before, [['b'], ['c'], ['a']])).toEqual({ added: [], removed: [] });
  });

  it('counts rows that are equal', () => {
    expect(differenceOf([['a']], [['a'], ['a'], ['a']])).toEqual({ added: [['a'], ['a']], removed: [] });
    expect(differenceOf([['a'], ['a']], [['a']])).toEqual({ added: [], removed: [['a']] });
  });

  it('tells null from empty text, and one split of values from another', () => {
    expect(differenceOf([['']], [[null]])).toEqual({ added: [[null]], removed: [['']] });
    expect(differenceOf([['a', 'b,c']], [['a,b', 'c']])).toEqual({
      added: [['a,b', 'c']],
      removed: [['a', 'b,c']],
    });
  });
});
