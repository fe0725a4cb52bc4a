import { Injectable } from '@nestjs/common';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { rateLimited } from '#libs/platform/auth/index';

/** Failures within a minute after which an account, or an address, has to wait. */
const FAILURES_PER_ACCOUNT = 10;
const FAILURES_PER_ADDRESS = 50;
const WINDOW_SECONDS = 60;

/** Counts failed logins per account and per address; successes cost nothing, so nobody is locked out by working. */
@Injectable()
export class LoginLimiter {
  private readonly accounts = new RateLimiterMemory({
    points: FAILURES_PER_ACCOUNT,
    duration: WINDOW_SECONDS,
  });
  private readonly addresses = new RateLimiterMemory({
    points: FAILURES_PER_ADDRESS,
    duration: WINDOW_SECONDS,
  });

  /**
   * Takes a try from both before the password is looked at, so that tries that come all at once are counted too;
   * `succeeded` gives it back.
   * @throws DomainError rate_limited, the same whether or not the account exists
   */
  async take(email: string, address: string): Promise<void> {
    try {
      await Promise.all([this.accounts.consume(email), this.addresses.consume(address)]);
    } catch (refusal) {
      throw rateLimited(refusal);
    }
  }

  async succeeded(email: string, address: string): Promise<void> {
    await Promise.all([this.accounts.reward(email), this.addresses.reward(address)]);
  }
}
