import { type CommonOrder, type Order, type OrderShare, type Payload } from '#libs/protocol/index';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';
import { type TargetLane } from '../target.entity.js';
import { type OrderSources } from './order-sources.js';

/** What a claimed target row, joined with its execution, holds. */
export interface OrderRow {
  uuid: string;
  attempt_id: string;
  host_id: number;
  lane: TargetLane;
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
  /** E-mail of who asked for it. */
  requested_by_email: string;
  /** E-mails of who approved it; null: it needed nobody. */
  approved_by: string[] | null;
}

/** Columns of an OrderRow, for statements with `t` as the target and `e` as its execution. */
export const ORDER_COLUMNS = `t.uuid, t.attempt_id, t.host_id, t.lane, t.expires_at, t.execution_id, e.uuid AS execution_uuid, e.kind,
  e.content_sha256, e.stdin_sha256, e.options, e.timeout_seconds, e.grace_seconds, e.output_cap_bytes, e.requested_by_email,
  CASE WHEN e.options ? 'review' THEN
    (SELECT array_agg(v.email ORDER BY v.at, v.user_id) FROM review_votes v WHERE v.review_id = (e.options->>'review')::uuid AND v.approves)
  END AS approved_by`;

/** What the orders of one execution are made of. */
export interface OrderSeries {
  readonly order: CommonOrder;
  /** What shows each host, by its id, that a statement is meant for it. */
  readonly proofs?: ReadonlyMap<number, string[]>;
}

/** The order that tells an agent to run this. */
export function toOrder(row: OrderRow, series: OrderSeries): Order {
  const proof = series.proofs?.get(row.host_id);
  return {
    attempt_id: row.attempt_id,
    target_id: row.uuid,
    ...(proof !== undefined && { host_proof: proof }),
    ...series.order,
  };
}

/** What of it is this host's own. */
export function toShare(row: OrderRow, { proofs }: OrderSeries): OrderShare {
  const proof = proofs?.get(row.host_id);
  return {
    attempt_id: row.attempt_id,
    target_id: row.uuid,
    ...(proof !== undefined && { host_proof: proof }),
  };
}

/**
 * For all orders of the row's execution that leave now.
 * @param hostIds where they go
 * @throws OrderRefused for an exec session that can never be sent
 */
export async function orderSeries(
  row: OrderRow,
  hostIds: readonly number[],
  { contents, secrets, statements }: OrderSources,
): Promise<OrderSeries> {
  const content = await contents.get(row.content_sha256);
  const stdin = row.stdin_sha256 && (await contents.get(row.stdin_sha256));
  const { cwd, user, clean_env = false } = row.options;
  const added = row.kind === 'exec_session' ? await secrets.additionsFor(row.execution_uuid) : {};
  const env = added.env ? { ...row.options.env, ...added.env } : row.options.env;
  const stated = await statements.forOrders(row.execution_id, row.options, hostIds);
  const order: CommonOrder = {
    execution_id: row.execution_uuid,
    kind: row.kind,
    // Lanes of instances are the server's own: the agent knows what is one at a time.
    lane: row.lane === 'serial' ? 'serial' : 'parallel',
    content_sha256: row.content_sha256.toString('hex'),
    payload: toPayload(row, content),
    clean_env,
    ...(cwd !== undefined && { cwd }),
    ...added,
    ...(env !== undefined && { env }),
    ...(user !== undefined && { user }),
    ...(stdin && { stdin }),
    ...(row.options.instance && { instance: { id: row.options.instance.id } }),
    timeout_seconds: row.timeout_seconds,
    grace_seconds: row.grace_seconds,
    output_cap_bytes: Number(row.output_cap_bytes),
    expires_at: row.expires_at?.getTime() ?? null,
    ...(row.requested_by_email !== '' && { asked_by: row.requested_by_email }),
    ...(row.approved_by !== null && { approved_by: row.approved_by }),
    ...(stated && { statement: stated.signed }),
  };
  return stated === null ? { order } : { order, proofs: stated.proofs };
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
