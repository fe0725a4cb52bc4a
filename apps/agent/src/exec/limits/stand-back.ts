import * as fs from 'node:fs';
import { readTextOr } from '../../platform/files.js';

/** As `nice 5`: about a third of what a session has otherwise, where there is not enough for all. */
const NICE = '5';

let hasAutogroups: boolean | null = null;

/**
 * Where every session has its share of the processors (Linux's autogroups; in cgroups with a controller the kernel keeps others), that of a run is a smaller
 * one: the agent, the server beside it and whoever is logged in come first. What a run leaves behind in sessions of its own has a share like everybody.
 * @param pid the first of its session: a run's is
 */
export function standBack(pid: number): void {
  hasAutogroups ??= readTextOr('/proc/sys/kernel/sched_autogroup_enabled') === '1';
  if (!hasAutogroups) return;
  try {
    fs.writeFileSync(`/proc/${pid}/autogroup`, NICE);
  } catch {
    // It has ended, or too many were asked for within a moment by somebody who is not root.
  }
}
