import { isUtf8 } from 'node:buffer';
import { Injectable } from '@nestjs/common';
import { ReviewerKeys } from '#libs/connections/index';
import { type Caller, hasRight } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { ContentsService } from '#libs/scripts/index';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { ApprovalsService } from './approvals.service.js';
import { groupsOf, maySee, reviewNotFound } from './review-rules.js';
import { toReviewDto, toStatementDto } from './review-view.js';
import {
  type DecideReviewDto,
  type ReviewDetailDto,
  type ReviewDto,
  type ReviewInputDto,
  type ReviewListQueryDto,
  type ReviewStatementDto,
} from './reviews.dto.js';
import { type ReviewRow, ReviewsRepository } from './reviews.repository.js';

const MAX_LIMIT = 1_000;
const MAX_OFFSET = 10_000;
const MOST_TEXT = 1024 * 1024;
const NAMED_HOSTS = 100;

/** Reviews as hoop's clients know them; those that the caller has nothing to do with are not there for them. */
@Injectable()
export class ReviewsService {
  constructor(
    private readonly reviews: ReviewsRepository,
    private readonly reviewers: ReviewerKeys,
    private readonly approvals: ApprovalsService,
    private readonly contents: ContentsService,
    private readonly statements: ExecutionStatements,
  ) {}

  /** Newest first: one's own requests, and those that one may decide about; all of them for global admins. @throws DomainError invalid */
  async list(caller: Caller, query: ReviewListQueryDto): Promise<ReviewDto[]> {
    const keys = await this.reviewers.of(caller);
    const rows = await this.reviews.list({
      status: query.status ?? null,
      of: caller.globalRole === 'admin' ? null : { userId: caller.userId, keys: [...keys] },
      limit: bounded('limit', query.limit, 100, 1, MAX_LIMIT),
      offset: bounded('offset', query.offset, 0, 0, MAX_OFFSET),
    });
    return rows.map(toReviewDto);
  }

  /** By its id, or its session's. @throws DomainError not_found */
  async get(caller: Caller, id: string): Promise<ReviewDetailDto> {
    const { row, keys } = await this.visible(caller, id);
    const mine = row.requested_by === caller.userId;
    return {
      ...toReviewDto(row),
      input: await this.input(row),
      may_decide:
        row.status === 'PENDING' &&
        !mine &&
        hasRight(caller, 'review:decide') &&
        groupsOf(row, keys).length > 0,
    };
  }

  /** What a reviewer signs. @throws DomainError not_found; invalid for a run of an instance, which nobody can sign */
  async statement(caller: Caller, id: string): Promise<ReviewStatementDto> {
    const { row } = await this.visible(caller, id);
    return toStatementDto(await this.statements.signable(row.execution_uuid));
  }

  /** @throws DomainError as `ApprovalsService.decide` */
  decide(caller: Caller, id: string, dto: DecideReviewDto): Promise<ReviewDto> {
    return this.approvals.decide(caller, id, toDecision(dto));
  }

  /** @throws DomainError as `ApprovalsService.decide` */
  decideOnSession(caller: Caller, sessionId: string, dto: DecideReviewDto): Promise<ReviewDto> {
    return this.approvals.decideOnSession(caller, sessionId, toDecision(dto));
  }

  /** By its id, or its session's. @throws DomainError not_found */
  private async visible(caller: Caller, id: string): Promise<{ row: ReviewRow; keys: ReadonlySet<string> }> {
    const row = isUuid(id) ? ((await this.reviews.find(id)) ?? (await this.reviews.ofSession(id))) : null;
    const keys = await this.reviewers.of(caller);
    if (!row || !maySee(caller, row, keys)) throw reviewNotFound();
    return { row, keys };
  }

  private async input(row: ReviewRow): Promise<ReviewInputDto> {
    const { kind, options } = row;
    const [content, stdin, hostnames] = await Promise.all([
      this.contents.get(row.content_sha256),
      row.stdin_sha256 && this.contents.get(row.stdin_sha256),
      this.reviews.hostnames(row.execution_id, NAMED_HOSTS),
    ]);
    const isScript = kind === 'script' || kind === 'instance';
    const said = isScript ? null : (JSON.parse(content.toString('utf8')) as string | string[]);
    const argv = Array.isArray(said) ? said : [];
    const line = typeof said === 'string' ? said : argv.join(' ');
    const session = kind === 'exec_session';
    const text = session ? textOf(stdin) : isScript ? textOf(content) : line;
    return {
      text: text.slice(0, MOST_TEXT),
      truncated: text.length > MOST_TEXT,
      arguments: isScript ? (options.arguments ?? []) : argv,
      env: options.env ?? {},
      ...(stdin && !session && { stdin: textOf(stdin).slice(0, MOST_TEXT) }),
      ...(options.user !== undefined && { user: options.user }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.target !== undefined && { target: options.target }),
      hostnames,
    };
  }
}

function toDecision(dto: DecideReviewDto): Parameters<ApprovalsService['decide']>[2] {
  return {
    status: dto.status.toUpperCase() as 'APPROVED' | 'REJECTED' | 'REVOKED',
    reason: dto.rejection_reason?.trim() ?? '',
    timeWindow: dto.time_window ?? undefined,
    force: dto.force_review === true,
    ...(typeof dto.digest === 'string' && { digest: dto.digest }),
    ...(dto.statement && { statement: dto.statement }),
  };
}

/** Bytes that are no text are said to be none. */
function textOf(bytes: Buffer | null): string {
  if (bytes === null) return '';
  return isUtf8(bytes) ? bytes.toString('utf8') : `(${bytes.length} bytes that are no text)`;
}

/** @throws DomainError invalid */
function bounded(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (value >= min && value <= max) return value;
  throw new DomainError('invalid', { name, reason: `${name} must be between ${min} and ${max}` });
}
