import { describeEnvelope } from './api-error.js';

describe('describeEnvelope', () => {
  it.each([
    [
      { message: 'Validation Failed', errors: [{ name: 'script', reason: 'too long' }] },
      'Validation Failed: too long (script)',
    ],
    [
      { message: 'Bad request', errors: [{ name: 'base', reason: 'json decoder error' }] },
      'Bad request: json decoder error',
    ],
    [
      {
        message: 'Validation Failed',
        errors: [
          { name: 'a', reason: 'x' },
          { name: 'b', reason: 'y' },
        ],
      },
      'Validation Failed: x (a); y (b)',
    ],
    [{ message: 'forbidden', errors: [{ name: 'base', reason: 'forbidden' }] }, 'forbidden'],
    [{ message: 'Permission Denied' }, 'Permission Denied'],
    [{ message: 'odd', errors: [null, 7, { name: 'x' }] }, 'odd'],
    [{ message: 'odd', errors: 'none' }, 'odd'],
    ['<html>', undefined],
    [null, undefined],
    [{ error: 'x' }, undefined],
  ])('%j', (body, expected) => {
    expect(describeEnvelope(body)).toBe(expected);
  });
});
