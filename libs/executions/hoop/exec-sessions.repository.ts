import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { inScope, type Scope } from '../executions.repository.js';
import { type ConnectionSnapshot, type ExecSession } from './exec-session.entity.js';
import { MOST_COUNTED, type SessionFilter, type SessionPage } from './session-list.js';

/** What is stored beside a session's execution. */
export type NewSession = Omit<
  ExecSession,
  | 'executionId'
  | 'execution'
  | 'requestedBy'
  | 'downloadTokenSha256'
  | 'downloadExpiresAt'
  | 'outputRemovedAt'
>;

/** A session without its target. */
export interface SessionRow {
  /** Of the execution. */
  readonly id: string;
  readonly uuid: string;
  readonly requested_by: number | null;
  readonly requested_by_email: string;
  readonly user_name: string | null;
  readonly created_at: Date;
  readonly timeout_seconds: number;
  readonly stdin_sha256: Buffer | null;
  readonly script_size: number | null;
  readonly connection_id: string;
  readonly connection_name: string;
  readonly connection_type: string;
  readonly connection_subtype: string;
  readonly connection: ConnectionSnapshot;
  readonly api_token_id: number | null;
  readonly verb: string;
  readonly client_args: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly correlation_id: string | null;
  readonly batch_id: string | null;
  /** It waits or waited for an approval. */
  readonly has_review: boolean;
  readonly output_removed_at: Date | null;
}

/** What the order of a session depends on. */
export interface OrderedSession {
  readonly connection_id: string;
  readonly connection_name: string;
  readonly connection_type: string;
  readonly version: string;
  readonly has_review: boolean;
  /** Variable → base64. */
  readonly files: Readonly<Record<string, string>>;
  readonly requested_by_email: string;
  readonly hostname: string;
  /** Whether the agent of its host keeps secrets and masks output. */
  readonly keeps_secrets: boolean;
}

const COLUMNS = `e.id, e.uuid, e.requested_by, e.requested_by_email, (SELECT u.name FROM users u WHERE u.id = e.requested_by) AS user_name,
  e.created_at, e.timeout_seconds, e.stdin_sha256, (SELECT octet_length(c.bytes) FROM contents c WHERE c.sha256 = e.stdin_sha256) AS script_size,
  s.connection_id, s.connection_name, s.connection_type, s.connection_subtype, s.connection, s.api_token_id, s.verb, s.client_args, s.metadata,
  s.labels, s.correlation_id, s.batch_id, e.options ? 'review' AS has_review, s.output_removed_at`;

const SQL = {
  insert: {
    name: 'exec_session_insert',
    text: `INSERT INTO exec_sessions (execution_id, connection_id, connection_name, connection_type, connection_subtype, connection, requested_by,
             api_token_id, verb, client_args, files, metadata, labels, correlation_id, batch_id, digest)
           SELECT e.id, $2, $3, $4, $5, $6, e.requested_by, $7, $8, $9::text[], $10, $11, $12, $13, $14, $15 FROM executions e WHERE e.uuid = $1`,
  },
  find: {
    name: 'exec_session_find',
    text: `SELECT ${COLUMNS} FROM executions e JOIN exec_sessions s ON s.execution_id = e.id WHERE e.uuid = $1`,
  },
  ordered: {
    name: 'exec_session_ordered',
    text: `SELECT s.connection_id, s.connection_name, s.connection_type, s.connection->>'version' AS version, e.options ? 'review' AS has_review, s.files,
             e.requested_by_email, h.hostname, h.keeps_secrets
           FROM executions e JOIN exec_sessions s ON s.execution_id = e.id JOIN targets t ON t.execution_id = e.id JOIN hosts h ON h.id = t.host_id
           WHERE e.uuid = $1`,
  },
  metadata: {
    name: 'exec_session_metadata',
    text: 'SELECT metadata FROM exec_sessions WHERE execution_id = $1 FOR UPDATE',
  },
  setMetadata: {
    name: 'exec_session_set_metadata',
    text: 'UPDATE exec_sessions SET metadata = $2 WHERE execution_id = $1',
  },
  putDownload: {
    name: 'exec_session_put_download',
    text: `UPDATE exec_sessions SET download_token_sha256 = $2, download_expires_at = now() + make_interval(secs => $3)
           WHERE execution_id = $1 RETURNING download_expires_at AS expires`,
  },
  // A wrong token changes nothing: whoever guesses takes no link away from its owner.
  takeDownload: {
    name: 'exec_session_take_download',
    text: `WITH before AS (
             SELECT download_token_sha256 AS token, download_expires_at <= now() AS expired FROM exec_sessions WHERE execution_id = $1 FOR UPDATE
           ), taken AS (
             UPDATE exec_sessions s SET download_token_sha256 = NULL FROM before b
             WHERE s.execution_id = $1 AND b.token = $2 AND NOT b.expired RETURNING s.execution_id
           )
           SELECT CASE WHEN b.token IS NULL THEN 'none' WHEN b.token <> $2 THEN 'wrong' WHEN b.expired THEN 'expired'
             WHEN EXISTS (SELECT 1 FROM taken) THEN 'taken' ELSE 'none' END AS state FROM before b`,
  },
};

/** What has become of a download link that somebody brought a token for. */
export type DownloadState = 'taken' | 'none' | 'expired' | 'wrong';

/** Rows of exec sessions. */
@Injectable()
export class ExecSessionsRepository {
  constructor(private readonly database: Database) {}

