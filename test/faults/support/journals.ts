import { readFileSync } from 'node:fs';
import path from 'node:path';
import { scanRecords } from '../../../apps/agent/src/journal/record.js';

/** What an agent's journal file says about the attempts that it names. */
export interface JournalContent {
  readonly accepted: ReadonlySet<string>;
  /** With the exit code of those that finished. */
  readonly ended: ReadonlyMap<string, { outcome: string; exit_code: number | null }>;
}

interface JournalRecord {
  t: string;
  a?: string;
  order?: { attemptId: string };
  ending?: { outcome: string; exit_code: number | null };
}

/** Reads the journal of an agent that is dead, as its next process will. */
export function readJournal(stateDir: string): JournalContent {
  const accepted = new Set<string>();
  const ended = new Map<string, { outcome: string; exit_code: number | null }>();
  for (const { json } of scanRecords(readFileSync(path.join(stateDir, 'journal', 'journal.log')))) {
    const record = json as JournalRecord;
    if (record.t === 'accepted' && record.order) accepted.add(record.order.attemptId);
    if (record.t === 'ended' && record.a !== undefined && record.ending) ended.set(record.a, record.ending);
  }
  return { accepted, ended };
}
