import { Inject, Injectable } from '@nestjs/common';
import { Authenticator, type Caller, RequestLimiter } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { Metrics } from '#libs/platform/metrics/index';
import { LIVE_LIMITS, type LiveLimits } from './limits.js';
import { pump, type Send } from './pump.js';

/** The words for every token that stands for nobody, or for somebody who may do nothing yet. */
export const UNAUTHORIZED = 'unauthorized';

/** What one live client follows, whatever carries it: who it is, as long as it is, and the pump with its count. */
@Injectable()
export class LiveSubscriptions {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly limiter: RequestLimiter,
    private readonly metrics: Metrics,
    @Inject(LIVE_LIMITS) private readonly limits: LiveLimits,
  ) {}

  /** @throws DomainError credentials_invalid, also while the user has to choose a new password; rate_limited after too many of them */
  authenticate(token: string, address: string): Promise<Caller> {
    return this.limiter.counted(address, isRefusal, () => this.identify(token, address));
  }

  /** Looks at the token again and again until the signal aborts; calls back once when it stands for nobody any more. */
  whenRevoked(
    token: string,
    address: string,
    signal: AbortSignal,
    revoked: (error: DomainError) => void,
  ): void {
    const timer = setInterval(() => {
      // Not limited: of an address that may show no token for a while it would not be learnt that this one is revoked.
      this.identify(token, address).catch((error: unknown) => {
        // Anything else, a database that is away say, tells nothing about the token.
        if (!isRefusal(error) || signal.aborted) return;
        clearInterval(timer);
        revoked(error);
      });
    }, this.limits.recheckMs);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    if (signal.aborted) clearInterval(timer);
  }

  private async identify(token: string, address: string): Promise<Caller> {
    const caller = token === '' ? null : await this.authenticator.authenticate(token, address);
    if (!caller || caller.mustResetPassword) throw new DomainError('credentials_invalid', UNAUTHORIZED);
    return caller;
  }

  /** As `pump`, counted among the subscribers. */
  async follow<T>(
    source: AsyncIterable<Iterable<T>>,
    send: Send<T>,
    signal: AbortSignal,
    stalled: () => void,
  ): Promise<void> {
    this.metrics.liveSubscribers.inc();
    try {
      await pump(source, send, { signal, stallMs: this.limits.stallMs, stalled });
    } finally {
      this.metrics.liveSubscribers.dec();
    }
  }
}

/** Whether the error says that a token is no good. */
export function isRefusal(error: unknown): error is DomainError {
  return (
    error instanceof DomainError &&
    ['credentials_missing', 'credentials_invalid', 'password_reset_required'].includes(error.code)
  );
}
