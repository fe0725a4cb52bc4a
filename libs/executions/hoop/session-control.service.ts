import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { isFinal } from '../states.js';
import { ExecSessionsRepository } from './exec-sessions.repository.js';
import { readMetadata } from './session-request.js';
import { type FoundSession, SessionsService } from './sessions.service.js';

/** How long a kill waits for its confirmation: TERM, grace, KILL, and the way there and back. */
const CONFIRMATION_SECONDS = 30;

/** What is done to sessions that are there. */
@Injectable()
export class SessionControl {
  constructor(
    private readonly sessions: SessionsService,
    private readonly repository: ExecSessionsRepository,
    private readonly executions: ExecutionsService,
    private readonly ledger: ExecutionsRepository,
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /**
   * Ends it, with all that it has started; one that has ended stays as it is.
   * @returns whether its end is confirmed; an agent that is away confirms it later
   * @throws DomainError not_found, also for another's session where the caller may not end it
   */
  async kill(caller: Caller, uuid: string): Promise<boolean> {
    const { session, target } = await this.sessions.find(
      uuid,
      (found) => isOwn(caller, found) || may(caller, 'session:kill', found.target.team_id),
    );
    if (isFinal(target.state)) return true;
    const execution = await this.ledger.find(session.uuid);
    if (!execution) throw new Error(`session ${uuid} has no execution`);
    await this.executions.cancelTargets(caller, execution, [target]);
    const [after] = await this.executions.settled(session.id, CONFIRMATION_SECONDS);
    return after !== undefined && isFinal(after.state);
  }

  /**
   * Adds to what it has, or takes away (null).
   * @throws DomainError not_found, also for another's session unless the caller is an admin where it ran; invalid
   */
  async setMetadata(caller: Caller, uuid: string, given: Readonly<Record<string, unknown>>): Promise<void> {
    const { session } = await this.sessions.find(uuid, (found) => isOwnOrAdmin(caller, found));
    await this.database.transaction(async (tx) => {
      const before = await this.repository.metadataLocked(tx, session.id);
      if (before === null) throw new DomainError('not_found', `session ${uuid} not found`);
      const all = Object.entries({ ...before, ...given }).filter(([, value]) => value !== null);
      await this.repository.setMetadata(tx, session.id, readMetadata(Object.fromEntries(all)));
      const details = { fields: Object.keys(given).slice(0, 100) };
      await this.audit.record(tx, {
        ...doneBy(caller, 'edited_exec_session', details),
        executionUuid: session.uuid,
      });
    });
  }
}

/** Whoever asked for it. */
export function isOwn(caller: Caller, { session }: FoundSession): boolean {
  return session.requested_by === caller.userId;
}

/** Whoever asked for it, or who may change connections where it runs. */
function isOwnOrAdmin(caller: Caller, found: FoundSession): boolean {
  return isOwn(caller, found) || may(caller, 'connection:write', found.target.team_id);
}