  /** Needs nothing but the execution of this uuid, and may leave together with it. */
  async insert(tx: Transaction, executionUuid: string, session: NewSession): Promise<void> {
    await tx.query(SQL.insert, [
      executionUuid,
      session.connectionId,
      session.connectionName,
      session.connectionType,
      session.connectionSubtype,
      JSON.stringify(session.connection),
      session.apiTokenId,
      session.verb,
      session.clientArgs,
      JSON.stringify(session.files),
      JSON.stringify(session.metadata),
      JSON.stringify(session.labels),
      session.correlationId,
      session.batchId,
      session.digest,
    ]);
  }

  async find(uuid: string): Promise<SessionRow | null> {
    const [row] = await this.database.query<SessionRow>(SQL.find, [uuid]);
    return row ?? null;
  }

  /** null: there is no such session, or its host is gone. */
  async ordered(uuid: string): Promise<OrderedSession | null> {
    const [row] = await this.database.query<OrderedSession>(SQL.ordered, [uuid]);
    return row ?? null;
  }

  /** Newest first; one more than the page holds when there is a next one. */
  page(viewer: Viewer, filter: SessionFilter, { limit, offset }: SessionPage): Promise<SessionRow[]> {
    const { conditions, values } = conditionsOf(viewer, filter);
    const text = `SELECT ${COLUMNS} FROM exec_sessions s JOIN executions e ON e.id = s.execution_id WHERE ${conditions}
                  ORDER BY s.execution_id DESC LIMIT $${values.push(limit + 1)} OFFSET $${values.push(offset)}`;
    return this.database.query<SessionRow>({ text }, values);
  }

  /** @param capped stop counting one after `MOST_COUNTED` */
  async count(viewer: Viewer, filter: SessionFilter, capped: boolean): Promise<number> {
    const { conditions, values } = conditionsOf(viewer, filter);
    const found = `SELECT 1 FROM exec_sessions s JOIN executions e ON e.id = s.execution_id WHERE ${conditions}`;
    const text = `SELECT count(*)::int AS count FROM (${found}${capped ? ` LIMIT ${MOST_COUNTED + 1}` : ''}) found`;
    const [row] = await this.database.query<{ count: number }>({ text }, values);
    return row?.count ?? 0;
  }

  /** Until the transaction ends nobody else changes it; null: there is no such session. */
  async metadataLocked(tx: Transaction, executionId: string): Promise<Record<string, string> | null> {
    const [row] = await tx.query<{ metadata: Record<string, string> }>(SQL.metadata, [executionId]);
    return row?.metadata ?? null;
  }

  async setMetadata(
    tx: Transaction,
    executionId: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<void> {
    await tx.query(SQL.setMetadata, [executionId, JSON.stringify(metadata)]);
  }

  /** A link in the place of the one before; until when it is good. */
  async putDownload(executionId: string, tokenSha256: Buffer, seconds: number): Promise<Date> {
    const [row] = await this.database.query<{ expires: Date }>(SQL.putDownload, [
      executionId,
      tokenSha256,
      seconds,
    ]);
    if (!row) throw new Error('a session of whom a link was asked for is gone');
    return row.expires;
  }

  /** `taken`: the token is the right one, and good no more. */
  async takeDownload(executionId: string, tokenSha256: Buffer): Promise<DownloadState> {
    const [row] = await this.database.query<{ state: DownloadState }>(SQL.takeDownload, [
      executionId,
      tokenSha256,
    ]);
    return row?.state ?? 'none';
  }
}

/** Who looks at a list: their own sessions, and those on hosts of these teams. */
export interface Viewer {
  readonly userId: number;
  readonly scope: Scope;
}

function conditionsOf(viewer: Viewer, filter: SessionFilter): { conditions: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = ['true'];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value !== null) conditions.push(condition(`$${values.push(value)}`));
  };
  if (viewer.scope !== null) {
    const own = `s.requested_by = $${values.push(viewer.userId)}`;
    const scope = `$${values.push(viewer.scope)}`;
    conditions.push(
      `(${own} OR EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = s.execution_id AND ${inScope('t.host_id', scope)}))`,
    );
  }
  const byId = filter.user !== null && /^\d{1,9}$/.test(filter.user);
  add(
    (p) =>
      byId
        ? `s.requested_by = ${p}::int`
        : `s.requested_by = (SELECT u.id FROM users u WHERE u.email = lower(${p}))`,
    filter.user,
  );
  add((p) => `s.connection_name = ${p}`, filter.connection);
  add((p) => `s.connection_type = ${p}`, filter.type);
  add((p) => `s.batch_id = ANY(${p}::text[])`, filter.batchIds);
  add((p) => `s.correlation_id = ${p}`, filter.correlationId);
  add((p) => `e.created_at >= ${p}`, filter.since);
  add((p) => `e.created_at <= ${p}`, filter.until);
  const review = (condition: string): string =>
    `EXISTS (SELECT 1 FROM reviews r WHERE r.execution_id = s.execution_id AND ${condition})`;
  add((p) => review(`r.status = ${p}`), filter.reviewStatus);
  add(
    (p) =>
      review(
        `EXISTS (SELECT 1 FROM review_votes v WHERE v.review_id = r.id AND v.approves AND lower(v.email) = lower(${p}))`,
      ),
    filter.reviewApprover,
  );
  if (filter.none) conditions.push('false');
  return { conditions: conditions.join(' AND '), values };
}
