import fc from 'fast-check';
import { nextStep, type Standing } from './next-step.js';
import { opening } from './opening.js';
import { planRollout } from './plan.js';

const standing: Standing = {
  state: 'running',
  failures: 0,
  maxFailures: 1,
  pauseSeconds: 0,
  open: 0,
  unsent: 0,
  more: true,
};

describe('the next step of a rollout', () => {
  it.each<[string, Partial<Standing>, ReturnType<typeof nextStep>]>([
    ['waits while a target of the wave is open', { open: 1 }, 'stay'],
    ['releases the next wave when all of it has ended', {}, 'release'],
    ['pauses first where that is asked for', { pauseSeconds: 1 }, 'pause'],
    ['bears as many failures as it may', { failures: 1 }, 'release'],
    ['halts at one more', { failures: 2 }, 'halt'],
    ['halts in mid-wave', { failures: 2, open: 3 }, 'halt'],
    [
      'halts where only hosts of this wave are left to be sent to',
      { failures: 2, open: 3, unsent: 1, more: false },
      'halt',
    ],
    ['has nothing to hold back when all has been sent', { failures: 2, open: 3, more: false }, 'stay'],
    ['never halts without a limit', { failures: 99, maxFailures: null }, 'release'],
    ['is done when nobody is left', { failures: 9, more: false }, 'done'],
    ['leaves a pause to time', { state: 'pausing' }, 'stay'],
    ['leaves a halt to people', { state: 'halted', failures: 0 }, 'stay'],
    ['is done when what was held back has ended', { state: 'halted', more: false }, 'done'],
    ['is done when what was to come after the pause has ended', { state: 'pausing', more: false }, 'done'],
  ])('%s', (_, more, step) => {
    expect(nextStep({ ...standing, ...more })).toBe(step);
  });

  // A naive fleet: hosts end one by one, in any order within what was released, and somebody resumes each halt.
  it('reaches every host, wave after wave, with no more failures than allowed between two halts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 2, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }),
        fc.infiniteStream(fc.nat()),
        (fails, batch, maxFailures, dice) => {
          const plan = planRollout({ batch, max_failures: maxFailures }, fails.length);
          const queue = fails.map((_, i) => i);
          let open = queue.splice(0, plan.waves[0]);
          let [wave, failures, forgiven, ended, halts] = [1, 0, 0, 0, 0];
          let state: Standing['state'] = 'running';
          for (;;) {
            const more = queue.length > 0;
            const counted = failures - forgiven;
            const now = { maxFailures, pauseSeconds: 0, open: open.length, unsent: 0, more };
            const step = nextStep({ ...now, state, failures: counted });
            if (step === 'done') break;
            if (step === 'halt') {
              expect(counted).toBe((maxFailures ?? 0) + 1);
              halts += 1;
              forgiven = failures;
              state = 'running';
            } else if (step === 'release') {
              expect(open).toEqual([]);
              open = queue.splice(0, plan.waves[wave]);
              wave += 1;
            } else {
              const [host] = open.splice(dice.next().value % open.length, 1);
              ended += 1;
              if (fails[host!]) failures += 1;
            }
          }
          expect(ended).toBe(fails.length);
          expect(wave).toBe(plan.waves.length);
          if (maxFailures === null) expect(halts).toBe(0);
        },
      ),
    );
  });
});

describe('the beginning of a rollout', () => {
  const plan = planRollout({ batch: 2, max_failures: 1 }, 6);
  const unable =
    (...ids: number[]) =>
    (id: number) =>
      ids.includes(id);

  it('reaches the first hosts by their ids', () => {
    expect(opening(plan, [9, 2, 7, 4, 5, 6], unable())).toEqual({
      plan,
      state: 'running',
      reason: null,
      wave: 1,
      uptoHost: 4,
      released: 2,
      failures: 0,
    });
  });

  it('counts hosts that cannot run it, and makes no wave of them', () => {
    expect(opening(plan, [9, 2, 7, 4, 5, 6], unable(2))).toMatchObject({
      plan: { waves: [2, 2, 1] },
      uptoHost: 5,
      failures: 1,
    });
  });

  it('is a halt when too many cannot run it', () => {
    expect(opening(plan, [9, 2, 7, 4, 5, 6], unable(2, 9))).toMatchObject({
      state: 'halted',
      reason: expect.stringMatching(/^2 hosts have failed, and max_failures is 1: /),
      wave: 0,
      uptoHost: 0,
      released: 0,
    });
  });

  it.each<[string, ReturnType<typeof opening>]>([
    ['one host', opening(plan, [1], unable())],
    ['nobody who can run it', opening(plan, [1, 2], unable(1, 2))],
    ['neither waves nor a limit', opening(planRollout({ pause_between: 5 }, 2), [1, 2], unable())],
  ])('is none for %s', (_, begun) => {
    expect(begun).toBeNull();
  });
});
