import { document, element, leaf, type TreeNode } from '#libs/triggers/index';
import { RateLimit } from './rate-limit.js';
import { ScheduleTrigger } from './schedule-trigger.js';
import { XPathTrigger } from './xpath-trigger.js';

const facts = (state: string | null, free = 10): TreeNode =>
  document([
    element(
      'networking',
      {},
      state === null
        ? []
        : [element('eth0', {}, [leaf('state', state), leaf('free', free, { moves: true })])],
    ),
  ]);
/** What each look comes to: the tree at a time, in milliseconds. */
function looks(trigger: XPathTrigger, steps: readonly (readonly [number, TreeNode])[]): string[] {
  return steps.map(([now, root]) => {
    const look = trigger.look(root, now);
    if (look.kind !== 'fires') return look.kind === 'wait' ? String(look.ms) : look.kind;
    trigger.take(look.seen);
    return 'fires';
  });
}

describe('a path', () => {
  it('fires when what it selects appears, changes, disappears; not for what is there at first, nor for what moves by itself', () => {
    const trigger = new XPathTrigger('/networking/eth0', 0, null);
    const steps = [
      [0, facts('up')],
      [1, facts('up', 20)],
      [2, facts('down')],
      [3, facts(null)],
      [4, facts(null)],
      [5, facts('down')],
    ] as const;
    expect(looks(trigger, steps)).toEqual(['rest', 'rest', 'fires', 'fires', 'rest', 'fires']);
  });

  it('has to stand still, and need not stand as it was', () => {
    const trigger = new XPathTrigger('/networking/eth0', 1000, null);
    const steps = [
      [0, facts('up')],
      [100, facts('down')],
      [600, facts('up')],
      [700, facts(null)],
      [1300, facts('down')],
      [2299, facts('down')],
      [2300, facts('down')],
      [9000, facts('down')],
    ] as const;
    expect(looks(trigger, steps)).toEqual(['rest', '1000', 'rest', '1000', '1000', '1', 'fires', 'rest']);
  });

  it('fires at last though it never stands still', () => {
    const trigger = new XPathTrigger('/networking/eth0', 1000, null);
    const flapping = Array.from(
      { length: 22 },
      (_, i) => [i * 500, facts(i === 0 ? 'up' : `state ${i}`)] as const,
    );
    const all = looks(trigger, flapping);
    expect(all.indexOf('fires')).toBe(21);
  });

  it('knows after a restart what it knew before', () => {
    const before = new XPathTrigger('/networking/eth0', 0, null);
    looks(before, [[0, facts('up')]]);
    expect(looks(new XPathTrigger('/networking/eth0', 0, before.known), [[9, facts('up')]])).toEqual([
      'rest',
    ]);
    expect(looks(new XPathTrigger('/networking/eth0', 0, before.known), [[9, facts(null)]])).toEqual([
      'fires',
    ]);
  });
});

describe('a condition', () => {
  const setting = "/networking/eth0/state = 'down'";

  it('fires when it turns true, and when it is true at first', () => {
    const steps = [
      [0, facts('down')],
      [1, facts('down')],
      [2, facts('up')],
      [3, facts('down')],
    ] as const;
    expect(looks(new XPathTrigger(setting, 0, null), steps)).toEqual(['fires', 'rest', 'rest', 'fires']);
    expect(looks(new XPathTrigger(setting, 0, 'true'), steps)).toEqual(['rest', 'rest', 'rest', 'fires']);
  });

  it('has to stay true for a while', () => {
    const steps = [
      [0, facts('down')],
      [900, facts('up')],
      [1000, facts('down')],
      [2000, facts('down')],
    ] as const;
    expect(looks(new XPathTrigger(setting, 1000, null), steps)).toEqual(['1000', 'rest', '1000', 'fires']);
  });
});

describe('a schedule', () => {
  const at = (text: string): number => Date.parse(`2027-03-01T${text}Z`);
  const every = (missed: 'skip' | 'once' | 'all', known: number | null, now: number): ScheduleTrigger =>
    new ScheduleTrigger(
      { type: 'schedule', setting: '0 * * * *', timezone: 'UTC', missed },
      known === null ? null : String(known),
      now,
    );
  /** The times for which it fires now, one after the other. */
  function fired(trigger: ScheduleTrigger, now: number): string[] {
    const times: string[] = [];
    for (let look = trigger.look(now); look.kind === 'fires'; look = trigger.look(now)) {
      times.push(new Date(Number(look.seen)).toISOString().slice(11, 16));
      trigger.take(look.seen);
    }
    return times;
  }

  it('fires at its times, once each', () => {
    const trigger = every('skip', null, at('10:30:00'));
    expect(trigger.look(at('10:59:59'))).toEqual({ kind: 'wait', ms: 1000 });
    expect(fired(trigger, at('11:00:01'))).toEqual(['11:00']);
    expect(trigger.look(at('11:00:02'))).toEqual({ kind: 'wait', ms: 3_598_000 });
  });

  it.each([
    ['skip', []],
    ['once', ['13:00']],
    ['all', ['11:00', '12:00', '13:00']],
  ] as const)('%s: makes up for missed times as it is told', (missed, times) => {
    expect(fired(every(missed, at('10:00:00'), at('13:10:00')), at('13:10:00'))).toEqual(times);
  });

  it('does not begin with times before it was there', () => {
    expect(fired(every('all', null, at('13:10:00')), at('13:10:00'))).toEqual([]);
  });

  it('does not wait for a clock that was wrong', () => {
    const trigger = every('once', at('10:00:00') + 30 * 86_400_000, at('10:00:00'));
    expect(fired(trigger, at('11:00:00'))).toEqual(['11:00']);
  });
});

it('so many starts within any minute', () => {
  const limit = new RateLimit(2);
  expect(limit.wait(0)).toBe(0);
  limit.take(0);
  limit.take(10_000);
  expect(limit.wait(20_000)).toBe(40_000);
  expect(limit.wait(60_000)).toBe(0);
  limit.take(60_000);
  expect(limit.wait(60_001)).toBe(9999);
});
