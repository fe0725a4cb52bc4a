import { Injectable } from '@nestjs/common';
import { Database } from '../../database/index.js';
import { DomainError } from '../../errors/index.js';
import { Signer } from '../../signing/index.js';
import { BEGINNING, type KnownPlace, parseBody, placeAfter, type Verdict } from '../chain/index.js';
import {
  type AuditEntryDto,
  type AuditHeadDto,
  type AuditListDto,
  type AuditListQueryDto,
} from './audit.dto.js';
import { AuditChain } from './audit-chain.service.js';
import { verifyRecord } from './verify-record.js';

const DEFAULT_LIMIT = 50;
const MOST = 1_000;
/** Rows that are looked at for one page; then it says where to go on. */
const LOOKED_AT = 20_000;

const SQL = {
  // A walk along the primary key, or along a host's rows, from the newest on; of what it passes the filters take what they want.
  page: {
    name: 'audit_page',
    text: `WITH looked AS MATERIALIZED (
             SELECT * FROM ONLY audit a WHERE $1::int IS NULL AND a.id < $2::bigint ORDER BY a.id DESC LIMIT ${LOOKED_AT}
           ), of_host AS MATERIALIZED (
             SELECT * FROM ONLY audit a WHERE host_id IS NOT NULL AND (host_id, id) > ($1, 0) AND (host_id, id) < ($1, $2::bigint)
             ORDER BY host_id DESC, id DESC LIMIT ${LOOKED_AT}
           ), all_looked AS (SELECT * FROM looked UNION ALL SELECT * FROM of_host)
           SELECT (SELECT min(id)::text FROM all_looked) AS reached, (SELECT count(*)::int FROM all_looked) AS looked, p.*
           FROM (SELECT 1) one LEFT JOIN LATERAL (
             SELECT id::text AS id, at, user_id, email, address, act, outcome, execution_uuid, host_id, details FROM all_looked
             WHERE ($3::text IS NULL OR act = $3) AND ($4::text IS NULL OR outcome = $4) AND ($5::text IS NULL OR lower(email) = lower($5))
               AND ($6::uuid IS NULL OR execution_uuid = $6) AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
             ORDER BY all_looked.id DESC LIMIT $9
           ) p ON true`,
  },
};

interface PageRow extends Omit<AuditEntryDto, 'id' | 'at'> {
  readonly id: string | null;
  readonly at: Date;
  readonly reached: string | null;
  readonly looked: number;
}

/** The audit record for those who may read it, and for those who verify it. */
@Injectable()
export class AuditRecordService {
  constructor(
    private readonly database: Database,
    private readonly signer: Signer,
    private readonly chain: AuditChain,
  ) {}

  /** @throws DomainError malformed */
  async list(query: AuditListQueryDto): Promise<AuditListDto> {
    const limit = Number(query.limit ?? DEFAULT_LIMIT);
    if (limit < 1 || limit > MOST)
      throw new DomainError('malformed', { name: 'limit', reason: `must be from 1 to ${MOST}` });
    const rows = await this.database.query<PageRow>(SQL.page, [
      query.host === undefined ? null : Number(query.host),
      query.after ?? '9223372036854775807',
      query.act,
      query.outcome,
      query.user,
      query.execution,
      query.since,
      query.until,
      limit,
    ]);
    const entries = rows.flatMap((row) => (row.id === null ? [] : [entryOf(row, row.id)]));
    return { entries, next: nextOf(rows, entries, limit) };
  }

  /** Seals what is there, and compares all of it. */
  async verify(head: string | undefined): Promise<Verdict> {
    const last = await this.chain.sealAll();
    const body = last && parseBody('seal', last.body);
    const known: KnownPlace[] = last && body ? [placeAfter(last, body)] : [];
    if (head !== undefined) known.push(knownPlace(head));
    const over = this.chain.read();
    return verifyRecord(this.database, this.signer.publicKeys(), known, this.chain.open).finally(over);
  }

  /** Where the record ends now, to be noted elsewhere. */
  async head(): Promise<AuditHeadDto> {
    const last = await this.chain.sealAll();
    const body = last && parseBody('seal', last.body);
    const { seal, digest, position, head } = last && body ? placeAfter(last, body) : BEGINNING;
    return {
      seal,
      digest,
      position,
      head,
      sealed_at: body?.sealed_at ?? null,
      body: last?.body ?? null,
      signature: last?.signature.toString('base64') ?? null,
      keys: this.signer
        .publicKeys()
        .map(({ id, publicKey }) => ({ id, public_key: publicKey.toString('base64') })),
    };
  }
}

function entryOf(row: PageRow, id: string): AuditEntryDto {
  const { user_id, email, address, act, outcome, execution_uuid, host_id, details } = row;
  const at = row.at.toISOString();
  return { id: Number(id), at, user_id, email, address, act, outcome, execution_uuid, host_id, details };
}

/** Where to go on: after the last entry when the page is full, else after what was looked at. */
function nextOf(rows: readonly PageRow[], entries: readonly AuditEntryDto[], limit: number): number | null {
  if (entries.length === limit) return entries.at(-1)?.id ?? null;
  const [row] = rows;
  return row?.reached && row.looked === LOOKED_AT ? Number(row.reached) : null;
}

/** `57:3f2a…` as `GET /api/v1/audit/head` gave it. */
function knownPlace(text: string): KnownPlace {
  const [, seal = '', digest = ''] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  return { seal: Number(seal), digest };
}
