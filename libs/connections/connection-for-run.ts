import { createHash } from 'node:crypto';
import { namesVariables, withVariables } from './command-variables.js';
import { type MaskType } from './connection.entity.js';
import { commandOf } from './connection-view.js';
import { type ConnectionRow } from './connections.repository.js';
import { type GuardRailRule } from './guardrails/check.js';
import { partsOf } from './secrets/secret-fields.js';
import { plainNames } from './secrets/plain-values.js';
import { forClient, type SessionSecrets } from './subtypes.js';

/** The variables and files of a connection, those that are no secrets apart. */
export interface OpenedConnection extends SessionSecrets {
  /** Variables that need not be hidden. */
  readonly plain: Readonly<Record<string, string>>;
}

/** Everything that a session has to know of its connection; frozen when it is asked for. */
export interface ConnectionForRun {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly subtype: string;
  /** argv without the session's arguments; empty: the connection has no command, and nothing can be run. */
  readonly command: readonly string[];
  /**
   * The command with the values of the variables that it names; none of them is a secret.
   * @throws DomainError refused: it names one that is; a secret cannot be opened
   */
  readonly argv: () => Promise<readonly string[]>;
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
  readonly resourceName: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Another one when something has changed that decides what a session does: the command, where it runs, a secret. */
  readonly version: string;
  /**
   * What its process gets, for the order to the agent and nothing else.
   * @throws DomainError refused: one cannot be opened, and why
   */
  readonly open: () => Promise<OpenedConnection>;
}

/** What hoop's names of masked things are called here. */
const REDACTED: Readonly<Record<string, MaskType>> = { EMAIL_ADDRESS: 'email', CREDIT_CARD: 'card' };

/** @param openSecrets by name (`envvar:…`, `filesystem:…`) */
export function toConnectionForRun(
  row: ConnectionRow,
  guardrails: readonly GuardRailRule[],
  openSecrets: () => Promise<ReadonlyMap<string, Buffer>>,
): ConnectionForRun {
  const command = commandOf(row);
  const open = async (): Promise<OpenedConnection> => withPlain(row, byKind(await openSecrets()));
  return {
    id: row.id,
    name: row.name,
    type: row.type,
    subtype: row.subtype,
    command,
    argv: async () => (namesVariables(command) ? withVariables(row.name, command, await open()) : command),
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
    resourceName: row.resourceName || row.name,
    tags: row.connectionTags,
    version: versionOf(row),
    open,
  };
}

function versionOf(row: ConnectionRow): string {
  const decisive = [
    commandOf(row),
    row.agent,
    row.teamId,
    row.env,
    row.secretsUpdatedAt?.toISOString() ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(decisive)).digest('base64url');
}

/** A secret wins over a variable of the same name. */
function withPlain({ subtype, env: open }: ConnectionRow, secrets: SessionSecrets): OpenedConnection {
  const all = forClient(subtype, { env: { ...open, ...secrets.env }, files: secrets.files });
  const given = new Set(Object.keys(open).filter((name) => !Object.hasOwn(secrets.env, name)));
  const names = plainNames(all.env, given);
  const part = (plain: boolean): Record<string, string> =>
    Object.fromEntries(Object.entries(all.env).filter(([name]) => names.has(name) === plain));
  return { env: part(false), files: all.files, plain: part(true) };
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
