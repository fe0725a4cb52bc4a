import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/*
 * An agent is a guest on its host. Imported first, this keeps V8 from growing its nursery to three times 16 MB while
 * modules load; it would never give that back to a process that then sits idle.
 */
const MEASURED_V8 = '11.';
const FLAGS = ['--semi-space-growth-factor=1', '--optimize-for-size', '--max-lazy'];
// Flags come and go with V8's versions, and an unknown one is complained about on stderr.
if (process.versions.v8.startsWith(MEASURED_V8)) for (const flag of FLAGS) setFlagsFromString(flag);

const SETTLE_MS = 5000;

/**
 * Starting leaves megabytes of source text and dead objects behind, and an idle process would never collect them. One
 * collection when the start is over gives them back.
 */
export function settleDown(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as unknown;
    if (typeof collect === 'function') (collect as () => void)();
  }, SETTLE_MS).unref();
}
