import { type ListOptions, type ListQueryDto, listOptions } from '#libs/platform/http/index';
import { type ListMetaDto } from './host-scripts.dto.js';

/** For lists that have one order: what else is asked for must be well formed, and changes nothing. */
export function pageOf(query: ListQueryDto): ListOptions {
  return listOptions(query, query.order_key === undefined ? [] : [query.order_key]);
}

export function metaOf(more: boolean, page: number): ListMetaDto {
  return { has_next_results: more, has_previous_results: page > 0 };
}
