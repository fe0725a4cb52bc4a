import { ReasonCode, type Order } from '#libs/protocol/index';
import { contentDigest } from '../exec/run-spec.js';

/** A refusal, in the words of the contract. */
export interface Refusal {
  readonly reason: ReasonCode;
  readonly message: string;
}

/** What admission depends on. */
export interface AdmissionContext {
  readonly scriptsEnabled: boolean;
  /** What the policy of the host's operator has against it. */
  readonly denial: () => Refusal | null;
  /** The server's clock. */
  readonly now: number;
  /** Another attempt of the same target that was started here, or still may be. */
  readonly earlierAttempt: string | undefined;
  /** Another run of the same instance that goes on, or is about to. */
  readonly instanceRun: string | undefined;
}

/** Whether an order may be taken at all: null when it may. */
export function refusalOf(order: Order, context: AdmissionContext): Refusal | null {
  if (!context.scriptsEnabled) {
    return { reason: ReasonCode.scriptsDisabled, message: 'this agent runs with scripts disabled' };
  }
  const denial = context.denial();
  if (denial !== null) return denial;
  const expired = expiryOf(order, context.now);
  if (expired !== null) return expired;
  if (context.earlierAttempt !== undefined && context.earlierAttempt !== order.attempt_id) {
    const message = `attempt ${context.earlierAttempt} of this target was taken here already`;
    return { reason: ReasonCode.startFailed, message };
  }
  if (context.instanceRun !== undefined) {
    const message = `this instance runs already: attempt ${context.instanceRun}`;
    return { reason: ReasonCode.alreadyRunning, message };
  }
  if (contentDigest(order.payload) !== order.content_sha256) {
    return {
      reason: ReasonCode.contentMismatch,
      message: 'the content does not match the hash in the order',
    };
  }
  return null;
}

/** Whether an order's time has passed. */
export function expiryOf(order: Order, now: number): Refusal | null {
  if (order.expires_at === null || now <= order.expires_at) return null;
  return { reason: ReasonCode.expired, message: 'expired before it could be started' };
}
