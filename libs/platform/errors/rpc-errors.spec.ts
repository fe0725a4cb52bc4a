import { DomainError, ERROR_CODES, notFound } from './domain-error.js';
import { RpcErrors } from './rpc-errors.js';

const dialect = new RpcErrors();

describe('RpcErrors', () => {
  it.each([
    ['/api/rpc/script_start', true],
    ['/api/rpc', true],
    ['/API/RPC/nothing', true],
    ['/api/rpcs', false],
    ['/api/v1/fleet/rpc', false],
  ])('speaks at %s: %s', (path, expected) => {
    expect(dialect.speaks(path)).toBe(expected);
  });

  it.each(ERROR_CODES)('has a word and a message for %s', (code) => {
    for (const problem of ['why', '', { name: 'limit', reason: 'why' }]) {
      const { status, body } = dialect.answer(new DomainError(code, problem));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body).toEqual({
        error: {
          code: expect.stringMatching(/^[a-z_]+$/),
          message: expect.stringMatching(/./),
          ...(typeof problem === 'object' && { field: 'limit' }),
        },
      });
    }
  });

  it.each([
    [new DomainError('malformed', 'x'), 400],
    [new DomainError('invalid_unknown', 'x'), 400],
    [new DomainError('credentials_missing', 'x'), 401],
    [new DomainError('forbidden', 'x'), 403],
    [notFound('Host', 7), 404],
    [new DomainError('conflict', 'x'), 409],
  ])('%s is %d', (error, status) => {
    expect(dialect.answer(error).status).toBe(status);
  });

  it('names every param that is wrong', () => {
    const error = new DomainError('malformed', [
      { name: 'filter.states[0]', reason: 'must be a state' },
      { name: 'pagination.limit', reason: 'must not be 0' },
    ]);
    expect(dialect.answer(error).body).toEqual({
      error: {
        code: 'invalid_params',
        message: 'filter.states[0]: must be a state; pagination.limit: must not be 0',
        field: 'filter.states[0]',
      },
    });
  });

  it('says which conflict it is', () => {
    const error = new DomainError('conflict', 'it runs', { word: 'already_running' });
    expect(dialect.answer(error)).toMatchObject({
      status: 409,
      body: { error: { code: 'already_running', message: 'it runs' } },
    });
  });
});
