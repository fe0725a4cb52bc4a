import { type Lane, type Order, type Payload } from '#libs/protocol/index';
import { type ContentsService } from '#libs/scripts/index';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';
import { type OrderSecrets } from './order-secrets.js';

/** What a claimed target row, joined with its execution, holds. */
export interface OrderRow {
  id: string;
  uuid: string;
  attempt_id: string;
  host_id: number;
  lane: Lane;
  expires_at: Date | null;
  execution_id: string;
  execution_uuid: string;
  kind: ExecutionKind;
  content_sha256: Buffer;
  stdin_sha256: Buffer | null;
  options: RunOptions;
  timeout_seconds: number;
  grace_seconds: number;
  output_cap_bytes: string;
}

/** Columns of an OrderRow, for statements with `t` as the target and `e` as its execution. */
export const ORDER_COLUMNS = `t.id, t.uuid, t.attempt_id, t.host_id, t.lane, t.expires_at, t.execution_id, e.uuid AS execution_uuid, e.kind,
  e.content_sha256, e.stdin_sha256, e.options, e.timeout_seconds, e.grace_seconds, e.output_cap_bytes`;

/**
 * The message that tells an agent to run this.
 * @throws OrderRefused for an exec session that can never be sent
 */
export async function toOrder(
  row: OrderRow,
  contents: ContentsService,
  secrets: OrderSecrets,
): Promise<Order> {
  const content = await contents.get(row.content_sha256);
  const stdin = row.stdin_sha256 && (await contents.get(row.stdin_sha256));
  const { cwd, env, user, clean_env = false } = row.options;
  return {
    attempt_id: row.attempt_id,
    target_id: row.uuid,
    execution_id: row.execution_uuid,
    kind: row.kind,
    lane: row.lane,
    content_sha256: row.content_sha256.toString('hex'),
    payload: toPayload(row, content),
    clean_env,
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
    ...(user !== undefined && { user }),
    ...(stdin && { stdin }),
    timeout_seconds: row.timeout_seconds,
    grace_seconds: row.grace_seconds,
    output_cap_bytes: Number(row.output_cap_bytes),
    expires_at: row.expires_at?.getTime() ?? null,
    ...(row.kind === 'exec_session' && (await secrets.additionsFor(row.execution_uuid))),
  };
}

function toPayload(row: OrderRow, content: Buffer): Payload {
  switch (row.kind) {
    case 'script':
    case 'instance':
      // Text travels as text: cheaper than a binary attachment. The hash is over the bytes either way.
      return { type: 'script', contents: content.toString('utf8'), arguments: row.options.arguments ?? [] };
    case 'command':
    case 'exec_session':
      return { type: 'command', argv: JSON.parse(content.toString('utf8')) as string[] };
    case 'shell':
      return { type: 'shell', command: JSON.parse(content.toString('utf8')) as string };
  }
}
