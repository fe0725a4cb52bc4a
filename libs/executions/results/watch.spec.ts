import { Nudges } from './nudges.js';
import { changes } from './watch.js';

describe('changes', () => {
  it('yields at once, then per nudge, folding those that come while the consumer is busy', async () => {
    const nudges = new Nudges();
    const end = new AbortController();
    const seen = changes(nudges, '7', end.signal);
    expect(await seen.next()).toEqual({ done: false, value: undefined });
    nudges.changed(['7', '7', '8']);
    nudges.changed(['7']);
    expect((await seen.next()).done).toBe(false);
    const waiting = seen.next();
    nudges.changed(['8']);
    nudges.changed(['7']);
    expect((await waiting).done).toBe(false);
    const last = seen.next();
    end.abort();
    expect((await last).done).toBe(true);
  });

  it('lets go of the execution when its consumer leaves', async () => {
    const nudges = new Nudges();
    const seen = changes(nudges, '7', new AbortController().signal);
    await seen.next();
    await seen.return(undefined);
    expect((nudges as unknown as { watchers: Map<string, unknown> }).watchers.size).toBe(0);
  });

  it('never begins when the signal was aborted before', async () => {
    expect((await changes(new Nudges(), '7', AbortSignal.abort()).next()).done).toBe(true);
  });
});
