/**
 * One build at a time per checkout. A directory is made or not made, atomically, on every file system; its holder
 * touches it while it works, so that the lock of a killed build is taken over (also across containers, where
 * process ids mean nothing).
 */
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

const beatMs = 1000;
const deadAfterMs = 10_000;

/** Outside dist, which the build deletes; ignored by git. */
const lockPath = (root) => join(root, 'node_modules/.cache/muster-build.lock');

function tryLock(path) {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead holder's lock aside; renaming succeeds for one of several waiters. */
function breakIfDead(path) {
  try {
    if (Date.now() - statSync(path).mtimeMs < deadAfterMs) return;
    const aside = `${path}.dead-${process.pid}-${Date.now()}`;
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

export async function withBuildLock(root, onWait, work) {
  const path = lockPath(root);
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!tryLock(path)) {
    if (!told) onWait();
    told = true;
    breakIfDead(path);
    await sleep(100);
  }
  const beat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {
      // Taken from us while this process was stopped (Ctrl-Z, a laptop asleep); the build itself goes on.
    }
  }, beatMs);
  const release = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.off('exit', release);
    release();
  }
}
