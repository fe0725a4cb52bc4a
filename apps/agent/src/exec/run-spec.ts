import { createHash } from 'node:crypto';
import { type Bytes, type Order, type Payload } from '#libs/protocol/index';

/** What the runner needs of an order. */
export type RunSpec = Pick<
  Order,
  | 'attempt_id'
  | 'execution_id'
  | 'payload'
  | 'cwd'
  | 'env'
  | 'clean_env'
  | 'stdin'
  | 'user'
  | 'timeout_seconds'
  | 'grace_seconds'
  | 'secrets'
  | 'mask'
  | 'deny_output'
  | 'limits'
>;

/** Whether output has to be filtered before anybody stores it; most runs ask for nothing of the kind. */
export function wishesFilters({
  secrets,
  mask,
  deny_output,
}: Pick<RunSpec, 'secrets' | 'mask' | 'deny_output'>): boolean {
  return secrets !== undefined || mask !== undefined || deny_output !== undefined;
}

/** Bytes as a Buffer, without a copy where there are bytes already. */
export function toBuffer(bytes: Bytes): Buffer {
  return typeof bytes === 'string'
    ? Buffer.from(bytes)
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** SHA-256, hex, of what is to be run: the script's bytes, or the JSON of argv or of the command line. */
export function contentDigest(payload: Payload): string {
  const hash = createHash('sha256');
  switch (payload.type) {
    case 'script':
      return hash.update(toBuffer(payload.contents)).digest('hex');
    case 'command':
      return hash.update(JSON.stringify(payload.argv)).digest('hex');
    case 'shell':
      return hash.update(JSON.stringify(payload.command)).digest('hex');
  }
}
