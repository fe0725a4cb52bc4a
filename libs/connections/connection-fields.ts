import { DomainError, type FieldProblem } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { ACCESS_MODES, type Connection, CONNECTION_TYPES, MASK_TYPES } from './connection.entity.js';
import { type ModifyConnectionDto } from './connections.dto.js';

/** Everything of a connection that a write can change. */
export type ConnectionFields = Omit<
  Connection,
  'id' | 'name' | 'team' | 'secretsUpdatedAt' | 'createdAt' | 'updatedAt' | 'outputCapBytes'
> & { outputCapBytes: number | null };

const DEFAULTS: ConnectionFields = {
  type: 'custom',
  subtype: '',
  command: [],
  agent: '',
  teamId: null,
  resourceName: '',
  accessModeExec: 'enabled',
  accessModeConnect: 'disabled',
  accessModeRunbooks: 'disabled',
  accessSchema: 'disabled',
  reviewers: [],
  minReviewApprovals: null,
  forceApproveGroups: [],
  accessMaxDuration: null,
  redactEnabled: false,
  redactTypes: [],
  maskTypes: [],
  attributes: [],
  connectionTags: {},
  tags: [],
  mandatoryMetadataFields: [],
  timeoutSeconds: 3600,
  outputCapBytes: null,
  allowedClientArgs: null,
  allowedEnv: [],
  env: {},
};

/** The names of the fields outside. */
export const FIELD_NAMES = {
  type: 'type',
  subtype: 'subtype',
  command: 'command',
  agent: 'agent_id',
  teamId: 'team_id',
  resourceName: 'resource_name',
  accessModeExec: 'access_mode_exec',
  accessModeConnect: 'access_mode_connect',
  accessModeRunbooks: 'access_mode_runbooks',
  accessSchema: 'access_schema',
  reviewers: 'reviewers',
  minReviewApprovals: 'min_review_approvals',
  forceApproveGroups: 'force_approve_groups',
  accessMaxDuration: 'access_max_duration',
  redactEnabled: 'redact_enabled',
  redactTypes: 'redact_types',
  maskTypes: 'mask_types',
  attributes: 'attributes',
  connectionTags: 'connection_tags',
  tags: 'tags',
  mandatoryMetadataFields: 'mandatory_metadata_fields',
  timeoutSeconds: 'timeout',
  outputCapBytes: 'output_cap_bytes',
  allowedClientArgs: 'allowed_client_args',
  allowedEnv: 'allowed_env',
  env: 'env',
} as const satisfies Record<keyof ConnectionFields, keyof ModifyConnectionDto>;

const KEYS = Object.keys(FIELD_NAMES) as (keyof ConnectionFields)[];
const MAX_TAGS = 10;
const MAX_VARIABLES = 100;
const MAX_TIMEOUT_SECONDS = 604_800;
const MAX_OUTPUT_BYTES = 4_294_967_296;

/**
 * What a connection becomes: what the body leaves out stays as before, null is the default.
 * @param before null: it begins with the defaults
 */
export function fieldsOf(dto: ModifyConnectionDto, before: ConnectionFields | null): ConnectionFields {
  const fields: Record<string, unknown> = {};
  for (const key of KEYS) {
    const given: unknown = dto[FIELD_NAMES[key]];
    fields[key] = given === undefined ? (before ?? DEFAULTS)[key] : (given ?? DEFAULTS[key]);
  }
  return fields as unknown as ConnectionFields;
}

/** The names (as outside) of the fields that differ. */
export function changedFields(before: ConnectionFields, after: ConnectionFields): string[] {
  return KEYS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key])).map(
    (key) => FIELD_NAMES[key],
  );
}

/** hoop's rule for names, and: what looks like an id is none. @throws DomainError invalid */
export function checkName(name: string): void {
  const wellFormed = /^[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*$/.test(name);
  if (name.length >= 3 && name.length <= 254 && wellFormed && !isUuid(name)) return;
  const reason = isUuid(name)
    ? 'name must not look like an id'
    : 'name must have 3 to 254 characters: letters, digits, underscores, and single dots or dashes between them';
  throw new DomainError('invalid', { name: 'name', reason });
}

/** @throws DomainError invalid, naming every field that breaks a rule */
export function checkFields(fields: ConnectionFields): void {
  const problems: FieldProblem[] = [];
  const check = (key: keyof ConnectionFields, good: boolean, rule: string): void => {
    if (!good) problems.push({ name: FIELD_NAMES[key], reason: `${FIELD_NAMES[key]} ${rule}` });
  };
  const oneOf = (key: keyof ConnectionFields, values: readonly string[]): void =>
    check(key, values.includes(fields[key] as string), `must be one of ${values.join(', ')}`);
  const between = (key: keyof ConnectionFields, min: number, max: number): void => {
    const value = fields[key] as number | null;
    check(key, value === null || (value >= min && value <= max), `must be between ${min} and ${max}`);
  };
  oneOf('type', CONNECTION_TYPES);
  for (const key of ['accessModeExec', 'accessModeConnect', 'accessModeRunbooks', 'accessSchema'] as const)
    oneOf(key, ACCESS_MODES);
  check('agent', fields.agent.trim() !== '', 'must name a host, a label (key:value) or a selector');
  check('command', fields.command.length === 0 || fields.command[0] !== '', 'must begin with a program');
  between('minReviewApprovals', 1, 100);
  check(
    'minReviewApprovals',
    fields.minReviewApprovals === null || fields.reviewers.length > 0,
    'means nothing without reviewers',
  );
  between('accessMaxDuration', 1, 172_800);
  between('timeoutSeconds', 1, MAX_TIMEOUT_SECONDS);
  between('outputCapBytes', 1024, MAX_OUTPUT_BYTES);
  for (const type of fields.maskTypes)
    if (!MASK_TYPES.includes(type)) check('maskTypes', false, `must be some of ${MASK_TYPES.join(', ')}`);
  check(
    'forceApproveGroups',
    fields.forceApproveGroups.every((group) => fields.reviewers.includes(group)),
    'must be among the reviewers',
  );
  for (const name of fields.allowedEnv)
    if (!/^(\*|[A-Za-z_][A-Za-z0-9_]*)$/.test(name) || name.startsWith('MUSTER_'))
      check('allowedEnv', false, 'must be names of variables, not of MUSTER_*, or *');
  const variable = variableProblem(fields.env);
  if (variable !== null) check('env', false, variable);
  const tag = tagProblem(fields.connectionTags);
  if (tag !== null) check('connectionTags', false, tag);
  if (problems.length > 0) throw new DomainError('invalid', problems);
}

/** Never quotes a value. */
function variableProblem(env: Readonly<Record<string, unknown>>): string | null {
  const entries = Object.entries(env);
  if (entries.length > MAX_VARIABLES) return `must be at most ${MAX_VARIABLES}`;
  for (const [name, value] of entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) || name.startsWith('MUSTER_'))
      return 'must have names of variables (letters, digits, underscores), not of MUSTER_*';
    if (typeof value !== 'string' || value.length > 4_096 || value.includes('\0'))
      return 'must have values of at most 4096 characters';
  }
  return null;
}

function tagProblem(tags: Readonly<Record<string, unknown>>): string | null {
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS) return `must be at most ${MAX_TAGS}`;
  for (const [key, value] of entries) {
    if (key === '' || key.length > 64 || key.includes('\0')) return 'must have keys of 1 to 64 characters';
    if (typeof value !== 'string' || value.length > 256 || value.includes('\0'))
      return 'must have values of at most 256 characters';
  }
  return null;
}
