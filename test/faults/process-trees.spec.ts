import { readFileSync } from 'node:fs';
import { type HostRef, startAgent, until } from '#libs/testing/index';
import { Lab, lives } from './support/lab.js';
import { expectLawfulTransitions } from './support/transitions.js';

describe('a process tree that is to die', () => {
  let lab: Lab;
  let host: HostRef;
  beforeAll(async () => {
    lab = await Lab.open();
    host = await startAgent({ server: lab.server }).online();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  function pidsIn(file: string): number[] {
    return readFileSync(file, 'utf8').trim().split('\n').map(Number);
  }

  /** Runs it, and waits until it has written down so many process ids. */
  async function begin(name: string, script: (pids: string) => string, count: number, more = {}) {
    const file = lab.counter(name);
    const uuid = await lab.run(host.id, script(file), more);
    await until(() => pidsIn(file).length >= count, { what: `${count} processes of ${name}` });
    const pids = pidsIn(file);
    expect(pids.map(lives)).toEqual(pids.map(() => true));
    return { uuid, pids };
  }

  /* A child, a daemon by double fork, one in a session of its own, one that keeps forking, and the shell. */
  const forker = (pids: string): string => `
sleep 300 & echo $! >> '${pids}'
(sh -c 'echo $$ >> "${pids}"; exec sleep 300' >/dev/null 2>&1 &)
setsid sh -c 'echo $$ >> "${pids}"; exec sleep 300' &
(setsid sh -c 'sleep 300 & echo $! >> "${pids}"; echo $$ >> "${pids}"; while :; do sleep 0.05; done' >/dev/null 2>&1 &)
echo $$ >> '${pids}'
wait
sleep 300
`;

  it('dies when it is cancelled: children, daemons, sessions of their own', async () => {
    const { uuid, pids } = await begin('forker', forker, 6);
    await lab.cancel(uuid);
    expect(await lab.reaches(uuid, ['killed'])).toMatchObject({ reason: 'cancel_requested', signal: 15 });
    expect(pids.map(lives)).toEqual(pids.map(() => false));
  });

  it('dies when its time is over', async () => {
    const { uuid, pids } = await begin('timed', forker, 6, { timeout: 2 });
    expect(await lab.reaches(uuid, ['timed_out'])).toMatchObject({ reason: 'timeout' });
    expect(pids.map(lives)).toEqual(pids.map(() => false));
  });

  it('dies of KILL when it ignores TERM', async () => {
    const stubborn = (pids: string): string => `trap '' TERM\n${forker(pids)}`;
    const { uuid, pids } = await begin('stubborn', stubborn, 6);
    await lab.cancel(uuid);
    await lab.reaches(uuid, ['terminating']);
    expect(await lab.reaches(uuid, ['killed'])).toMatchObject({ signal: 9 });
    expect(pids.map(lives)).toEqual(pids.map(() => false));
  }, 60_000);
});
