import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Ending } from '#libs/protocol/index';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { Journal } from './journal.js';
import { type AcceptedOrder } from './journal-state.js';
import { encodeRecord, scanRecords } from './record.js';

afterAll(removeTemporary);

const ending: Ending = {
  outcome: 'finished',
  reason: null,
  message: '',
  exit_code: 0,
  signal: null,
  started_at: 1,
  finished_at: 2,
  duration_ms: 1,
  stdout_bytes: 3,
  stderr_bytes: 0,
  dropped_bytes: 0,
  gap_seq: null,
  chunks: 1,
};
const mark = { pid: 1, startTime: 2, bootId: 'boot' };
const order = (name: string): AcceptedOrder => ({
  attemptId: name,
  targetId: `target-${name}`,
  executionId: `execution-${name}`,
  kind: 'command',
  capBytes: 1024,
});
const limits = { idleBytes: 1500, busyBytes: 3000 };
const file = (directory: string) => path.join(directory, 'journal.log');

/** What a journal must know, kept in the simplest way there is. */
class Model {
  readonly state = new Map<string, string>();
  allowed(action: string, name: string): boolean {
    const now = this.state.get(name);
    if (action === 'accept' || action === 'refuse') return now === undefined;
    if (action === 'start') return now === 'accepted';
    if (action === 'end') return now === 'accepted' || now === 'running';
    return now === 'ended';
  }
  apply(action: string, name: string): void {
    const next = { accept: 'accepted', refuse: 'refused', start: 'running', end: 'ended', settle: 'settled' }[
      action
    ];
    if (next !== undefined) this.state.set(name, next);
  }
}

function perform(journal: Journal, action: string, name: string): void {
  if (action === 'accept') journal.accept(order(name), 1);
  if (action === 'refuse') journal.refuse(name, `target-${name}`, 'expired', 'too late', 1);
  if (action === 'start') journal.started(name, 1, mark);
  if (action === 'end') journal.ended(name, ending, [{ stream: 'stdout', at: 1, data: Buffer.from(name) }]);
  if (action === 'settle') journal.settle(name);
}

function stateOf(journal: Journal, name: string): string | undefined {
  return journal.find(name)?.state ?? journal.findClosed(name)?.state;
}

describe('the journal', () => {
  it('knows what a naive model knows, through rewrites and reopenings', async () => {
    const step = fc.tuple(
      fc.constantFrom('accept', 'accept', 'refuse', 'start', 'end', 'settle', 'compact', 'commit', 'reopen'),
      fc.nat(7),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const directory = temporaryDirectory();
        let { journal } = Journal.open(directory, limits);
        const { id } = journal;
        const model = new Model();
        const pending: Promise<unknown>[] = [];
        for (const [action, number] of steps) {
          const name = `a${number}`;
          if (action === 'compact') pending.push(journal.compact());
          else if (action === 'commit') pending.push(journal.commit());
          else if (action === 'reopen') {
            await journal.close();
            ({ journal } = Journal.open(directory, limits));
          } else if (model.allowed(action, name)) {
            model.apply(action, name);
            perform(journal, action, name);
          }
        }
        await Promise.all(pending);
        await journal.close();
        ({ journal } = Journal.open(directory, limits));
        expect(journal.id).toBe(id);
        for (const [name, state] of model.state) {
          expect([name, stateOf(journal, name)]).toEqual([name, state]);
          expect(journal.attemptOf(`target-${name}`)).toBe(
            state === 'refused' ? undefined : stateAttempt(model, journal, name),
          );
          const open = journal.find(name);
          if (state === 'ended' && open !== undefined) {
            const output = await journal.output(open);
            expect((await output.read(0)).data.toString()).toBe(name);
          }
        }
        await journal.close();
        fs.rmSync(directory, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });

  it('recovers exactly what stood before a tear at any byte, and goes on from there', async () => {
    const directory = temporaryDirectory();
    const { journal } = Journal.open(directory);
    for (const name of ['a', 'b', 'c']) {
      perform(journal, 'accept', name);
      perform(journal, 'start', name);
      perform(journal, 'end', name);
    }
    await journal.close();
    const whole = fs.readFileSync(file(directory));
    const header = [...scanRecords(whole)][0]!.length;
    for (let cut = header; cut < whole.length; cut += 7) {
      fs.writeFileSync(file(directory), whole.subarray(0, cut));
      const expected = [...scanRecords(whole.subarray(0, cut))].length;
      const torn = Journal.open(directory);
      expect(torn.replaced).toBe(false);
      expect(torn.journal.openAttempts().reduce((sum, { entries }) => sum + entries.length, 0)).toBe(
        expected - 1,
      );
      perform(torn.journal, 'accept', 'later');
      await torn.journal.commit();
      await torn.journal.close();
      const again = Journal.open(directory);
      expect(again.tornBytes).toBe(0);
      expect(stateOf(again.journal, 'later')).toBe('accepted');
      await again.journal.close();
    }
  });

  it('takes a new name when records are missing from its middle, or its beginning', async () => {
    for (const where of ['middle', 'beginning']) {
      const directory = temporaryDirectory();
      const { journal } = Journal.open(directory);
      for (const name of ['a', 'b', 'c']) perform(journal, 'accept', name);
      await journal.close();
      const bytes = fs.readFileSync(file(directory));
      const at = where === 'beginning' ? 12 : [...scanRecords(bytes)][2]!.offset + 12;
      bytes[at] = bytes[at]! ^ 1;
      fs.writeFileSync(file(directory), bytes);
      const after = Journal.open(directory);
      expect(after.replaced).toBe(true);
      expect(after.journal.id).not.toBe(journal.id);
      expect(after.journal.openAttempts()).toHaveLength(where === 'beginning' ? 0 : 1);
      await after.journal.close();
      const again = Journal.open(directory);
      expect(again.journal.id).toBe(after.journal.id);
      await again.journal.close();
    }
  });

  it('stays small however much passes through it', async () => {
    const directory = temporaryDirectory();
    const { journal } = Journal.open(directory, { idleBytes: 20_000, busyBytes: 40_000 });
    const kept = randomUUID();
    perform(journal, 'accept', kept);
    let largest = 0;
    for (let round = 0; round < 5000; round += 1) {
      for (const action of ['accept', 'start', 'end', 'settle']) perform(journal, action, `n${round}`);
      largest = Math.max(largest, journal.size);
      if (round % 100 === 0) await journal.commit();
    }
    await journal.compact();
    expect(largest).toBeLessThan(8_000_000);
    expect(journal.size).toBeLessThan(1_000_000);
    expect(stateOf(journal, kept)).toBe('accepted');
    expect(stateOf(journal, 'n4999')).toBe('settled');
    await journal.close();
  });

  it('shares one sync among all who wait', async () => {
    const { journal } = Journal.open(temporaryDirectory());
    const waits = Array.from({ length: 500 }, (_, number) => {
      perform(journal, 'accept', `n${number}`);
      return journal.commit();
    });
    await Promise.all(waits);
    expect(journal.openAttempts()).toHaveLength(500);
    await journal.close();
  });

  it('keeps nothing secret in its records', async () => {
    const directory = temporaryDirectory();
    const { journal } = Journal.open(directory);
    perform(journal, 'accept', 'a');
    await journal.close();
    expect(fs.statSync(file(directory)).mode & 0o777).toBe(0o600);
    expect(encodeRecord(order('a')).includes('contents')).toBe(false);
  });
});

function stateAttempt(_model: Model, journal: Journal, name: string): string | undefined {
  const closed = journal.findClosed(name);
  return closed === undefined || closed.started ? name : undefined;
}
