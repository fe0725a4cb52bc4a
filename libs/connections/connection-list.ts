import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { type ConnectionListQueryDto } from './connections.dto.js';

/** Which connections are meant; null: whatever. */
export interface ConnectionFilter {
  readonly agent: string | null;
  readonly type: string | null;
  readonly subtype: string | null;
  readonly tags: readonly TagCondition[];
  readonly search: string | null;
  readonly resourceName: string | null;
  readonly attribute: string | null;
  readonly ids: readonly string[] | null;
  /** Nothing is managed by anybody. */
  readonly none: boolean;
}

export interface TagCondition {
  readonly key: string;
  readonly value: string;
  readonly negated: boolean;
}

export interface Page {
  readonly page: number;
  readonly size: number;
}

const PAGE_SIZE = 50;

/** @throws DomainError invalid */
export function filterOf(query: ConnectionListQueryDto): ConnectionFilter {
  const ids = query.connection_ids?.split(',').map((id) => id.trim());
  const wrong = ids?.find((id) => !isUuid(id));
  if (wrong !== undefined)
    throw new DomainError('invalid', {
      name: 'connection_ids',
      reason: 'connection_ids must be ids with commas',
    });
  return {
    agent: query.agent_id || null,
    type: query.type || null,
    subtype: query.subtype || null,
    tags: tagConditions(query.tag_selector ?? ''),
    search: query.search || null,
    resourceName: query.resource_name || null,
    attribute: query.attribute || null,
    ids: ids ?? null,
    none: Boolean(query.managed_by),
  };
}

/** null: all of them, without pages. @throws DomainError invalid */
export function pageOf({ page, page_size: size }: ConnectionListQueryDto): Page | null {
  if (page === undefined && size === undefined) return null;
  return { page: whole('page', page, 1, 1_000_000), size: whole('page_size', size, PAGE_SIZE, 100) };
}

function whole(name: string, text: string | undefined, byDefault: number, max: number): number {
  if (text === undefined || text === '') return byDefault;
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max)
    throw new DomainError('invalid', { name, reason: `${name} must be between 1 and ${max}` });
  return value;
}

function tagConditions(selector: string): TagCondition[] {
  return selector
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, key = '', operator, value = ''] = /^\s*([^=!]+?)\s*(!?=)\s*(.*?)\s*$/.exec(part) ?? [];
      if (key === '')
        throw new DomainError('invalid', {
          name: 'tag_selector',
          reason: 'tag_selector must look like env=prod,tier!=test',
        });
      return { key, value, negated: operator === '!=' };
    });
}
