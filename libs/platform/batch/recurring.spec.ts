import { EventEmitter, once } from 'node:events';
import { Recurring } from './recurring.js';

/** Work that is done when the test says so. */
class Task extends EventEmitter {
  begun = 0;
  atOnce = 0;
  most = 0;
  private finish: (() => void) | null = null;

  readonly work = async (): Promise<void> => {
    this.begun += 1;
    this.atOnce += 1;
    this.most = Math.max(this.most, this.atOnce);
    const done = new Promise<void>((resolve) => (this.finish = resolve));
    this.emit('begun');
    await done;
    this.atOnce -= 1;
  };

  end(): void {
    this.finish?.();
  }
}

const never = (error: unknown): void => {
  throw error;
};

it('does it again after its end, and never twice at once', async () => {
  const task = new Task();
  const recurring = new Recurring(task.work, { everyMs: 1, firstMs: 0, onError: never });
  recurring.start();
  for (let time = 1; time <= 3; time++) {
    if (task.begun < time) await once(task, 'begun');
    expect(task.begun).toBe(time);
    task.end();
  }
  await once(task, 'begun');
  task.end();
  await recurring.stop();
  expect(task.most).toBe(1);
});

it('waits for the end of what is under way when it is stopped, and does it no more', async () => {
  const task = new Task();
  const recurring = new Recurring(task.work, { everyMs: 0, onError: never });
  recurring.start();
  await once(task, 'begun');
  let stopped = false;
  const stopping = recurring.stop().then(() => (stopped = true));
  expect(recurring.stopped).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  task.end();
  await stopping;
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(task.begun).toBe(1);
});

it('that is stopped before it has begun never does it', async () => {
  const task = new Task();
  const recurring = new Recurring(task.work, { everyMs: 0, onError: never });
  recurring.start();
  await recurring.stop();
  recurring.start();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(task.begun).toBe(0);
});

it('tells what went wrong, thrown or rejected, and tries again', async () => {
  const told: unknown[] = [];
  const tasks = new EventEmitter();
  let times = 0;
  const recurring = new Recurring(
    () => {
      times += 1;
      if (times === 3) tasks.emit('enough');
      if (times === 1) throw new Error('thrown');
      return Promise.reject(new Error('rejected'));
    },
    { everyMs: 0, onError: (error) => told.push((error as Error).message) },
  );
  const enough = once(tasks, 'enough');
  recurring.start();
  await enough;
  await recurring.stop();
  expect(told).toEqual(['thrown', 'rejected', 'rejected']);
});
