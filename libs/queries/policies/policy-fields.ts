import { type FieldProblem } from '#libs/platform/errors/index';
import { isPlatformList } from '../saved/query-fields.js';
import { type PolicyFields } from './policy-sets.repository.js';

/** Fleet's name for the hosts that belong to no team. */
export const NO_TEAM = 'No team';

/** What is wrong with the fields of a policy, in Fleet's words. */
export function checkPolicyFields({
  name,
  query,
  platform,
}: Pick<PolicyFields, 'name' | 'query' | 'platform'>): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (name.trim() === '') problems.push({ name: 'name', reason: 'policy name cannot be empty' });
  if (query.trim() === '') problems.push({ name: 'query', reason: 'policy query cannot be empty' });
  if (!isPlatformList(platform)) problems.push({ name: 'platform', reason: 'invalid policy platform' });
  return problems;
}
