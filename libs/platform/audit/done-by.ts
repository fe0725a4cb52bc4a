import { type Caller } from '../auth/index.js';
import { type AuditRecord } from './audit.js';

/** What the record says of something that the caller has done; details never hold a secret. */
export function doneBy(caller: Caller, act: string, details: Record<string, unknown>): AuditRecord {
  const { userId, email, address } = caller;
  return { userId, email, address, act, outcome: 'done', details };
}
