import { Watchers } from './watchers.js';

describe('Watchers', () => {
  it('yields at once, then per nudge, folding those that come while the consumer is busy', async () => {
    const watchers = new Watchers<string>();
    const end = new AbortController();
    const seen = watchers.changes('7', end.signal);
    expect(await seen.next()).toEqual({ done: false, value: undefined });
    watchers.changed(['7', '7', '8']);
    watchers.changed(['7']);
    expect((await seen.next()).done).toBe(false);
    const waiting = seen.next();
    watchers.changed(['8']);
    watchers.changed(['7']);
    expect((await waiting).done).toBe(false);
    const last = seen.next();
    end.abort();
    expect((await last).done).toBe(true);
  });

  it('lets go of the key when its consumer leaves', async () => {
    const watchers = new Watchers<string>();
    const seen = watchers.changes('7', new AbortController().signal);
    await seen.next();
    await seen.return(undefined);
    expect((watchers as unknown as { listeners: Map<string, unknown> }).listeners.size).toBe(0);
  });

  it('never begins when the signal was aborted before', async () => {
    expect((await new Watchers<string>().changes('7', AbortSignal.abort()).next()).done).toBe(true);
  });
});
