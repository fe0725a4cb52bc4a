import fc from 'fast-check';
import { DomainError } from '#libs/platform/errors/index';
import { fitPlan, maxFailuresOf, planRollout } from './plan.js';
import { type RolloutDto } from './rollout.dto.js';

const waves = (dto: RolloutDto, hosts: number): readonly number[] => planRollout(dto, hosts).waves;

describe('the waves of a plan', () => {
  it.each<[RolloutDto, number, number[]]>([
    [{}, 7, [7]],
    [{}, 0, []],
    [{ batch: 3 }, 7, [3, 3, 1]],
    [{ batch: '3' }, 7, [3, 3, 1]],
    [{ batch: 100 }, 7, [7]],
    [{ batch: '10%' }, 30, [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]],
    [{ batch: '10 %' }, 4, [1, 1, 1, 1]],
    [{ batch: '33.333%' }, 100_000, [33_333, 33_333, 33_333, 1]],
    [{ ramp: [1, '5%', '25%', '100%'] }, 100, [1, 4, 20, 75]],
    // 5 % of ten is one, who has been reached already.
    [{ ramp: [1, '5%', '25%', '100%'] }, 10, [1, 2, 7]],
    [{ ramp: [1, '5%', '25%', '100%'] }, 1, [1]],
    // What is left goes on as the last step did.
    [{ ramp: [1, 3] }, 8, [1, 2, 2, 2, 1]],
    [{ ramp: ['50%'] }, 5, [3, 2]],
    [{ batch: null, ramp: [2] }, 5, [2, 2, 1]],
  ])('%j of %i hosts', (dto, hosts, expected) => {
    expect(waves(dto, hosts)).toEqual(expected);
  });

  const percent = fc.integer({ min: 1, max: 100_000 });
  const asText = (thousandths: number): string => `${thousandths / 1_000}%`;
  const step = fc.oneof(
    fc.integer({ min: 1, max: 400 }).map((n) => ({ given: n, of: () => BigInt(n) })),
    percent.map((p) => ({
      given: asText(p),
      // Exactly, and rounded up.
      of: (hosts: number) => (BigInt(hosts) * BigInt(p) + 99_999n) / 100_000n,
    })),
  );

  it('are as many hosts at a time as asked for, whatever that is', () => {
    fc.assert(
      fc.property(step, fc.integer({ min: 1, max: 400 }), (batch, hosts) => {
        // Naively: host by host.
        const expected: number[] = [];
        for (let host = 0; host < hosts; host++) {
          const last = expected.length - 1;
          if (last < 0 || BigInt(expected[last]!) === batch.of(hosts)) expected.push(1);
          else expected[last]! += 1;
        }
        expect(waves({ batch: batch.given }, hosts)).toEqual(expected);
      }),
    );
  });

  it('of a ramp reach as many hosts as each step says, and in the end all, never in a bolder step than the last', () => {
    const ramp = fc
      .tuple(
        fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 5 }),
        fc.uniqueArray(percent, { maxLength: 5 }),
        fc.infiniteStream(fc.boolean()),
      )
      .filter(([numbers, percents]) => numbers.length + percents.length > 0)
      .map(([numbers, percents, coin]) => {
        const [a, b] = [numbers.sort((x, y) => x - y), percents.sort((x, y) => x - y).map(asText)];
        const mixed: (number | string)[] = [];
        while (a.length > 0 || b.length > 0) {
          const from = b.length === 0 || (a.length > 0 && coin.next().value === true) ? a : b;
          mixed.push(from.shift()!);
        }
        return mixed;
      });
    fc.assert(
      fc.property(ramp, fc.integer({ min: 1, max: 400 }), (steps, hosts) => {
        const found = waves({ ramp: steps }, hosts);
        expect(found.every((size) => Number.isInteger(size) && size > 0)).toBe(true);
        expect(found.reduce((sum, size) => sum + size, 0)).toBe(hosts);
        const reached = found.map((_, i) => found.slice(0, i + 1).reduce((sum, size) => sum + size, 0));
        // The steps that rise, up to all hosts, are stations on the way, the first ones.
        const stations: number[] = [];
        for (const given of steps) {
          const count =
            typeof given === 'number'
              ? given
              : Math.ceil((hosts * Math.round(parseFloat(given) * 1e3)) / 1e5);
          const station = Math.min(count, hosts);
          if (station > (stations.at(-1) ?? 0)) stations.push(station);
        }
        expect(reached.slice(0, stations.length)).toEqual(stations);
        const rest = found.slice(stations.length);
        for (const size of rest) expect(size).toBeLessThanOrEqual(found[stations.length - 1]!);
        expect(new Set(rest.slice(0, -1)).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('fit fewer hosts, or more: those of the plan as far as they go', () => {
    fc.assert(
      fc.property(
        step,
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 500 }),
        (batch, was, is) => {
          const plan = planRollout({ batch: batch.given }, was);
          const fitting = fitPlan(plan, is).waves;
          expect(fitting.every((size) => size > 0)).toBe(true);
          expect(fitting.reduce((sum, size) => sum + size, 0)).toBe(is);
          expect(fitting.slice(0, -1)).toEqual(plan.waves.slice(0, Math.max(0, fitting.length - 1)));
        },
      ),
    );
  });
});

it.each<[number | string, number, number]>([
  [0, 10, 0],
  ['0%', 10, 0],
  [3, 10, 3],
  ['10%', 10, 1],
  // One of nine is more than 10 %.
  ['10%', 9, 0],
  ['29%', 100, 29],
])('max_failures of %s among %i hosts is %i', (given, hosts, expected) => {
  expect(maxFailuresOf(given, hosts)).toBe(expected);
  expect(planRollout({ max_failures: given }, hosts).maxFailures).toBe(expected);
});

it('pauses and limits are those asked for, and none by itself', () => {
  expect(planRollout({ batch: 1 }, 2)).toEqual({ waves: [1, 1], maxFailures: null, pauseSeconds: 0 });
  expect(planRollout({ pause_between: 7, max_failures: 1 }, 2)).toEqual({
    waves: [2],
    maxFailures: 1,
    pauseSeconds: 7,
  });
});

describe('nonsense is malformed, and its field is named', () => {
  it.each<[string, object]>([
    ['batch', { batch: 0 }],
    ['batch', { batch: -1 }],
    ['batch', { batch: 1.5 }],
    ['batch', { batch: '0%' }],
    ['batch', { batch: '100.001%' }],
    ['batch', { batch: '1e1' }],
    ['batch', { batch: '' }],
    ['batch', { batch: true }],
    ['batch', { batch: 1e300 }],
    ['batch', { batch: Number.NaN }],
    ['ramp', { ramp: [] }],
    ['ramp', { ramp: 5 }],
    ['ramp', { ramp: [5, 'x'] }],
    ['ramp', { ramp: [5, 5] }],
    ['ramp', { ramp: ['50%', 1, '5%'] }],
    ['ramp', { ramp: Array.from({ length: 101 }, (_, i) => i + 1) }],
    ['ramp', { ramp: [1], batch: 1 }],
    ['max_failures', { max_failures: -1 }],
    ['max_failures', { max_failures: '101%' }],
    ['pause_between', { pause_between: -1 }],
    ['pause_between', { pause_between: 0.5 }],
    ['pause_between', { pause_between: 604_801 }],
    ['pause_between', { pause_between: '5' }],
  ])('%s: %j', (name, dto) => {
    const problemsOf = (): unknown => {
      try {
        return planRollout(dto, 10);
      } catch (error) {
        return error instanceof DomainError && [error.code, error.problems.map((p) => p.name)];
      }
    };
    expect(problemsOf()).toEqual(['malformed', [name]]);
  });
});
