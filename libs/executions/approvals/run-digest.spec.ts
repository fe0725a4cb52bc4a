import fc from 'fast-check';
import { type RunOptions } from '../execution.entity.js';
import { digestOfRun, type Run } from './run-digest.js';

const run = (more: Partial<Run> = {}): Run => ({
  kind: 'script',
  contentSha256: Buffer.alloc(32, 1),
  stdinSha256: null,
  options: { arguments: ['a', 'b'], env: { A: '1', B: '2' } },
  timeoutSeconds: 30,
  hostIds: [3, 1, 2],
  ...more,
});
const hex = (more: Partial<Run> = {}): string => digestOfRun(run(more)).toString('hex');

describe('digestOfRun', () => {
  it.each<[string, Partial<Run>]>([
    ['kind', { kind: 'shell' }],
    ['content', { contentSha256: Buffer.alloc(32, 2) }],
    ['stdin', { stdinSha256: Buffer.alloc(32, 1) }],
    ['arguments', { options: { ...run().options, arguments: ['b', 'a'] } }],
    ['one argument for two', { options: { ...run().options, arguments: ['a,b'] } }],
    ['a variable', { options: { ...run().options, env: { A: '1', B: '3' } } }],
    ['a variable more', { options: { ...run().options, env: { A: '1', B: '2', C: '' } } }],
    ['account', { options: { ...run().options, user: 'root' } }],
    ['directory', { options: { ...run().options, cwd: '/' } }],
    ['timeout', { timeoutSeconds: 31 }],
    ['hosts', { hostIds: [1, 2] }],
  ])('changes with another %s', (_, more) => {
    expect(hex(more)).not.toBe(hex());
  });

  it.each<[string, Partial<Run>]>([
    ['the order of hosts', { hostIds: [1, 2, 3] }],
    ['the order of keys', { options: { env: { B: '2', A: '1' }, arguments: ['a', 'b'] } }],
    ['the review', { options: { ...run().options, review: 'x' } }],
  ])('stays with %s', (_, more) => {
    expect(hex(more)).toBe(hex());
  });

  it('of what may move to another host stays when it does', () => {
    const options: RunOptions = { any: true, target: '_any' };
    expect(hex({ options, hostIds: [7] })).toBe(hex({ options, hostIds: [8] }));
    expect(hex({ options: { ...options, target: 'group:web' } })).not.toBe(hex({ options }));
  });

  it('is the same after a way through JSON with its keys in another order', () => {
    const values = fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 });
    fc.assert(
      fc.property(values, values, (one, other) => {
        const back = Object.fromEntries(Object.entries(one).reverse());
        expect(hex({ options: { env: JSON.parse(JSON.stringify(back)) as typeof one } })).toBe(
          hex({ options: { env: one } }),
        );
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(hex({ options: { env: other } }) === hex({ options: { env: one } })).toBe(same);
      }),
    );
  });
});

function sorted(values: Record<string, string>): [string, string][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}
