import { RequestLimiter } from './request-limiter.js';

const session = (sessionId: number) => ({ sessionId, apiTokenId: null });
const limited = { code: 'rate_limited', retryAfter: expect.any(Number) as number };

it('counts the requests of each token by itself', async () => {
  const limiter = new RequestLimiter({ tokenRate: 1, refusedRate: 0 });
  for (let i = 0; i < 10; i++) await limiter.take(session(1));
  await expect(limiter.take(session(1))).rejects.toMatchObject(limited);
  await limiter.take(session(2));
  await limiter.take({ sessionId: null, apiTokenId: 1 });
});

it('hears no more of an address whose requests were refused too often', async () => {
  const limiter = new RequestLimiter({ tokenRate: 0, refusedRate: 1 });
  for (let i = 0; i < 10; i++) {
    await limiter.admit('192.0.2.1');
    await limiter.refused('192.0.2.1');
  }
  await expect(limiter.refused('192.0.2.1')).rejects.toMatchObject(limited);
  await expect(limiter.admit('192.0.2.1')).rejects.toMatchObject(limited);
  await limiter.admit('192.0.2.2');
});

it('knows no limit where the rate is 0', async () => {
  const limiter = new RequestLimiter({ tokenRate: 0, refusedRate: 0 });
  for (let i = 0; i < 10_000; i++) {
    await limiter.take(session(1));
    await limiter.refused('192.0.2.1');
  }
  await limiter.admit('192.0.2.1');
});
