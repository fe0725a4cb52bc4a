import { DomainError, type FieldProblem } from '#libs/platform/errors/index';

export const LOGGINGS = ['snapshot', 'differential', 'differential_ignore_removals'] as const;
export type Logging = (typeof LOGGINGS)[number];

const PLATFORMS = ['darwin', 'linux', 'windows', 'chrome'];

/** All that people decide about a saved query. */
export interface QueryFields {
  readonly name: string;
  readonly description: string;
  /** The SQL; its syntax is the host's business. */
  readonly query: string;
  readonly observerCanRun: boolean;
  /** Seconds. */
  readonly interval: number;
  readonly platform: string;
  readonly minOsqueryVersion: string;
  readonly automationsEnabled: boolean;
  readonly logging: string;
  readonly discardData: boolean;
}

/** What a query is unless somebody says otherwise. */
export const QUERY_DEFAULTS: Omit<QueryFields, 'name' | 'query'> = {
  description: '',
  observerCanRun: false,
  interval: 0,
  platform: '',
  minOsqueryVersion: '',
  automationsEnabled: false,
  logging: 'snapshot',
  discardData: false,
};

/**
 * The fields as they are stored: names and platforms without the blanks around them, no logging is `snapshot`.
 * @throws DomainError invalid, with every problem, in Fleet's words
 */
export function checkQueryFields(given: QueryFields): QueryFields & { readonly logging: Logging } {
  const name = given.name.trim();
  const platforms = given.platform.split(',').map((platform) => platform.trim());
  const logging = LOGGINGS.find((known) => known === (given.logging || 'snapshot'));
  const problems: FieldProblem[] = [];
  const complain = (field: string, reason: string): unknown => problems.push({ name: field, reason });
  if (name === '') complain('name', 'query name cannot be empty');
  if (given.query.trim() === '') complain('query', "query's SQL query cannot be empty");
  if (!isPlatformList(given.platform))
    complain(
      'platform',
      "query's platform must be a comma-separated list of 'darwin', 'linux', 'windows', and/or 'chrome' in a single string",
    );
  if (!logging) complain('logging', `invalid logging value, must be one of ${LOGGINGS.join(', ')}`);
  if (problems.length > 0 || !logging) throw new DomainError('invalid', problems);
  return { ...given, name, platform: platforms.join(','), logging };
}

/** Whether what hosts have reported to a query is of no use once it is changed so. */
export function spoilsReports(before: QueryFields, after: QueryFields): boolean {
  return (
    before.query !== after.query ||
    before.platform !== after.platform ||
    before.minOsqueryVersion !== after.minOsqueryVersion ||
    (before.logging === 'snapshot' && after.logging !== 'snapshot') ||
    (!before.discardData && after.discardData)
  );
}

/** Whether this names platforms, with commas between them, or nothing. */
export function isPlatformList(text: string): boolean {
  return text.trim() === '' || text.split(',').every((platform) => PLATFORMS.includes(platform.trim()));
}
