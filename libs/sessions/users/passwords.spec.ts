import { passwordProblem } from '#libs/platform/auth/index';
import { generatePassword, hashPassword, passwordMatches } from './passwords.js';

describe('passwords', () => {
  it.each(['short1!', 'no-number-in-here', 'nosymbol12345678', ''])(
    'refuses %j with the criteria',
    (password) => {
      expect(passwordProblem(password)).toMatch(/^Password does not meet required criteria/);
    },
  );

  it('takes what meets the criteria, and any that it generates', () => {
    expect(passwordProblem('correct horse 1!')).toBeNull();
    for (let i = 0; i < 50; i++) expect(passwordProblem(generatePassword())).toBeNull();
    expect(passwordProblem(`a1!${'x'.repeat(2000)}`)).toMatch(/too long/);
  });

  it('keeps argon2id hashes that match their password only', async () => {
    const hash = await hashPassword('correct horse 1!');
    expect(hash).toMatch(/^\$argon2id\$/);
    expect(await passwordMatches(hash, 'correct horse 1!')).toBe(true);
    expect(await passwordMatches(hash, 'correct horse 2!')).toBe(false);
    expect(await passwordMatches(null, 'correct horse 1!')).toBe(false);
  });
});
