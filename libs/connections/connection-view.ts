import { type AgentState } from './connection-agents.js';
import { type ConnectionDto } from './connections.dto.js';
import { type ConnectionRow } from './connections.repository.js';
import { SECRET_MASK } from './secrets/secret-fields.js';
import { defaultCommand } from './subtypes.js';

/** What is run: the connection's own command, or that of its subtype; empty: there is none. */
export function commandOf({
  command,
  subtype,
}: Pick<ConnectionRow, 'command' | 'subtype'>): readonly string[] {
  return command.length > 0 ? command : defaultCommand(subtype);
}

/** hoop's connection (`reference/hoop.md`, section 6). @param agent null: not known */
export function toConnectionDto(row: ConnectionRow, agent: AgentState | null): ConnectionDto {
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    subtype: row.subtype,
    resource_name: row.resourceName || row.name,
    command: [...commandOf(row)],
    agent_id: row.agent,
    status: agent === null ? null : agent.online ? 'online' : 'offline',
    team_id: row.teamId,
    secret: Object.fromEntries(row.secrets.map(({ name }) => [name, SECRET_MASK])),
    secrets: row.secrets.map(({ name, updatedAt }) => ({ name, updated_at: updatedAt })),
    secrets_updated_at: row.secretsUpdatedAt?.toISOString() ?? null,
    access_mode_exec: row.accessModeExec,
    access_mode_connect: row.accessModeConnect,
    access_mode_runbooks: row.accessModeRunbooks,
    access_schema: row.accessSchema,
    reviewers: row.reviewers,
    min_review_approvals: row.minReviewApprovals,
    force_approve_groups: row.forceApproveGroups,
    access_max_duration: row.accessMaxDuration,
    redact_enabled: row.redactEnabled,
    redact_types: row.redactTypes,
    mask_types: row.maskTypes,
    guardrail_rules: [...row.guardRails],
    attributes: row.attributes,
    connection_tags: row.connectionTags,
    tags: row.tags,
    mandatory_metadata_fields: row.mandatoryMetadataFields,
    timeout: row.timeoutSeconds,
    output_cap_bytes: row.outputCapBytes,
    allowed_client_args: row.allowedClientArgs,
    allowed_env: row.allowedEnv,
    env: row.env,
    managed_by: null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
