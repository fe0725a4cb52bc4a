import { z } from 'zod';
import { isConnectionError } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';

const number = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** `select_campaign`. `after`: `seq` of the last event that the client has; 0: none. */
export const SelectCampaign = z.object({ campaign_id: number.min(1), after: number.default(0) });

/** `watch_execution`. */
export const WatchExecution = z.object({
  execution_id: z.string().max(64),
  // As in the query of the same output by HTTP.
  after: number.max(999_999_999_999_999).default(0),
});

/** The acknowledgement of every request. */
export type Ack<T> =
  ({ readonly ok: true } & T) | { readonly ok: false; readonly error: { code: string; message: string } };

/** @throws DomainError malformed, which names the fields */
export function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new DomainError(
    'malformed',
    result.error.issues.map(({ path, message }) => {
      const name = path.join('.') || 'base';
      return { name, reason: `${name}: ${message}` };
    }),
  );
}

/** What may be told of an error; null for what only the log may know. */
export function asDomainError(error: unknown): DomainError | null {
  if (error instanceof DomainError) return error;
  return isConnectionError(error)
    ? new DomainError('unavailable', 'The database cannot be reached at the moment; try again.')
    : null;
}
