import { z } from 'zod';
import { listOf } from './bounded.js';
import { Limits } from './constants.js';
import { ReasonCode } from './reasons.js';

const count = z.number().int().min(1).max(2_147_483_647);
const text = (max: number): z.ZodType<string, string> =>
  z
    .string()
    .max(max)
    .transform((value) => value.replaceAll('\0', '').toWellFormed());

/** What an agent did not do, though it was told to. Nothing in it but the code is more than what the refused message said of itself. */
export const RefusedMessage = z.object({
  code: z.enum(ReasonCode),
  /** Name of the event. */
  type: text(64),
  /** For people. */
  message: text(1024),
  /** Of an order that could be read. */
  attempt_id: z.uuid().nullable(),
  /** SHA-256, hex, of what was signed; null: nothing was. */
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  /** The key that it named. */
  key: text(64).nullable(),
  /** Milliseconds since the epoch, by the host's clock. */
  at: z.number().int().min(0).max(253_402_300_799_999),
  /** How many alike: more came than there was room for. */
  count,
});
export type RefusedMessage = z.infer<typeof RefusedMessage>;

/** Agent → server, `refused`: about once a second at most. */
export const Refused = z.object({
  refusals: listOf(RefusedMessage, Limits.refusalsPerMessage, 1),
});
export type Refused = z.infer<typeof Refused>;

/** They are in the record. Not ok: say it again. */
export const RefusedAck = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), error: z.string(), retry_after_ms: z.number().int().nonnegative() }),
]);
export type RefusedAck = z.infer<typeof RefusedAck>;

/** The acknowledgement of a message that the agent has refused, unless it was one of orders that can be named (then: a `RunAck`). */
export const RefusedAnswer = z.object({ refused: z.enum(ReasonCode), message: z.string() });
export type RefusedAnswer = z.infer<typeof RefusedAnswer>;
