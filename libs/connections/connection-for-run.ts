import { type MaskType } from './connection.entity.js';
import { commandOf } from './connection-view.js';
import { type ConnectionRow } from './connections.repository.js';
import { type GuardRailRule } from './guardrails/check.js';
import { partsOf } from './secrets/secret-fields.js';
import { forClient, type SessionSecrets } from './subtypes.js';

/** Everything that a session has to know of its connection; frozen when it is asked for. */
export interface ConnectionForRun {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly subtype: string;
  /** argv without the session's arguments; empty: the connection has no command, and nothing can be run. */
  readonly command: readonly string[];
  readonly timeoutSeconds: number;
  /** null: as the server's setting says. */
  readonly outputCapBytes: number | null;
  /** A host's uuid or hostname, `key:value`, or a selector. */
  readonly agent: string;
  /** It runs on hosts of this team alone; null: on those of any, or of none. */
  readonly teamId: number | null;
  /** false: sessions are switched off for it. */
  readonly execEnabled: boolean;
  /** null: anything. */
  readonly allowedClientArgs: readonly string[] | null;
  /** Names of variables that a session may bring; `*` among them: any. */
  readonly allowedEnv: readonly string[];
  /** Not empty: a session waits for them. */
  readonly reviewers: readonly string[];
  /** 0 without reviewers. */
  readonly minApprovals: number;
  /** Reviewers whose approval is enough by itself. */
  readonly forceApproveGroups: readonly string[];
  readonly guardrails: readonly GuardRailRule[];
  readonly maskTypes: readonly MaskType[];
  readonly mandatoryMetadata: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  /**
   * The secrets, for the order to the agent and nothing else.
   * @throws DomainError refused: one cannot be opened, and why
   */
  readonly open: () => Promise<SessionSecrets>;
}

/** What hoop's names of masked things are called here. */
const REDACTED: Readonly<Record<string, MaskType>> = { EMAIL_ADDRESS: 'email', CREDIT_CARD: 'card' };

/** @param openSecrets by name (`envvar:…`, `filesystem:…`) */
export function toConnectionForRun(
  row: ConnectionRow,
  guardrails: readonly GuardRailRule[],
  openSecrets: () => Promise<ReadonlyMap<string, Buffer>>,
): ConnectionForRun {
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    subtype: row.subtype,
    command: commandOf(row),
    timeoutSeconds: row.timeoutSeconds,
    outputCapBytes: row.outputCapBytes,
    agent: row.agent,
    teamId: row.teamId,
    execEnabled: row.accessModeExec === 'enabled',
    allowedClientArgs: row.allowedClientArgs?.includes('*') ? null : row.allowedClientArgs,
    allowedEnv: row.allowedEnv,
    reviewers: row.reviewers,
    minApprovals: row.minReviewApprovals ?? row.reviewers.length,
    forceApproveGroups: row.forceApproveGroups,
    guardrails,
    maskTypes: masked(row),
    mandatoryMetadata: row.mandatoryMetadataFields,
    tags: row.connectionTags,
    open: async () => forClient(row.subtype, byKind(await openSecrets())),
  };
}

function masked({ maskTypes, redactEnabled, redactTypes }: ConnectionRow): MaskType[] {
  const redacted = redactEnabled ? redactTypes.flatMap((name) => REDACTED[name] ?? []) : [];
  return [...new Set([...maskTypes, ...redacted])];
}

function byKind(secrets: ReadonlyMap<string, Buffer>): SessionSecrets {
  const env: Record<string, string> = {};
  const files: Record<string, Buffer> = {};
  for (const [name, secret] of secrets) {
    const parts = partsOf(name);
    if (parts?.kind === 'envvar') env[parts.variable] = secret.toString('utf8');
    else if (parts) files[parts.variable] = secret;
  }
  return { env, files };
}
