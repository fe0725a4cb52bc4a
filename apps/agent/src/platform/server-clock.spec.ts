import { ServerClock } from './server-clock.js';

it("is never behind the server's, however long its answer was held up", () => {
  const clock = new ServerClock();
  expect(clock.steady()).toBeNull();
  // The server said it at once; somebody let it through five seconds later.
  clock.set(1_000_000, performance.now() - 5_000);
  expect(clock.steady()).toBeGreaterThanOrEqual(1_005_000);
  expect(clock.now()).toBeGreaterThanOrEqual(1_005_000);
  clock.set(1_000_000, performance.now());
  expect(clock.steady()).toBeLessThan(1_005_000);
});
