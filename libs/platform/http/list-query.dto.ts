import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString } from 'class-validator';
import { DomainError } from '../errors/index.js';

const DEFAULT_PER_PAGE = 20;
const UNLIMITED = 1_000_000;

/** Fleet's list options, as they come in the query string (`reference/fleet.md`, 0.4). */
export class ListQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'Page, from 0.' })
  @IsOptional()
  @IsString()
  page?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'Results per page; 20 when `page` is given, otherwise all.',
  })
  @IsOptional()
  @IsString()
  per_page?: string;

  @ApiPropertyOptional({ description: 'Column to sort by.' })
  @IsOptional()
  @IsString()
  order_key?: string;

  @ApiPropertyOptional({ enum: ['asc', 'desc'], description: 'Needs order_key.' })
  @IsOptional()
  @IsString()
  order_direction?: string;

  @ApiPropertyOptional({ description: 'Only what comes after this value of order_key.' })
  @IsOptional()
  @IsString()
  after?: string;

  @ApiPropertyOptional({ description: 'Only what contains this text.' })
  @IsOptional()
  @IsString()
  query?: string;
}

export interface ListOptions {
  readonly limit: number;
  readonly offset: number;
  readonly page: number;
  readonly orderKey: string | null;
  readonly descending: boolean;
  /** Only what comes after this value of the order key. */
  readonly after: string | null;
  /** Trimmed; empty means everything. */
  readonly match: string;
}

/**
 * @param orderKeys columns that may be sorted by
 * @throws DomainError malformed, in Fleet's words
 */
export function listOptions(query: ListQueryDto, orderKeys: readonly string[]): ListOptions {
  const page = whole(query.page, 'page', 0) ?? 0;
  const perPage =
    whole(query.per_page, 'per_page', 1) ?? (query.page === undefined ? UNLIMITED : DEFAULT_PER_PAGE);
  const orderKey = query.order_key ?? null;
  const direction = query.order_direction;
  if (direction !== undefined && orderKey === null)
    throw new DomainError('malformed', 'order_key must be specified with order_direction');
  if (direction !== undefined && !['asc', 'desc'].includes(direction))
    throw new DomainError('malformed', `unknown order_direction: ${direction}`);
  if (orderKey !== null && !orderKeys.includes(orderKey)) {
    throw new DomainError('malformed', {
      name: 'order_key',
      reason: `must be one of ${orderKeys.join(', ')}`,
    });
  }
  if (query.after !== undefined && orderKey === null)
    throw new DomainError('malformed', 'order_key must be specified with after');
  return {
    after: query.after ?? null,
    limit: perPage,
    offset: page * perPage,
    page,
    orderKey,
    descending: direction === 'desc',
    match: query.query?.trim() ?? '',
  };
}

function whole(text: string | undefined, name: string, min: number): number | null {
  if (text === undefined || text === '') return null;
  if (!/^-?\d+$/.test(text)) throw new DomainError('malformed', `non-int ${name} value`);
  const value = Number(text);
  if (value < min)
    throw new DomainError('malformed', name === 'page' ? 'negative page value' : `invalid ${name} value`);
  if (value > 1_000_000_000) throw new DomainError('malformed', `invalid ${name} value`);
  return value;
}
