import { generateKeyPairSync } from 'node:crypto';
import { program } from '../testing.js';
import { parseAuthorizedKey } from './authorized-keys.js';
import { parseSshConfig } from './ssh-configs.js';
import { describeKey } from './user-ssh-keys.js';

const BLOB = 'AAAAC3NzaC1lZDI1NTE5AAAAIJmXm0fUQ6n0JpB1kT0J9o0m2q9qf8r8aVt1Xq3b0k1S';

it('reads keys with and without options', () => {
  expect(parseAuthorizedKey(`ssh-ed25519 ${BLOB} lee at home`)).toEqual({
    algorithm: 'ssh-ed25519',
    key: BLOB,
    options: '',
    comment: 'lee at home',
  });
  const options = 'from="192.0.2.*,!192.0.2.9",command="/bin/sh -c \\"exit 0\\"",no-pty';
  expect(parseAuthorizedKey(`${options} sk-ssh-ed25519@openssh.com ${BLOB}`)).toEqual({
    algorithm: 'sk-ssh-ed25519@openssh.com',
    key: BLOB,
    options,
    comment: '',
  });
  expect(parseAuthorizedKey('# ssh-rsa AAAA')).toBeNull();
  expect(parseAuthorizedKey('  ')).toBeNull();
  expect(parseAuthorizedKey('rubbish')).toMatchObject({ algorithm: '', key: 'rubbish', options: '' });
});

it('tells encrypted keys from others, and what kind they are', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const locked = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  expect(describeKey(String(rsa.export({ format: 'pem', type: 'pkcs1' })))).toEqual({
    encrypted: false,
    key_type: 'rsa',
    key_group_name: '',
    key_length: 2048,
    key_security_bits: 112,
  });
  expect(describeKey(String(ec.export({ format: 'pem', type: 'pkcs8' })))).toEqual({
    encrypted: false,
    key_type: 'ec',
    key_group_name: 'secp384r1',
    key_length: 384,
    key_security_bits: 192,
  });
  for (const type of ['pkcs1', 'pkcs8'] as const)
    expect(describeKey(String(rsa.export({ ...locked, type })))).toMatchObject({
      encrypted: true,
      key_type: '',
    });
  expect(describeKey('-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----')).toBeNull();
  expect(
    describeKey(String(generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }))),
  ).toBeNull();
});

it('looks into the format of OpenSSH', () => {
  const text = (cipher: string): string => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(cipher.length);
    const body = Buffer.concat([
      Buffer.from('openssh-key-v1\0'),
      length,
      Buffer.from(cipher),
      Buffer.alloc(70),
    ]);
    return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
  };
  expect(describeKey(text('none'))).toMatchObject({ encrypted: false });
  expect(describeKey(text('aes256-ctr'))).toMatchObject({ encrypted: true });
  expect(describeKey('-----BEGIN OPENSSH PRIVATE KEY-----\n')).toMatchObject({ encrypted: true });
});

it('puts options under their host', () => {
  const lines = [
    '# none',
    'User Lee',
    '',
    'Host *.Example.com',
    '  Port 2222',
    'Match user kim',
    '\tForwardAgent no',
  ];
  expect([...parseSshConfig(lines)]).toEqual([
    { block: '', option: 'user lee' },
    { block: 'host *.example.com', option: 'port 2222' },
    { block: 'match user kim', option: 'forwardagent no' },
  ]);
  const known = program('grep', '-E', '^[[:space:]]*[A-Za-z]', '/etc/ssh/ssh_config');
  if (known)
    expect([...parseSshConfig(known)].length).toBe(
      known.filter((line) => !/^\s*(host|match)\s/i.test(line)).length,
    );
});
