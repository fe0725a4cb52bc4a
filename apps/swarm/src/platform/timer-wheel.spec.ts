import { TimerWheel } from './timer-wheel.js';

describe('the timer wheel', () => {
  let time: number;
  let wheel: TimerWheel;
  beforeEach(() => {
    time = 1_000;
    wheel = new TimerWheel(() => time);
  });
  afterEach(() => wheel.stop());

  it('calls in the order in which things fall due, never early', () => {
    const calls: string[] = [];
    wheel.after(30, () => calls.push('30'));
    wheel.after(10, () => calls.push('10'));
    wheel.after(10_000, () => calls.push('10000'));
    time += 9;
    wheel.turn();
    expect(calls).toEqual([]);
    time += 26;
    wheel.turn();
    expect(calls).toEqual(['10', '30']);
    time += 10_000;
    wheel.turn();
    expect(calls).toEqual(['10', '30', '10000']);
  });

  it('takes further tasks from within a task, and calls them later', () => {
    const calls: string[] = [];
    wheel.after(5, () => {
      calls.push('first');
      wheel.after(0, () => calls.push('second'));
    });
    time += 10;
    wheel.turn();
    expect(calls).toEqual(['first']);
    time += 10;
    wheel.turn();
    expect(calls).toEqual(['first', 'second']);
  });

  it('turns by itself', async () => {
    const real = new TimerWheel();
    await new Promise<void>((resolve) => real.after(12, resolve));
  });
});
