import { DomainError, ERROR_CODES } from './domain-error.js';
import { HoopErrors } from './hoop-errors.js';

const dialect = new HoopErrors();

describe('HoopErrors', () => {
  it.each([
    ['/api/sessions', true],
    ['/api/sessions/1/exec', true],
    ['/API/Connections/bash', true],
    ['/api/reviews/1', true],
    ['/api/guardrails', true],
    ['/api/agents', true],
    ['/api/agent', false],
    ['/api/agent/web-01', false],
    ['/api/v1/fleet/sessions/1', false],
    ['/api/sessionsx', false],
    ['/x/api/sessions', false],
  ])('speaks at %s: %s', (path, expected) => {
    expect(dialect.speaks(path)).toBe(expected);
  });

  it.each(ERROR_CODES)('says one thing for %s, and never nothing', (code) => {
    for (const problem of ['why', '', { name: 'type', reason: 'why' }]) {
      const { status, body } = dialect.answer(new DomainError(code, problem));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body).toEqual({ message: expect.stringMatching(/./) });
    }
  });

  it.each([
    ['malformed', 400],
    ['invalid_unknown', 400],
    ['credentials_invalid', 401],
    ['forbidden', 403],
    ['not_found', 404],
    ['already_exists', 409],
    ['conflict', 409],
    ['invalid', 422],
    ['refused', 422],
    ['internal', 500],
  ] as const)('%s is %d', (code, status) => {
    expect(dialect.answer(new DomainError(code, 'x')).status).toBe(status);
  });

  it('names the field unless the reason does', () => {
    const problems = [
      { name: 'name', reason: 'is required' },
      { name: 'connection', reason: 'connection bash not found' },
    ];
    expect(dialect.answer(new DomainError('invalid', problems)).body).toEqual({
      message: 'name is required; connection bash not found',
    });
  });

  it('says which right is lacking, and the rule that refuses', () => {
    const lacking = new DomainError('forbidden', 'forbidden', { required: 'connection:write' });
    expect(dialect.answer(lacking).body).toEqual({
      message: 'access denied: the right connection:write is needed',
    });
    const rule = 'the token "ci" is limited to label group:web';
    expect(dialect.answer(new DomainError('forbidden', rule)).body).toEqual({ message: rule });
  });

  it('says when to come back', () => {
    expect(dialect.answer(new DomainError('unavailable', 'x', { retryAfter: 1 })).headers).toEqual({
      'Retry-After': '1',
    });
  });
});
