import { Injectable } from '@nestjs/common';
import { ReviewerKeys } from '#libs/connections/index';
import { type Caller, may, teamsWhere } from '#libs/platform/auth/index';
import { groupBy } from '#libs/platform/batch/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { maySee } from '../approvals/review-rules.js';
import { type ReviewRow, ReviewsRepository } from '../approvals/reviews.repository.js';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { type TargetState } from '../states.js';
import { ExecSessionsRepository, type SessionRow } from './exec-sessions.repository.js';
import { closingEvent, type EventType, secondsSince, SessionEvents, startOf } from './session-events.js';
import { filterOf, MOST_COUNTED, pageOf } from './session-list.js';
import { waitSeconds } from './session-request.js';
import { toSessionDto } from './session-view.js';
import {
  type ExecSessionDto,
  type ExecSessionListDto,
  type SessionListQueryDto,
  type SessionQueryDto,
} from './sessions.dto.js';

/** A session with its one target. */
export interface FoundSession {
  readonly session: SessionRow;
  readonly target: TargetRow;
}

function mayRead(caller: Caller, { session, target }: FoundSession): boolean {
  return session.requested_by === caller.userId || may(caller, 'session:read', target.team_id);
}

function sessionNotFound(uuid: string): DomainError {
  return new DomainError('not_found', `session ${uuid.slice(0, 100)} not found`);
}

/** What a live stream consists of. `id` is what to go on after. */
export type LiveItem =
  | {
      readonly kind: 'event';
      readonly id: number;
      /** Seconds since the start. */
      readonly time: number;
      readonly type: EventType;
      /** base64. */
      readonly payload: string;
      /** Of output. */
      readonly stream?: 'stdout' | 'stderr';
      /** Bytes that were not kept stood right before it. */
      readonly droppedBefore?: number | undefined;
    }
  | {
      readonly kind: 'end';
      readonly id: number;
      readonly state: TargetState;
      readonly exitCode: number | null;
    };

/** Output in one answer, bytes; the rest is read as a stream. */
const MOST_EVENTS_BYTES = 16 * 1024 * 1024;
const FORMS = ['utf8', 'base64'];

