import { behindDashes, share, shareOrNone, shares, variable } from './command-options.js';

describe('a share of the hosts', () => {
  it.each([
    ['1', 1],
    ['20', 20],
    ['10%', '10%'],
    ['0.5%', '0.5%'],
    ['100%', '100%'],
  ])('%s', (text, expected) => expect(share(text)).toBe(expected));

  it.each([
    '',
    '0',
    '0%',
    '0.000%',
    '101%',
    '100.1%',
    '-1',
    '1.5',
    '10 %',
    '%',
    '1e2',
    '5%%',
    'all',
    '99999999',
  ])('%j is none', (text) => expect(() => share(text)).toThrow('a number of hosts'));

  it('may be none where failures are counted', () => {
    expect([shareOrNone('0'), shareOrNone('0%'), shareOrNone('2'), shareOrNone('5%')]).toEqual([
      0,
      0,
      2,
      '5%',
    ]);
    expect(() => shareOrNone('-1')).toThrow();
  });

  it('comes several at a time', () => {
    expect(shares('1, 5%,25%,100%')).toEqual([1, '5%', '25%', '100%']);
    for (const wrong of ['', '1,', ',1', '1;2', '1,,2']) expect(() => shares(wrong)).toThrow();
  });
});

it('a variable has a name and any value', () => {
  expect(variable('A=1', undefined)).toEqual({ A: '1' });
  expect(variable('B==x y', { A: '1' })).toEqual({ A: '1', B: '=x y' });
  expect(variable('A=', { A: '1' })).toEqual({ A: '' });
  for (const wrong of ['A', '=1', '']) expect(() => variable(wrong, undefined)).toThrow('KEY=value');
});

describe('what stands behind --', () => {
  it.each([
    [
      ['exec', '--target', 'a', '--', 'ls', '-l'],
      ['ls', '-l'],
    ],
    [
      ['exec', '--', 'a', '--', 'b'],
      ['a', '--', 'b'],
    ],
    [
      ['exec', '--', '--', 'a'],
      ['--', 'a'],
    ],
  ])('%j', (typed, words) => expect(behindDashes(typed, words)).toEqual(words));

  it.each([
    [['exec', 'ls'], ['ls']],
    [
      ['exec', 'ls', '--', '-l'],
      ['ls', '-l'],
    ],
    [['exec', 'ls', '--'], ['ls']],
    [['exec', '--'], []],
    [['exec'], []],
  ])('%j has nothing there', (typed, words) => expect(() => behindDashes(typed, words)).toThrow('behind --'));
});
