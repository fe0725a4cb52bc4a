import { Inject, Injectable } from '@nestjs/common';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { type Settings, SETTINGS } from '../config/index.js';
import { DomainError } from '../errors/index.js';
import { type Caller } from './caller.js';

/** Rates are means over so long: who was quiet may be quick for a while. */
const WINDOW_SECONDS = 10;

type Rates = Pick<Settings, 'tokenRate' | 'refusedRate'>;

/**
 * How many requests one token may make, and how many one address whose requests are refused for want of a token: a client that
 * runs wild, or somebody who tries keys, costs the others nothing. Kept in memory, as long as the server lives.
 */
@Injectable()
export class RequestLimiter {
  private readonly tokens: RateLimiterMemory | null;
  private readonly refusals: RateLimiterMemory | null;

  constructor(@Inject(SETTINGS) { tokenRate, refusedRate }: Rates) {
    this.tokens = limiter(tokenRate);
    this.refusals = limiter(refusedRate);
  }

  /**
   * Counts one request of a token.
   * @throws DomainError rate_limited
   */
  async take({ sessionId, apiTokenId }: Pick<Caller, 'sessionId' | 'apiTokenId'>): Promise<void> {
    if (this.tokens === null) return;
    try {
      await this.tokens.consume(apiTokenId === null ? `session ${sessionId}` : `token ${apiTokenId}`);
    } catch (refusal) {
      throw rateLimited(refusal);
    }
  }

  /**
   * Whether this address may still show what a person could guess, an enroll secret: not after too many requests that were refused.
   * @throws DomainError rate_limited
   */
  async admit(address: string): Promise<void> {
    const seen = await this.refusals?.get(address);
    if (this.refusals && seen && seen.consumedPoints >= this.refusals.points) throw rateLimited(seen);
  }

  /**
   * Does the work; when it ends because nobody knows who asks, that counts against the address.
   * @param isUnknown whether this error says so
   * @throws DomainError rate_limited, instead of that error, after too many of them
   */
  async counted<T>(
    address: string,
    isUnknown: (error: unknown) => boolean,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isUnknown(error)) await this.refused(address);
      throw error;
    }
  }

  /**
   * Counts a request of this address that had no token, or one that is not known. Only those are turned away: others at the same address
   * (behind the same router, say) go on.
   * @throws DomainError rate_limited
   */
  async refused(address: string): Promise<void> {
    try {
      await this.refusals?.consume(address);
    } catch (refusal) {
      throw rateLimited(refusal);
    }
  }
}

function limiter(perSecond: number): RateLimiterMemory | null {
  return perSecond === 0
    ? null
    : new RateLimiterMemory({ points: perSecond * WINDOW_SECONDS, duration: WINDOW_SECONDS });
}

/** What a limiter throws, in our words: when trying again makes sense. Anything else stays what it is. */
export function rateLimited(refusal: unknown): unknown {
  if (!(refusal instanceof RateLimiterRes)) return refusal;
  const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
  return new DomainError('rate_limited', `limit exceeded, retry after: ${seconds}s`, { retryAfter: seconds });
}
