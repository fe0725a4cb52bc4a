import { looksPlain, plainNames } from './plain-values.js';

describe('looksPlain', () => {
  it.each([
    ['HOST', 'db.example.com'],
    ['PGHOST', '10.0.0.1'],
    ['DB_HOST', '[::1]'],
    ['PORT', '5432'],
    ['PGPORT', '5432'],
    ['USER', 'app'],
    ['SQLCMDUSER', 'sa'],
    ['db', 'orders'],
    ['PGDATABASE', 'orders'],
    ['PGSSLMODE', 'require'],
  ])('%s=%s', (name, value) => expect(looksPlain(name, value)).toBe(true));

  it.each([
    ['PASS', 'secret'],
    ['PGPASSWORD', 'secret'],
    ['TOKEN', '5432'],
    ['EXPORT', '5432'],
    ['PORT', 'secret'],
    ['HOST', 'postgres://app:secret@db'],
    ['HOST', 'two words'],
    ['USER', ''],
    ['HOST_KEY', 'secret'],
  ])('not %s=%s', (name, value) => expect(looksPlain(name, value)).toBe(false));
});

describe('plainNames', () => {
  it('are those that look it, and those that were given as such', () => {
    const env = { HOST: 'db', PASS: 'secret', LANG: 'C' };
    expect([...plainNames(env, new Set(['LANG']))]).toEqual(['HOST', 'LANG']);
  });

  it('none of them holds the value of a secret', () => {
    const env = { USER: 'hunter2', HOST: 'hunter2.example.com', DB: 'x', PASS: 'hunter2', OTHER: 'x' };
    expect([...plainNames(env, new Set())]).toEqual(['DB']);
  });
});
