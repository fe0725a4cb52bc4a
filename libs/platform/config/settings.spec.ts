import { generateKeyPairSync } from 'node:crypto';
import { loadSettings, serverUrl, SettingsError } from './settings.js';

describe('loadSettings', () => {
  it('has the documented defaults', () => {
    expect(loadSettings({})).toMatchObject({
      host: '127.0.0.1',
      port: 8420,
      dataDir: `${process.cwd()}/.muster`,
      databaseUrl: null,
      firstAdmin: null,
      enrollSecret: null,
      secretsKeys: null,
      signingKeys: null,
      tls: null,
      logLevel: 'info',
      outputCapBytes: 64 * 1024 * 1024,
    });
  });

  it('takes an empty value for an unset one', () => {
    expect(loadSettings({ MUSTER_PORT: '', MUSTER_DATABASE_URL: '' })).toMatchObject({
      port: 8420,
      databaseUrl: null,
    });
  });

  it.each([
    [{ MUSTER_PORT: 'eighty' }, 'MUSTER_PORT: must be a whole number'],
    [{ MUSTER_PORT: '70000' }, 'MUSTER_PORT: must be between 0 and 65535'],
    [{ MUSTER_DATABASE_URL: 'mysql://localhost/x' }, 'MUSTER_DATABASE_URL: must be a postgres:// URL'],
    [{ MUSTER_DATABASE_URL: 'nonsense' }, 'MUSTER_DATABASE_URL: must be a postgres:// URL'],
    [{ MUSTER_LOG_LEVEL: 'loud' }, 'MUSTER_LOG_LEVEL: must be error, warn, info or debug'],
    [
      { MUSTER_ADMIN_EMAIL: 'nobody', MUSTER_ADMIN_PASSWORD: 'long enough 1!' },
      'MUSTER_ADMIN_EMAIL: must be an e-mail address',
    ],
    [
      { MUSTER_ADMIN_EMAIL: 'a@example.com' },
      'MUSTER_ADMIN_EMAIL and MUSTER_ADMIN_PASSWORD go together: set both or neither',
    ],
    [{ MUSTER_TLS_CERT: '/cert.pem' }, 'MUSTER_TLS_CERT and MUSTER_TLS_KEY go together: set both or neither'],
    [
      { MUSTER_TLS_CERT: '/no/cert.pem', MUSTER_TLS_KEY: '/no/key.pem' },
      'MUSTER_TLS_CERT: cannot read /no/cert.pem (ENOENT)',
    ],
    [
      { MUSTER_TLS_CERT: '/etc/hostname', MUSTER_TLS_KEY: '/etc/hostname' },
      'MUSTER_TLS_CERT: /etc/hostname is not a PEM file',
    ],
    [
      { MUSTER_REDIS_URL: 'redis://localhost' },
      'MUSTER_REDIS_URL: several server replicas are not supported by this version; leave it unset',
    ],
    [
      { MUSTER_SECRETS_KEY: 'c2hvcnQ=' },
      'MUSTER_SECRETS_KEY: must be a key of 32 bytes in base64 (openssl rand -base64 32), or several with commas',
    ],
    [
      { MUSTER_SIGNING_KEY: 'c2hvcnQ=' },
      'MUSTER_SIGNING_KEY: must be an Ed25519 private key (openssl genpkey -algorithm ed25519), as PEM or its PKCS8 in base64; a second one is the key of before',
    ],
    [{ MUSTER_OUTPUT_CAP_BYTES: '10' }, 'MUSTER_OUTPUT_CAP_BYTES: must be between 1024 and 4294967296'],
  ])('%j → %s', (env, message) => {
    expect(() => loadSettings(env)).toThrow(new SettingsError(message));
  });

  it('takes one key for secrets or several', () => {
    const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const MUSTER_SECRETS_KEY = [one, two].map((key) => key.toString('base64')).join(', ');
    expect(loadSettings({ MUSTER_SECRETS_KEY }).secretsKeys).toEqual([one, two]);
  });

  it('takes a signing key as PEM or as base64, and the one of before with it', () => {
    const [one, two] = [generateKeyPairSync('ed25519').privateKey, generateKeyPairSync('ed25519').privateKey];
    const pem = [one, two].map((key) => key.export({ type: 'pkcs8', format: 'pem' }) as string).join('');
    const base64 = [one, two]
      .map((key) => key.export({ type: 'pkcs8', format: 'der' }).toString('base64'))
      .join(', ');
    for (const MUSTER_SIGNING_KEY of [pem, pem.replaceAll('\n', '\\n'), base64]) {
      const keys = loadSettings({ MUSTER_SIGNING_KEY }).signingKeys;
      expect(keys?.map((key) => key.equals(one) || key.equals(two))).toEqual([true, true]);
      expect(keys?.[0]?.equals(one)).toBe(true);
    }
  });

  it('tells every variable that makes no sense, not only the first', () => {
    expect(() => loadSettings({ MUSTER_PORT: 'x', MUSTER_LOG_LEVEL: 'y' })).toThrow(
      /MUSTER_PORT.*; MUSTER_LOG_LEVEL/,
    );
  });
});

describe('serverUrl', () => {
  it.each([
    [{ host: '127.0.0.1', port: 1, tls: null }, 'http://127.0.0.1:1'],
    [{ host: '0.0.0.0', port: 2, tls: null }, 'http://127.0.0.1:2'],
    [{ host: '::1', port: 3, tls: { cert: '', key: '' } }, 'https://[::1]:3'],
  ])('%j → %s', (settings, url) => {
    expect(serverUrl(settings)).toBe(url);
  });
});
