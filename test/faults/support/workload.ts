import { setTimeout as delay } from 'node:timers/promises';
import { type Api, until } from '#libs/testing/index';
import { countIn } from './lab.js';
import { type Random } from './random.js';

/** One script that counts its own starts, and what it must have left when it finished. */
export interface Job {
  readonly key: string;
  readonly hostId: number;
  readonly counter: string;
  readonly script: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Scripts of many kinds: silent, chatty, slow, with output on both streams, with more than fits into one message. */
export function drawJob(random: Random, index: number, hostId: number, counter: string): Job {
  const pause = `sleep 0.${String(random.between(0, 300)).padStart(3, '0')}\n`;
  const exitCode = random.pick([0, 0, 0, 3]);
  const kind = random.pick(['silent', 'line', 'both', 'slow', 'large', 'huge'] as const);
  const [body, stdout, stderr] = outputOf(kind, index, pause);
  const script = `${countIn(counter)}${body}exit ${exitCode}\n`;
  return { key: `job-${index}`, hostId, counter, script, stdout, stderr, exitCode };
}

function outputOf(
  kind: 'silent' | 'line' | 'both' | 'slow' | 'large' | 'huge',
  index: number,
  pause: string,
): [string, string, string] {
  const count = (last: number): string => Array.from({ length: last }, (_, i) => `${i + 1}\n`).join('');
  switch (kind) {
    case 'silent':
      return [pause, '', ''];
    case 'line':
      return [`${pause}echo "this is ${index}"\n`, `this is ${index}\n`, ''];
    case 'both':
      return [`echo out${index}\n${pause}echo err${index} >&2\n`, `out${index}\n`, `err${index}\n`];
    case 'slow':
      return [`for i in 1 2 3 4; do echo "$i of ${index}"; sleep 0.07; done\n`, slow(index), ''];
    case 'large':
      return [`seq 1 2000\n${pause}seq 1 2000 >&2\n`, count(2000), count(2000)];
    case 'huge':
      return [`seq 1 40000\n${pause}echo end\n`, `${count(40_000)}end\n`, ''];
  }
}

function slow(index: number): string {
  return [1, 2, 3, 4].map((i) => `${i} of ${index}\n`).join('');
}

/** What came of asking for a job, over however many tries. */
export interface Accepted {
  readonly uuid: string;
  readonly tries: number;
}

/** Asks again with the same key until the answer is 202. Answers that a fault does not explain go to `odd`. */
export async function submitUntilAccepted(api: Api, job: Job, odd: string[]): Promise<Accepted> {
  const body = { host_id: job.hostId, script_contents: job.script };
  for (let tries = 1; ; tries++) {
    const signal = AbortSignal.timeout(3_000);
    const answer = await Promise.race([
      api.post('/api/v1/fleet/scripts/run', body, { 'idempotency-key': job.key }).catch(() => null),
      new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null))),
    ]);
    if (answer?.status === 202)
      return { uuid: (answer.body as { execution_id: string }).execution_id, tries };
    if (answer !== null && answer.status !== 503)
      odd.push(`POST of ${job.key}: ${answer.status} ${JSON.stringify(answer.body)}`);
    await delay(100);
  }
}

/** Waits for a number of things with a bound that a busy machine does not reach. */
export function eventually<T>(
  what: string,
  timeout: number,
  look: () => Promise<T>,
): Promise<NonNullable<T>> {
  return until(look, { what, timeout, interval: 250 });
}
