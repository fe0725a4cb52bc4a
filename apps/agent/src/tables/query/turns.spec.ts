import { Turns } from './turns.js';

it('are taken in the order of coming, and left by whoever does not want one any more', async () => {
  const turns = new Turns(1);
  const order: string[] = [];
  const leaving = new AbortController();
  expect(await turns.take(leaving.signal)).toBe(true);
  const left = turns.take(leaving.signal);
  const second = turns.take().then(() => order.push('second'));
  const third = turns.take().then(() => order.push('third'));
  leaving.abort();
  expect(await left).toBe(false);
  turns.give();
  await second;
  expect(order).toEqual(['second']);
  turns.give();
  await third;
  expect(order).toEqual(['second', 'third']);
  expect(await turns.take(leaving.signal)).toBe(false);
  turns.give();
  expect(await turns.take()).toBe(true);
});
