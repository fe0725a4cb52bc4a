import { DomainError, ERROR_CODES, notFound } from './domain-error.js';
import { FleetErrors } from './fleet-errors.js';

const dialect = new FleetErrors();

describe('FleetErrors', () => {
  it.each(ERROR_CODES)('has an answer for %s that tells what happened', (code) => {
    const { status, body } = dialect.answer(new DomainError(code, { name: 'field', reason: 'why' }));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body).toMatchObject({ message: expect.stringMatching(/./) });
    // Errors about roles have a number and no list; what is switched off for everybody has neither.
    if (code !== 'role_refused' && code !== 'permission_denied')
      expect(body).toMatchObject({ errors: [{ name: 'field', reason: 'why' }] });
  });

  it('numbers errors about roles', () => {
    const { status, body } = dialect.answer(
      new DomainError('role_refused', 'at least one admin', { number: 2 }),
    );
    expect(status).toBe(422);
    expect(body).toEqual({ message: 'at least one admin', code: 2, uuid: expect.any(String) });
  });

  it.each([
    [new DomainError('malformed', 'x'), 400, 'Bad request', true],
    [
      new DomainError('credentials_missing', 'Authorization header required'),
      401,
      'Authorization header required',
      true,
    ],
    [new DomainError('invalid', { name: 'script', reason: 'x' }), 422, 'Validation Failed', true],
    [new DomainError('invalid_unknown', { name: 'script_id', reason: 'x' }), 404, 'Validation Failed', false],
    [notFound('Host', 7), 404, 'Resource Not Found', false],
    [new DomainError('conflict', 'two of them'), 409, 'two of them', false],
    [new DomainError('refused', 'x'), 422, 'Unprocessable Entity', true],
  ])('words its classes as the contract does: %s', (error, status, message, uuid) => {
    const answer = dialect.answer(error);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ message });
    expect('uuid' in (answer.body as object)).toBe(uuid);
  });

  it('says when to come back', () => {
    const answer = dialect.answer(
      new DomainError('rate_limited', 'limit exceeded, retry after: 5s', { retryAfter: 5 }),
    );
    expect(answer).toMatchObject({
      status: 429,
      headers: { 'Retry-After': '5' },
      body: { message: 'limit exceeded, retry after: 5s' },
    });
  });

  it('names what was not found', () => {
    expect(dialect.answer(notFound('Host', 7)).body).toMatchObject({
      errors: [{ name: 'base', reason: 'Host 7 was not found in the datastore' }],
    });
    expect(notFound('Host').message).toBe('Host was not found in the datastore');
  });
});
