import { Injectable } from '@nestjs/common';
import { type Report } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';

const CAPS = {
  name: 'output_caps_of_attempts',
  text: `SELECT (SELECT (SELECT e.output_cap_bytes FROM executions e WHERE e.id = t.execution_id) FROM targets t WHERE t.attempt_id = a.attempt_id AND t.host_id = a.host_id) AS cap
         FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS a(attempt_id, host_id, ord) ORDER BY a.ord`,
};

/** An attempt, as a host names it. */
interface Claimed {
  readonly hostId: number;
  readonly attemptId: string;
}

/** Chunks that were seen of one attempt: these numbers, without gaps. */
interface Seen {
  first: number;
  next: number;
  bytes: number;
  readonly most: number;
}

/** Beyond the cap, and besides it once more: an agent that lost acknowledgements and was restarted says things again. */
const SLACK_BYTES = 4 * 1024 * 1024;
/** Attempts whose output is being counted; the one heard of longest ago gives way. */
const MOST = 20_000;
const BATCH = 1_000;

/** Agents cut output down to its cap; one that does not must not fill the store. What is said again is counted once. */
@Injectable()
export class OutputBounds {
  private readonly seen = new Map<string, Seen>();
  /** Bytes that these may have; null: it is nobody's, or another host's, as whoever settles it will say. */
  private readonly caps = new Batcher((claimed: Claimed[]) => this.read(claimed), BATCH);

  constructor(private readonly database: Database) {}

  /** @throws DomainError malformed, for more output than this run may have */
  async check(hostId: number, { attempt_id: attemptId, chunks = [], ending }: Report): Promise<void> {
    const key = `${hostId} ${attemptId}`;
    const seen =
      this.seen.get(key) ?? (ending || chunks.length === 0 ? null : await this.load(hostId, attemptId));
    this.seen.delete(key);
    if (seen === null) return;
    for (const { seq, data } of chunks) {
      if (seq >= seen.first && seq < seen.next) continue;
      seen.bytes += data.length;
      if (seq < seen.first) continue;
      if (seq > seen.next) seen.first = seq;
      seen.next = seq + 1;
    }
    // Also of one that claims to have ended: it may say so again.
    if (!ending || seen.bytes > seen.most) this.keep(key, seen);
    if (seen.bytes > seen.most)
      throw new DomainError('malformed', 'there is more output than this run may have');
  }

  private async load(hostId: number, attemptId: string): Promise<Seen | null> {
    const cap = await this.caps.add({ hostId, attemptId });
    if (cap === null) return null;
    const most = 2 * cap + SLACK_BYTES;
    return this.seen.get(`${hostId} ${attemptId}`) ?? { first: 0, next: 0, bytes: 0, most };
  }

  private async read(claimed: readonly Claimed[]): Promise<(number | null)[]> {
    const rows = await this.database.query<{ cap: string | null }>(CAPS, [
      claimed.map(({ attemptId }) => attemptId),
      claimed.map(({ hostId }) => hostId),
    ]);
    return rows.map(({ cap }) => (cap === null ? null : Number(cap)));
  }

  private keep(key: string, seen: Seen): void {
    this.seen.set(key, seen);
    const [oldest] = this.seen.keys();
    if (this.seen.size > MOST && oldest !== undefined) this.seen.delete(oldest);
  }
}
