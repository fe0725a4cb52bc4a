import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from './environment.js';
import { loadLogin, saveLogin } from './saved-login.js';

describe('what login keeps', () => {
  let home: string;
  let file: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'muster-login-'));
    file = join(home, 'muster', 'config.json');
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('comes back as it was, for its owner alone', async () => {
    await saveLogin(file, { url: 'https://m', token: 't', email: 'a@b.c', ca: '/ca.pem', insecure: true });
    expect(await loadLogin(file)).toEqual({
      url: 'https://m',
      token: 't',
      email: 'a@b.c',
      ca: '/ca.pem',
      insecure: true,
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'muster')).mode & 0o777).toBe(0o700);
  });

  it('is narrowed when it was open before', async () => {
    mkdirSync(join(home, 'muster'));
    writeFileSync(file, '{}');
    chmodSync(file, 0o644);
    await saveLogin(file, { url: 'https://m' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(home, 'muster'))).toEqual(['config.json']);
  });

  it('leaves nothing behind when it cannot be written', async () => {
    mkdirSync(file, { recursive: true });
    await expect(saveLogin(file, { url: 'https://new' })).rejects.toThrow('cannot write');
    expect(readdirSync(join(home, 'muster'))).toEqual(['config.json']);
  });

  it('is nothing before the first login, and an error when damaged', async () => {
    expect(await loadLogin(file)).toBeUndefined();
    mkdirSync(join(home, 'muster'));
    writeFileSync(file, '{"url": 5}');
    await expect(loadLogin(file)).rejects.toThrow('is damaged');
  });
});

describe('where login keeps it', () => {
  it.each([
    [{ HOME: '/home/me' }, '/home/me/.config/muster/config.json'],
    [{ HOME: '/home/me', XDG_CONFIG_HOME: '/x' }, '/x/muster/config.json'],
    [{ HOME: '/home/me', XDG_CONFIG_HOME: 'relative' }, '/home/me/.config/muster/config.json'],
    [{ HOME: '/home/me', XDG_CONFIG_HOME: '' }, '/home/me/.config/muster/config.json'],
  ])('%j', (env, expected) => {
    expect(readEnvironment(env).configFile).toBe(expected);
  });
});
