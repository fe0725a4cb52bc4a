import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { checkInput, type ConnectionForRun, ConnectionsService } from '#libs/connections/index';
import { type ApprovalAsked } from '../approvals/parking.service.js';
import { type Started, type StartRequest, StartService } from '../start.service.js';
import { ExecutionStatements, type SignableExecution } from '../statements/execution-statements.service.js';
import { type ExecRequestDto } from './exec-sessions.dto.js';
import { ExecSessionsRepository, type NewSession } from './exec-sessions.repository.js';
import { secondsToStart, type SessionHost, SessionHosts } from './session-hosts.service.js';
import {
  type Beside,
  digestOfSession,
  identityOf,
  readBeside,
  readWork,
  type Work,
} from './session-request.js';

/** How long a try may take. */
const PROBE_SECONDS = 15;
/** Between TERM and KILL. */
const GRACE_SECONDS = 5;

/** Takes exec sessions into the ledger: what the connection says, what the request asks for, what the rules allow. */
@Injectable()
export class SessionStarts {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly hosts: SessionHosts,
    private readonly starts: StartService,
    private readonly sessions: ExecSessionsRepository,
    private readonly statements: ExecutionStatements,
    private readonly audit: Audit,
  ) {}

  /**
   * In the order in which hoop looks at a request (`reference/hoop.md`, 2.3). Nothing has run yet when this resolves.
   * @throws DomainError invalid (a field); invalid_unknown (the connection); refused (a guard rail, in its words; the connection
   *   runs nothing; its host); conflict (the idempotency key stands for another request); invalid, too, for a statement that does not fit
   */
  async start(caller: Caller, dto: ExecRequestDto, idempotencyKey?: string): Promise<Started> {
    const beside = readBeside(dto);
    const identity = identityOf(dto, beside);
    const before = await this.starts.startedBefore(caller, idempotencyKey, identity);
    if (before) return before;
    const { connection, work, request, among } = await this.prepare(caller, dto, beside);
    const session = toSession(caller, connection, work, beside);
    return this.launch(caller, connection, session, {
      ...(await this.statements.with(request, dto.statement, among)),
      idempotencyKey,
      asked: identity,
    });
  }

  /** All that somebody would sign of such a request; nothing is started. @throws as `start` */
  async signable(caller: Caller, dto: ExecRequestDto): Promise<SignableExecution> {
    const { request, among } = await this.prepare(caller, dto, readBeside(dto));
    return this.statements.ofRequest(request, among);
  }

  /** A session that tells whether the connection works: as short as it can be, and bound by no guard rail. @throws as `start` */
  async probe(caller: Caller, connection: ConnectionForRun, script: string): Promise<Started> {
    const work: Work = {
      stdin: Buffer.from(script),
      clientArgs: [],
      argv: await connection.argv(),
      env: {},
      files: {},
      timeoutSeconds: Math.min(PROBE_SECONDS, connection.timeoutSeconds),
    };
    const beside: Beside = { metadata: {}, labels: {}, correlationId: null, batchId: null };
    const session = { ...toSession(caller, connection, work, beside), verb: 'test' };
    const host = await this.hosts.choose(connection);
    return this.launch(caller, connection, session, toRequest(connection, work, host));
  }

  private async prepare(
    caller: Caller,
    dto: ExecRequestDto,
    beside: Beside,
  ): Promise<{
    connection: ConnectionForRun;
    work: Work;
    request: StartRequest;
    among: readonly number[];
  }> {
    const connection = await this.connections.forSession(caller, dto.connection);
    const work = readWork(dto, { ...connection, command: await connection.argv() }, beside);
    await this.checkRules(caller, connection, work);
    const host = await this.hosts.choose(connection);
    return { connection, work, request: toRequest(connection, work, host), among: host.among };
  }

  private launch(
    caller: Caller,
    connection: ConnectionForRun,
    session: NewSession,
    request: StartRequest,
  ): Promise<Started> {
    const { hostIds, beside } = request;
    return this.starts.start(caller, {
      ...request,
      beside: (tx, uuid) => Promise.all([this.sessions.insert(tx, uuid, session), beside?.(tx, uuid)]),
      record: () => ({
        act: 'requested_exec_session',
        details: { ...about(connection), host_ids: [...hostIds], digest: session.digest.toString('hex') },
      }),
    });
  }

  /** What a rule stops is written down, without what it was. */
  private async checkRules(caller: Caller, connection: ConnectionForRun, work: Work): Promise<void> {
    const input = { stdin: work.stdin.toString('utf8'), args: work.clientArgs };
    const violation = checkInput(connection.guardrails, input);
    if (!violation) return;
    const { rule, where, message } = violation;
    const details = { ...about(connection), rule, where };
    await this.audit.record(null, {
      ...doneBy(caller, 'requested_exec_session', details),
      outcome: 'denied',
    });
    throw new DomainError('refused', message);
  }
}

function toRequest(connection: ConnectionForRun, work: Work, host: SessionHost): StartRequest {
  return {
    kind: 'exec_session',
    lane: 'parallel',
    content: Buffer.from(JSON.stringify(work.argv)),
    stdin: work.stdin,
    options: { clean_env: true, ...(Object.keys(work.env).length > 0 && { env: { ...work.env } }) },
    hostIds: [host.id],
    timeoutSeconds: work.timeoutSeconds,
    graceSeconds: GRACE_SECONDS,
    ...(connection.outputCapBytes !== null && { outputCapBytes: connection.outputCapBytes }),
    expiresInSeconds: secondsToStart(host.present),
    approval: approvalOf(connection),
  };
}

function about({ id, name }: ConnectionForRun): { connection_id: string; connection_name: string } {
  return { connection_id: id, connection_name: name };
}

function approvalOf(connection: ConnectionForRun): ApprovalAsked {
  const { id, name, reviewers, minApprovals, forceApproveGroups } = connection;
  return { reviewers, minApprovals, forceApproveGroups, ready: 'wait_for_run', connection: { id, name } };
}

function toSession(caller: Caller, connection: ConnectionForRun, work: Work, beside: Beside): NewSession {
  const { id, name, type, subtype, resourceName, tags, version } = connection;
  return {
    connectionId: id,
    connectionName: name,
    connectionType: type,
    connectionSubtype: subtype,
    connection: { resource_name: resourceName, tags, version },
    apiTokenId: caller.apiTokenId,
    verb: 'exec',
    clientArgs: [...work.clientArgs],
    files: { ...work.files },
    ...beside,
    digest: digestOfSession(connection, work),
  };
}
