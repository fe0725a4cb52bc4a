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
    [
      { error: 'job not found', details: 'no job has the id 7', code: 404 },
      'job not found: no job has the id 7',
    ],
    [{ error: 'job not found: 7', details: 'job not found: 7', code: 404 }, 'job not found: 7'],
    [{ error: 'target agent "x" not found', details: 'not found', code: 400 }, 'target agent "x" not found'],
    [{ error: 'forbidden', details: 'forbidden: role observer', code: 403 }, 'forbidden: role observer'],
    [{ error: 'Token required' }, 'Token required'],
    [{ error: '', details: 'x' }, undefined],
    [{ error: { code: 1 } }, undefined],
  ])('%j', (body, expected) => {
    expect(describeEnvelope(body)).toBe(expected);
  });
});
