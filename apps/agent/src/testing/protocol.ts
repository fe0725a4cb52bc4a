import { type Bytes } from '#libs/protocol/index';

export * from '#libs/protocol/index';

/** Output as bytes, however it travelled. */
export function toBytes(data: Bytes): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
}
