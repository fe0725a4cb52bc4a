import { Injectable } from '@nestjs/common';
import {
  MAX_SIGNATURES,
  type SignedStatement,
  type StatedHost,
  type StatedRun,
  type StatementSignature,
} from '#libs/protocol/index';
import {
  type KeptStatement,
  type SignedStatementDto,
  StatementsService,
  usedBefore,
} from '#libs/agents/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { ContentsService, digestOfContent } from '#libs/scripts/index';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';
import { type TargetLane } from '../target.entity.js';

/** What of a request to start something a statement speaks of. */
export interface SignableRequest {
  readonly kind: ExecutionKind;
  readonly lane: TargetLane;
  readonly content: Buffer;
  readonly stdin?: Buffer;
  readonly options?: RunOptions;
  readonly timeoutSeconds: number;
  readonly hostIds: readonly number[];
  readonly beside?: (tx: Transaction, executionUuid: string) => Promise<unknown>;
}

/** What of an order people have signed, and what shows each host that it is meant. */
export interface OrderStatement {
  readonly signed: SignedStatement;
  /** By host id; hosts that are not meant are not there. */
  readonly proofs: ReadonlyMap<number, string[]>;
}

/** All that somebody needs to sign an execution that waits: what would run, and where. */
export interface SignableExecution {
  readonly run: StatedRun;
  readonly content: Buffer;
  readonly stdin: Buffer | null;
  readonly hosts: readonly StatedHost[];
  /** What has been signed of it; null: nothing. */
  readonly signed: SignedStatement | null;
}

interface StatementRow {
  readonly statement: string;
  readonly signatures: StatementSignature[];
  readonly leaves: Buffer;
  readonly nonce: string;
  readonly host_ids: number[];
}

interface ExecutionRow {
  readonly id: string;
  readonly kind: ExecutionKind;
  readonly content_sha256: Buffer;
  readonly stdin_sha256: Buffer | null;
  readonly options: RunOptions;
  readonly timeout_seconds: number;
  readonly lane: string;
  readonly host_ids: number[];
}

type Reader = Pick<Transaction | Database, 'query'>;

const SQL = {
  insert: {
    name: 'statement_insert',
    text: `INSERT INTO execution_statements (execution_id, statement, signatures, host_ids, leaves, nonce)
           SELECT id, $2, $3, $4::int[], $5, $6 FROM executions WHERE uuid = $1`,
  },
  find: {
    name: 'statement_find',
    text: 'SELECT statement, signatures, leaves, nonce, host_ids FROM execution_statements WHERE execution_id = $1',
  },
  sign: {
    name: 'statement_sign',
    text: 'UPDATE execution_statements SET signatures = $2 WHERE execution_id = $1',
  },
  execution: {
    name: 'statement_execution',
    text: `SELECT e.id, e.kind, e.content_sha256, e.stdin_sha256, e.options, e.timeout_seconds, t.lane, t.host_ids
           FROM executions e, LATERAL (
             SELECT max(lane) AS lane, coalesce(array_agg(host_id), '{}') AS host_ids FROM targets WHERE execution_id = e.id AND state <> 'denied') t
           WHERE e.uuid = $1`,
  },
};

/** Statements of executions: checked when they come, kept beside the execution, sent with its orders. */
@Injectable()
export class ExecutionStatements {
  constructor(
    private readonly database: Database,
    private readonly statements: StatementsService,
    private readonly contents: ContentsService,
  ) {}

  /**
   * A request with what people have signed of it; without that, the request as it is.
   * @param hostIds where it may run
   * @throws DomainError invalid (`statement`)
   */
  async with<Request extends SignableRequest>(
    request: Request,
    dto: SignedStatementDto | null | undefined,
    hostIds: readonly number[] = request.hostIds,
  ): Promise<Request> {
    if (!dto) return request;
    const kept = await this.statements.accept(dto, { run: runOfRequest(request), hostIds });
    return {
      ...request,
      options: { ...request.options, signed: true },
      beside: (tx, uuid) => Promise.all([request.beside?.(tx, uuid), this.keep(tx, uuid, hostIds, kept)]),
    };
  }

  /** What somebody may sign of a request before it is made. @param hostIds where it may run */
  async ofRequest(request: SignableRequest, hostIds: readonly number[]): Promise<SignableExecution> {
    const { content, stdin = null } = request;
    const hosts = await this.statements.hosts(hostIds);
    return { run: runOfRequest(request), content, stdin, hosts, signed: null };
  }

