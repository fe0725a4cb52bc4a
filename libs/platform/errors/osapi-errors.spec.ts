import { DomainError, ERROR_CODES, notFound } from './domain-error.js';
import { OsapiErrors } from './osapi-errors.js';

const dialect = new OsapiErrors();

describe('OsapiErrors', () => {
  it.each([
    ['/node/web-01/command/exec', true],
    ['/api/node/_all/command/shell', true],
    ['/API/Node/_all/command/shell', true],
    ['/api/job', true],
    ['/api/job/1/retry', true],
    ['/api/agent', true],
    ['/api/agent/web-01/drain', true],
    ['/api/facts/keys', true],
    ['/api/agents', false],
    ['/api/jobs', false],
    ['/api/v1/fleet/hosts', false],
    ['/api/v1/executions', false],
    ['/nodes', false],
    ['/x/node/web-01', false],
  ])('speaks at %s: %s', (path, expected) => {
    expect(dialect.speaks(path)).toBe(expected);
  });

  it.each(ERROR_CODES)('fills all three fields for %s', (code) => {
    for (const problem of ['why', '', { name: 'command', reason: 'why' }]) {
      const { status, body } = dialect.answer(new DomainError(code, problem));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body).toEqual({
        error: expect.stringMatching(/./),
        details: expect.stringMatching(/./),
        code: status,
      });
    }
  });

  it.each([
    [new DomainError('malformed', 'x'), 400],
    [new DomainError('invalid', 'x'), 400],
    [new DomainError('invalid_unknown', 'x'), 400],
    [new DomainError('credentials_missing', 'Authorization header required'), 401],
    [new DomainError('credentials_invalid', 'x'), 401],
    [new DomainError('forbidden', 'forbidden'), 403],
    [notFound('Agent', 'web-01'), 404],
    [new DomainError('conflict', 'x'), 409],
    [new DomainError('too_large', 'x'), 413],
    [new DomainError('unsupported_media_type', 'x'), 415],
    [new DomainError('internal', 'internal error'), 500],
  ])('%s is %d', (error, status) => {
    expect(dialect.answer(error).status).toBe(status);
  });

  it('says what happened, and to which fields', () => {
    const error = new DomainError('malformed', [
      { name: 'command', reason: 'command is required' },
      { name: 'timeout', reason: 'timeout must be at most 300' },
    ]);
    expect(dialect.answer(error).body).toEqual({
      error: 'command is required; timeout must be at most 300',
      details: 'command: command is required; timeout: timeout must be at most 300',
      code: 400,
    });
  });

  it('names the right that is lacking, and the rule that refuses', () => {
    const { body } = dialect.answer(
      new DomainError('forbidden', 'forbidden', { required: 'command:execute' }),
    );
    expect(body).toMatchObject({ error: 'Insufficient permissions. Required: [command:execute]', code: 403 });
    const rule = 'the token "ci" is limited to label group:web';
    expect(dialect.answer(new DomainError('forbidden', rule)).body).toMatchObject({ error: rule, code: 403 });
  });

  it('says when to come back', () => {
    expect(dialect.answer(new DomainError('unavailable', 'x', { retryAfter: 1 })).headers).toEqual({
      'Retry-After': '1',
    });
  });
});
