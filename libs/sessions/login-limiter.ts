import { Injectable } from '@nestjs/common';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { DomainError } from '#libs/platform/errors/index';

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

  /** @throws DomainError rate_limited, the same whether or not the account exists */
  async check(email: string, address: string): Promise<void> {
    const spent = await Promise.all([this.accounts.get(email), this.addresses.get(address)]);
    const limits = [FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS];
    spent.forEach((entry, i) => {
      if (entry === null || entry.consumedPoints < (limits[i] ?? 0)) return;
      const seconds = Math.max(1, Math.ceil(entry.msBeforeNext / 1000));
      throw new DomainError('rate_limited', `limit exceeded, retry after: ${seconds}s`, {
        retryAfter: seconds,
      });
    });
  }

  async failed(email: string, address: string): Promise<void> {
    await Promise.all([this.accounts.penalty(email), this.addresses.penalty(address)]);
  }
}
