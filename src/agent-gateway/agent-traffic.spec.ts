import { EventEmitter } from 'node:events';
import { type AgentSocket } from './agent-connections.js';
import { AgentTraffic } from './agent-traffic.js';

/** A connection, as far as it is held up and ended here. */
function connection(hostId = 1): {
  socket: AgentSocket;
  line: { held: boolean; over: boolean };
  readonly receive: (bytes: number) => void;
} {
  const line = { held: false, over: false };
  const conn = Object.assign(new EventEmitter(), {
    transport: {
      socket: {
        pause: () => (line.held = true),
        resume: () => (line.held = false),
        terminate: () => (line.over = true),
      },
    },
  });
  const socket = { data: { hostId }, conn, disconnect: () => undefined } as unknown as AgentSocket;
  return { socket, line, receive: (bytes) => void conn.emit('packet', { data: 'x'.repeat(bytes) }) };
}

/** Work that ends when it is told to. */
function work(): { readonly run: () => Promise<void>; readonly end: () => void } {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (end = resolve));
  return { run: () => done, end: () => end() };
}

it('reads no further while too many messages are being handled', async () => {
  const { socket, line } = connection();
  const flow = new AgentTraffic().opened(socket);
  const jobs = Array.from({ length: 32 }, work);
  const all = jobs.slice(0, 31).map((job) => flow.through(job.run));
  expect(line.held).toBe(false);
  all.push(flow.through(jobs[31]?.run ?? (() => Promise.resolve())));
  expect(line.held).toBe(true);
  for (const job of jobs.slice(0, 15)) job.end();
  await Promise.all(all.slice(0, 15));
  expect(line.held).toBe(true);
  jobs[15]?.end();
  await all[15];
  expect(line.held).toBe(false);
  for (const job of jobs) job.end();
  await Promise.all(all);
});

it('reads no further while too many bytes are, and until everybody lets it', async () => {
  const { socket, line, receive } = connection();
  const flow = new AgentTraffic().opened(socket);
  const job = work();
  receive(4 * 1024 * 1024);
  const done = flow.through(job.run);
  expect(line.held).toBe(true);
  flow.pause();
  job.end();
  await done;
  expect(line.held).toBe(true);
  flow.resume();
  expect(line.held).toBe(false);
});

it('lets go of what has failed', async () => {
  const { socket, line, receive } = connection();
  const flow = new AgentTraffic().opened(socket);
  receive(4 * 1024 * 1024);
  await expect(flow.through(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(line.held).toBe(false);
});

it('keeps four connections of a host, the newest', () => {
  const traffic = new AgentTraffic();
  const own = Array.from({ length: 6 }, () => connection());
  const other = connection(2);
  for (const { socket } of [...own, other]) traffic.opened(socket);
  expect(own.map(({ line }) => line.over)).toEqual([true, true, false, false, false, false]);
  expect(other.line.over).toBe(false);
});

it('ends the connections of a host that makes no sense, and of no other', () => {
  const traffic = new AgentTraffic();
  const [one, two, other] = [connection(), connection(), connection(2)];
  for (const { socket } of [one, two, other]) traffic.opened(socket);
  for (let i = 0; i < 20; i++) traffic.refused(one.socket, 'nonsense');
  expect(traffic.isHeard(1)).toBe(true);
  // A little has been forgiven meanwhile.
  for (let i = 0; i < 2; i++) traffic.refused(two.socket, 'nonsense');
  expect([one, two, other].map(({ line }) => line.over)).toEqual([true, true, false]);
  expect([traffic.isHeard(1), traffic.isHeard(2)]).toEqual([false, true]);
});

it('has more patience with what is in vain', () => {
  const traffic = new AgentTraffic();
  const { socket, line } = connection();
  traffic.opened(socket);
  for (let i = 0; i < 100; i++) traffic.inVain(socket);
  expect(line.over).toBe(false);
  for (let i = 0; i < 10; i++) traffic.inVain(socket);
  expect(line.over).toBe(true);
});
