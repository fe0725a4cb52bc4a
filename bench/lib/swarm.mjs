import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * `muster swarm` as a child, driven over its standard streams.
 * @param target where to connect, and with which enroll secret: `{ url, secret }`
 * @param args further options, as people would type them
 * @returns once all hosts are connected: pid; `arrival`, the seconds it took to enroll and to connect; `stats()`, its numbers;
 *   `reset()`, to count anew; `stop()`, which resolves to its last numbers
 */
export async function startSwarm(root, target, hosts, args = []) {
  const child = spawn(
    process.execPath,
    [join(root, 'bin/muster'), 'swarm', '--server', target.url, '--hosts', String(hosts), '--json', ...args],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        MUSTER_ENROLL_SECRET: target.secret,
        MUSTER_EXIT_WITH_PARENT: '1',
        MUSTER_NO_BUILD: '1',
      },
    },
  );
  const waiting = [];
  let failure = null;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    const index = waiting.findIndex(({ event }) => event === message.event);
    if (index >= 0) waiting.splice(index, 1)[0].resolve(message);
  });
  child.once('exit', (code, signal) => {
    failure = new Error(`the swarm ended: ${signal ?? `exit code ${code}`}`);
    for (const { reject } of waiting.splice(0)) reject(failure);
  });
  const next = (event) =>
    new Promise((resolve, reject) => {
      if (failure) reject(failure);
      else waiting.push({ event, resolve, reject });
    });
  const ask = (word, event = word) => {
    child.stdin.write(`${word}\n`);
    return next(event);
  };
  const arrival = await next('ready');
  return {
    pid: child.pid,
    arrival,
    stats: () => ask('stats'),
    reset: () => ask('reset'),
    stop: () => ask('stop', 'summary'),
  };
}
