import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Runs also when tests failed; ends what global set-up started. */
export default async function globalTeardown(): Promise<void> {
  const owner = (globalThis as Record<symbol, ChildProcess | undefined>)[Symbol.for('muster.test-database')];
  if (owner === undefined || owner.exitCode !== null) return;
  owner.stdin?.end();
  await once(owner, 'exit');
}
