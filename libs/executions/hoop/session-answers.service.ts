import { Injectable } from '@nestjs/common';
import { type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { OutputTailsRepository } from '../results/output-tails.repository.js';
import { isFinal } from '../states.js';
import { type ExecResponseDto } from './exec-sessions.dto.js';
import { toOutcome, withClosing } from './session-outcome.js';
import { type SessionRow } from './exec-sessions.repository.js';

/** Output in an answer, bytes of each stream. */
const MOST_PER_STREAM = 1024 * 1024;

/** An answer, and whether the session has ended: 200, otherwise 202. */
export interface SessionAnswer {
  readonly ended: boolean;
  readonly body: ExecResponseDto;
}

/** What whoever asked for a session is told of it. */
@Injectable()
export class SessionAnswers {
  constructor(
    private readonly executions: ExecutionsService,
    private readonly tails: OutputTailsRepository,
  ) {}

  /**
   * When it has ended, or the wait is over, or the client has gone; what has not ended goes on.
   * @param address where the session is found, for whoever has to wait for an approval
   * @param first as in `ExecutionsService.settled`
   */
  async after(
    session: Pick<SessionRow, 'id' | 'uuid' | 'has_review' | 'timeout_seconds'>,
    seconds: number,
    signal: AbortSignal,
    first: 'look' | 'listen',
    address: string,
  ): Promise<SessionAnswer> {
    const [target] = await this.executions.settled(session.id, seconds, signal, first);
    if (!target) throw new Error(`session ${session.uuid} has no target`);
    const about = { session_id: session.uuid, has_review: session.has_review };
    const { status, exitCode, closing } = toOutcome(target, session.timeout_seconds);
    if (!isFinal(target.state)) {
      const waits = target.state === 'waiting_approval' || target.state === 'ready';
      return {
        ended: false,
        body: {
          ...about,
          output: waits ? address : '',
          output_status: status,
          truncated: false,
          execution_time: 0,
          exit_code: exitCode,
        },
      };
    }
    const { text, truncated } = await this.outputOf(target);
    return {
      ended: true,
      body: {
        ...about,
        output: withClosing(text, closing),
        output_status: status,
        truncated,
        execution_time: Number(target.duration_ms ?? 0),
        exit_code: exitCode,
      },
    };
  }

  private async outputOf(target: TargetRow): Promise<{ text: string; truncated: boolean }> {
    if (target.started_at === null) return { text: '', truncated: false };
    const { text, stdoutBytes, stderrBytes } = await this.tails.joined(target.id, MOST_PER_STREAM);
    // Of what is lost nobody has counted the bytes.
    const cut = (written: string, read: number): boolean =>
      target.state === 'lost' ? read >= MOST_PER_STREAM : Number(written) > read;
    const truncated = cut(target.stdout_bytes, stdoutBytes) || cut(target.stderr_bytes, stderrBytes);
    return { text, truncated };
  }
}