/** Exec sessions, for those who may look at them: whoever asked for one, and whoever may on its host. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly sessions: ExecSessionsRepository,
    private readonly ledger: ExecutionsRepository,
    private readonly executions: ExecutionsService,
    private readonly events: SessionEvents,
    private readonly reviews: ReviewsRepository,
    private readonly reviewers: ReviewerKeys,
  ) {}

  /**
   * With `wait` when it has ended, or after that time. Who is to approve it sees what is asked for, and nothing of the output.
   * @throws DomainError not_found; invalid
   */
  async get(
    caller: Caller,
    uuid: string,
    query: SessionQueryDto,
    signal: AbortSignal,
  ): Promise<ExecSessionDto> {
    const form = query.event_stream ?? '';
    if (form !== '' && !FORMS.includes(form))
      throw new DomainError('invalid', {
        name: 'event_stream',
        reason: 'event_stream attribute has an unknown type format: it may be utf8 or base64',
      });
    const seconds = waitSeconds(query.wait, 0);
    const { session, target: before } = await this.find(uuid, () => true);
    const reads = mayRead(caller, { session, target: before });
    if (!reads && !(await this.mayReview(caller, session))) throw sessionNotFound(uuid);
    const [target = before] =
      seconds > 0 ? await this.executions.settled(session.id, seconds, signal) : [before];
    const dto = toSessionDto(session, target, await this.reviewOf(session));
    const expand = (query.expand ?? '').split(',').map((part) => part.trim());
    if (!query.expand || expand.includes('session_input'))
      dto.script.data = (await this.events.script(session)).toString('utf8');
    if (!reads || !expand.includes('event_stream')) return dto;
    return { ...dto, ...(await this.eventStream(session, target, form)) };
  }

  /** Newest first: the caller's own, and those on hosts where they may look at sessions. @throws DomainError invalid */
  async list(caller: Caller, query: SessionListQueryDto): Promise<ExecSessionListDto> {
    const [filter, page] = [filterOf(query), pageOf(query)];
    const viewer = { userId: caller.userId, scope: teamsWhere(caller, 'session:read') };
    const [rows, counted] = await Promise.all([
      this.sessions.page(viewer, filter, page),
      page.count === 'none' ? null : this.sessions.count(viewer, filter, page.count === 'capped'),
    ]);
    const shown = rows.slice(0, page.limit);
    const reviewed = shown.filter((row) => row.has_review).map(({ id }) => id);
    const [targetRows, reviewRows] = await Promise.all([
      this.ledger.targets(shown.map(({ id }) => id)),
      reviewed.length > 0 ? this.reviews.ofExecutions(reviewed) : [],
    ]);
    const targets = groupBy(targetRows, (target) => target.execution_id);
    const reviews = new Map(reviewRows.map((review) => [review.execution_id, review]));
    const capped = page.count === 'capped' && counted !== null && counted > MOST_COUNTED;
    return {
      data: shown.flatMap((row) =>
        (targets.get(row.id) ?? []).slice(0, 1).map((t) => toSessionDto(row, t, reviews.get(row.id))),
      ),
      total: capped ? MOST_COUNTED : counted,
      total_is_capped: capped,
      has_next_page: rows.length > page.limit,
    };
  }

  /**
   * Its events as they come, after the given one; the last item ends it.
   * @param after number of the last event that the caller has; 0: none
   * @throws DomainError not_found
   */
  async follow(
    caller: Caller,
    uuid: string,
    after: number,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<LiveItem>> {
    return this.live(await this.readable(caller, uuid), after, signal);
  }

  private async *live(found: FoundSession, after: number, signal: AbortSignal): AsyncGenerator<LiveItem> {
    const { session } = found;
    let { target } = found;
    const look = async (): Promise<void> => {
      [target = target] = await this.ledger.targets([session.id]);
    };
    if (after === 0) {
      const script = await this.events.script(session);
      yield { kind: 'event', id: 0, time: 0, type: 'i', payload: script.toString('base64') };
    }
    for await (const { chunks, next, done } of this.executions.followAll(session.id, after, signal)) {
      if (target.started_at === null || done) await look();
      const start = startOf(session, target);
      for (const { seq, at, data, encoding, stream, dropped_before: droppedBefore } of chunks) {
        const payload = encoding === 'base64' ? data : Buffer.from(data).toString('base64');
        const time = secondsSince(start, new Date(at));
        yield { kind: 'event', id: seq, time, type: 'o', payload, stream, droppedBefore };
      }
      if (!done) continue;
      const closing = closingEvent(session, target);
      if (closing)
        yield {
          kind: 'event',
          id: next,
          time: closing.time,
          type: 'e',
          payload: closing.data.toString('base64'),
        };
      const { exit_code } = toSessionDto(session, target);
      yield { kind: 'end', id: next, state: target.state, exitCode: exit_code };
    }
  }

  /** @throws DomainError not_found, for what the caller may not see as well */
  async readable(caller: Caller, uuid: string): Promise<FoundSession> {
    return this.find(uuid, (found) => mayRead(caller, found));
  }

  /** @throws DomainError not_found, for what is there and not the caller's to act on as well */
  async find(uuid: string, allowed: (found: FoundSession) => boolean): Promise<FoundSession> {
    const session = isUuid(uuid) ? await this.sessions.find(uuid) : null;
    const [target] = session ? await this.ledger.targets([session.id]) : [];
    if (session && target && allowed({ session, target })) return { session, target };
    throw sessionNotFound(uuid);
  }

  private async reviewOf(session: SessionRow): Promise<ReviewRow | undefined> {
    return session.has_review ? ((await this.reviews.ofSession(session.uuid)) ?? undefined) : undefined;
  }

  private async mayReview(caller: Caller, session: SessionRow): Promise<boolean> {
    const review = await this.reviewOf(session);
    return review !== undefined && maySee(caller, review, await this.reviewers.of(caller));
  }

  private async eventStream(
    session: SessionRow,
    target: TargetRow,
    form: string,
  ): Promise<Pick<ExecSessionDto, 'event_stream' | 'event_stream_truncated'>> {
    const types = new Set<EventType>(form === '' ? ['i', 'o', 'e'] : ['o', 'e']);
    const stored: unknown[] = [];
    const parts: Buffer[] = [];
    let bytes = 0;
    let truncated = false;
    for await (const { type, time, data } of this.events.read(session, target, types)) {
      bytes += data.length;
      if (bytes > MOST_EVENTS_BYTES) {
        truncated = true;
        break;
      }
      if (form === '') stored.push([time, type, data.toString('base64')]);
      else parts.push(data);
    }
    const whole = (): string => Buffer.concat(parts).toString(form === 'base64' ? 'base64' : 'utf8');
    return {
      event_stream: form === '' ? stored : [whole()],
      ...(truncated && { event_stream_truncated: true }),
    };
  }
}
