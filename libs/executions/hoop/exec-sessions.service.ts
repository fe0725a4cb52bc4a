import { Injectable } from '@nestjs/common';
import { ConnectionsService } from '#libs/connections/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { ExecutionRuns } from '../approvals/execution-runs.service.js';
import { toStatementDto } from '../approvals/review-view.js';
import { type ReviewStatementDto } from '../approvals/reviews.dto.js';
import { isFinal } from '../states.js';
import { type ExecRequestDto } from './exec-sessions.dto.js';
import { ExecSessionsRepository } from './exec-sessions.repository.js';
import { type SessionAnswer, SessionAnswers } from './session-answers.service.js';
import { isOwn } from './session-control.service.js';
import { secondsToStart, SessionHosts } from './session-hosts.service.js';
import { changedSince } from './session-orders.js';
import { waitSeconds } from './session-request.js';
import { SessionStarts } from './session-starts.service.js';
import { SessionsService } from './sessions.service.js';

/** Seconds that an answer waits, as hoop's clients expect it. */
const WAIT_SECONDS = 50;

/** How an answer is asked for. */
export interface Asked {
  readonly wait: string | undefined;
  readonly signal: AbortSignal;
  /** Address of this server. */
  readonly base: string;
}

/** hoop's Exec: start (or, once it is approved, run), wait, answer. */
@Injectable()
export class ExecSessionsService {
  constructor(
    private readonly starts: SessionStarts,
    private readonly rows: ExecSessionsRepository,
    private readonly sessions: SessionsService,
    private readonly connections: ConnectionsService,
    private readonly hosts: SessionHosts,
    private readonly runs: ExecutionRuns,
    private readonly answers: SessionAnswers,
  ) {}

  /** @throws DomainError as `SessionStarts.start`; invalid (wait) */
  async exec(
    caller: Caller,
    dto: ExecRequestDto,
    asked: Asked,
    idempotencyKey?: string,
  ): Promise<SessionAnswer> {
    const seconds = waitSeconds(asked.wait, WAIT_SECONDS);
    const { uuid, created, review } = await this.starts.start(caller, dto, idempotencyKey);
    // What waits for people is not waited for.
    return this.answer(uuid, review === null ? seconds : 0, asked, created ? 'listen' : 'look');
  }

  /** All that somebody would sign of such a request. @throws DomainError as `SessionStarts.start` */
  async statement(caller: Caller, dto: ExecRequestDto): Promise<ReviewStatementDto> {
    return toStatementDto(await this.starts.signable(caller, dto));
  }

  /**
   * Runs an approved session, once.
   * @throws DomainError not_found, also for another's session, unless the caller is a global admin; forbidden (not approved, or not now);
   *   conflict (it runs, or has run; its connection is another one now); invalid (wait)
   */
  async run(caller: Caller, uuid: string, asked: Asked): Promise<SessionAnswer> {
    const seconds = waitSeconds(asked.wait, WAIT_SECONDS);
    const { session, target } = await this.sessions.find(
      uuid,
      (found) => isOwn(caller, found) || caller.globalRole === 'admin',
    );
    if (!session.has_review)
      throw new DomainError(
        'conflict',
        isFinal(target.state) ? 'the session has ended' : 'the session is running already',
      );
    const connection = await this.connections.forOrder(session.connection_id);
    if (target.state === 'ready' && connection?.version !== session.connection.version)
      throw new DomainError('conflict', changedSince(session.connection_name));
    const within = secondsToStart(await this.hosts.isPresent(target.host_id));
    await this.runs.runReady(caller, session.id, within);
    return this.answer(session.uuid, seconds, asked, 'look');
  }

  private async answer(
    uuid: string,
    seconds: number,
    { signal, base }: Asked,
    first: 'listen' | 'look',
  ): Promise<SessionAnswer> {
    const session = await this.rows.find(uuid);
    if (!session) throw new Error(`session ${uuid} is gone`);
    return this.answers.after(session, seconds, signal, first, `${base}/api/sessions/${uuid}`);
  }
}