  /** For orders of one execution that leave now; null: nobody has signed it. */
  async forOrders(
    executionId: string,
    options: RunOptions,
    hostIds: readonly number[],
  ): Promise<OrderStatement | null> {
    // Nothing is looked for where there can be none: most executions have neither been signed nor approved.
    if (options.signed !== true && options.review === undefined) return null;
    const [row] = await this.database.query<StatementRow>(SQL.find, [executionId]);
    if (!row) return null;
    const { statement, signatures } = row;
    return { signed: { statement, signatures }, proofs: await this.statements.proofs(row, hostIds) };
  }

  /** What somebody who decides about an execution may sign. @param executionUuid well formed; of one that is there */
  async signable(executionUuid: string): Promise<SignableExecution> {
    const execution = await this.execution(this.database, executionUuid);
    const { content_sha256, stdin_sha256 } = execution;
    const [row] = await this.database.query<StatementRow>(SQL.find, [execution.id]);
    const [hosts, content, stdin] = await Promise.all([
      this.statements.hosts(row?.host_ids ?? execution.host_ids),
      this.contents.get(content_sha256),
      stdin_sha256 && this.contents.get(stdin_sha256),
    ]);
    const signed = row ? { statement: row.statement, signatures: row.signatures } : null;
    return { run: runOf(execution), content, stdin, hosts, signed };
  }

  /**
   * Adds what somebody has signed of an execution that waits: their signature under the statement that it has, or a statement where it has none.
   * @throws DomainError invalid (`statement`), invalid_conflict (used before)
   */
  async add(tx: Transaction, executionUuid: string, dto: SignedStatementDto): Promise<void> {
    const execution = await this.execution(tx, executionUuid);
    const [row] = await tx.query<StatementRow>(SQL.find, [execution.id]);
    const hostIds = row?.host_ids ?? execution.host_ids;
    const kept = await this.statements.accept(dto, { run: runOf(execution), hostIds });
    if (!row) return this.keep(tx, executionUuid, hostIds, kept);
    if (row.statement !== kept.signed.statement) {
      const reason =
        'statement: another one of this request has been signed already; sign that one (look at it again)';
      throw new DomainError('invalid', { name: 'statement', reason });
    }
    const known = new Set(row.signatures.map(({ key }) => key));
    const signatures = [...row.signatures, ...kept.signed.signatures.filter(({ key }) => !known.has(key))];
    if (signatures.length > MAX_SIGNATURES)
      throw new DomainError('invalid', {
        name: 'statement',
        reason: 'statement: it has too many signatures',
      });
    await tx.query(SQL.sign, [execution.id, JSON.stringify(signatures)]);
  }

  private async keep(
    tx: Transaction,
    executionUuid: string,
    hostIds: readonly number[],
    { signed, leaves, nonce }: KeptStatement,
  ): Promise<void> {
    const { statement, signatures } = signed;
    const values = [executionUuid, statement, JSON.stringify(signatures), hostIds, leaves, nonce];
    await tx.query(SQL.insert, values).catch((error: unknown) => {
      throw violated(error) === 'execution_statements_nonce' ? usedBefore() : error;
    });
  }

  private async execution(reader: Reader, uuid: string): Promise<ExecutionRow> {
    const [row] = await reader.query<ExecutionRow>(SQL.execution, [uuid]);
    if (!row) throw new Error('a statement about an execution that is not there');
    return row;
  }
}

function runOfRequest(request: SignableRequest): StatedRun {
  return statedRun({
    ...request,
    contentSha256: digestOfContent(request.content),
    stdinSha256: request.stdin === undefined ? null : digestOfContent(request.stdin),
  });
}

function runOf(row: ExecutionRow): StatedRun {
  const {
    kind,
    content_sha256: contentSha256,
    stdin_sha256: stdinSha256,
    options,
    timeout_seconds,
    lane,
  } = row;
  return statedRun({ kind, contentSha256, stdinSha256, options, timeoutSeconds: timeout_seconds, lane });
}

/** An execution in the words of statements; a run of an instance has none, and fits no statement. */
function statedRun(what: {
  readonly kind: ExecutionKind;
  readonly contentSha256: Buffer;
  readonly stdinSha256: Buffer | null;
  readonly options?: RunOptions | undefined;
  readonly timeoutSeconds: number;
  readonly lane: string;
}): StatedRun {
  const { kind, contentSha256, stdinSha256, options = {}, timeoutSeconds, lane } = what;
  if (kind === 'instance')
    throw new DomainError('invalid', {
      name: 'statement',
      reason: 'statement: runs of instances cannot be signed',
    });
  return {
    kind,
    contentSha256: contentSha256.toString('hex'),
    arguments: options.arguments,
    stdinSha256: stdinSha256?.toString('hex') ?? null,
    env: options.env,
    cwd: options.cwd,
    user: options.user,
    cleanEnv: options.clean_env,
    lane: lane === 'serial' ? 'serial' : 'parallel',
    timeoutSeconds,
  };
}
