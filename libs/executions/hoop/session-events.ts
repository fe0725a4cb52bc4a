import { Injectable } from '@nestjs/common';
import { ContentsService } from '#libs/scripts/index';
import { type ChunkRow, ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { isFinal } from '../states.js';
import { type SessionRow } from './exec-sessions.repository.js';
import { toOutcome } from './session-outcome.js';

/** hoop's kinds of events: input, output of either stream, the words with which a session is closed. */
export type EventType = 'i' | 'o' | 'e';

export interface SessionEvent {
  readonly type: EventType;
  /** Seconds since the start. */
  readonly time: number;
  readonly at: Date;
  readonly data: Buffer;
}

const CHUNKS_PER_PAGE = 100;

/** What a session was given, wrote, and was closed with, in order, as far as it is stored. */
@Injectable()
export class SessionEvents {
  constructor(
    private readonly contents: ContentsService,
    private readonly ledger: ExecutionsRepository,
  ) {}

  /** Page by page, so that it may be of any size; each page is read when the one before has been taken. */
  async *read(
    session: SessionRow,
    target: TargetRow,
    types: ReadonlySet<EventType>,
  ): AsyncGenerator<SessionEvent> {
    const start = startOf(session, target);
    if (types.has('i')) yield { type: 'i', time: 0, at: start, data: await this.script(session) };
    if (types.has('o'))
      for await (const { at, data } of this.chunks(session.id))
        yield { type: 'o', time: secondsSince(start, at), at, data };
    const closing = types.has('e') ? closingEvent(session, target) : null;
    if (closing) yield closing;
  }

  /** Empty when it was given none. */
  async script({ stdin_sha256 }: SessionRow): Promise<Buffer> {
    return stdin_sha256 === null ? Buffer.alloc(0) : this.contents.get(stdin_sha256);
  }

  private async *chunks(executionId: string): AsyncGenerator<ChunkRow> {
    for (let after = 0; ;) {
      const rows = await this.ledger.chunks(executionId, after, null, null, CHUNKS_PER_PAGE, null);
      yield* rows;
      const last = rows.at(-1);
      if (!last || (rows.length < CHUNKS_PER_PAGE && !last.full)) return;
      after = Number(last.seq);
    }
  }
}

/** When it began; what has not begun: when it was asked for. */
export function startOf(
  session: Pick<SessionRow, 'created_at'>,
  target: Pick<TargetRow, 'started_at'>,
): Date {
  return target.started_at ?? session.created_at;
}

/** Never negative, whatever the clocks say. */
export function secondsSince(start: Date, at: Date): number {
  return Math.max(0, at.getTime() - start.getTime()) / 1_000;
}

/** The words with which it was closed; null: it goes on, or ended by itself. */
export function closingEvent(
  session: Pick<SessionRow, 'created_at' | 'timeout_seconds'>,
  target: TargetRow,
): SessionEvent | null {
  if (!isFinal(target.state)) return null;
  const { closing } = toOutcome(target, session.timeout_seconds);
  if (closing === '') return null;
  const at = target.finished_at ?? session.created_at;
  return {
    type: 'e',
    time: secondsSince(startOf(session, target), at),
    at,
    data: Buffer.from(`${closing}\n`),
  };
}
