import { type Execution, isFinal } from '../api/shapes.js';
import { exitCodeOf } from '../output/outcome.js';
import { amount } from '../query/standing.js';

/** How far an execution has come, in one line. */
export function describeProgress({ targets, rollout }: Execution, now = Date.now()): string {
  const ended = targets.filter(({ state }) => isFinal(state));
  const failed = ended.filter((target) => exitCodeOf(target) !== 0).length;
  const parts = [`${amount(ended.length)}/${amount(targets.length)} done`];
  if (failed > 0) parts.push(`${amount(failed)} failed`);
  if (rollout && rollout.waves > 0) {
    parts.push(`wave ${rollout.wave}/${rollout.waves}`);
    if (rollout.state === 'pausing' && rollout.nextAt !== undefined) {
      const seconds = Math.max(0, Math.ceil((Date.parse(rollout.nextAt) - now) / 1000));
      parts.push(`next in ${seconds} s`);
    } else if (rollout.state === 'halted') {
      parts.push('halted');
    }
  }
  return parts.join(', ');
}
