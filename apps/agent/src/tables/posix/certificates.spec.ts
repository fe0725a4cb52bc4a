import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, openTables, program } from '../testing.js';

let ask: Ask & { warnings(): string[] };
let root: string;

beforeAll(async () => {
  ask = await openTables();
  root = fs.mkdtempSync(join(tmpdir(), 'muster-certificates-'));
});

afterAll(() => fs.rmSync(root, { recursive: true }));

const openssl = (path: string, ...args: string[]): string[] =>
  program('openssl', 'x509', '-in', path, '-noout', ...args) ?? [];

/** What openssl says of one file. */
function known(path: string): Record<string, string> {
  const after = (line = ''): string => line.replace(/^[^=]*= ?/, '');
  const [subject2, issuer2, serial, sha1, from, to] = openssl(
    path,
    '-nameopt',
    'oneline',
    '-subject',
    '-issuer',
    '-serial',
    '-fingerprint',
    '-sha1',
    '-startdate',
    '-enddate',
  ).map(after);
  // Newer versions put a backslash before a slash; osquery's does not.
  const [subject, issuer] = openssl(path, '-nameopt', 'compat', '-subject', '-issuer').map((line) =>
    after(line).replace(/\\([/+])/g, '$1'),
  );
  const text = openssl(path, '-text').join('\n');
  return {
    subject: subject ?? '',
    subject2: subject2 ?? '',
    issuer: issuer ?? '',
    issuer2: issuer2 ?? '',
    // Zero has one digit in osquery.
    serial: serial === '00' ? '0' : (serial ?? ''),
    sha1: (sha1 ?? '').replaceAll(':', '').toLowerCase(),
    not_valid_before: String(Date.parse(from ?? '') / 1000),
    not_valid_after: String(Date.parse(to ?? '') / 1000),
    signing_algorithm: /Signature Algorithm: (\S+)/.exec(text)?.[1] ?? '',
    key_algorithm: /Public Key Algorithm: (\S+)/.exec(text)?.[1] ?? '',
    key_strength: /ASN1 OID: (\S+)/.exec(text)?.[1] ?? /Public-Key: \((\d+) bit/.exec(text)?.[1] ?? '',
    subject_key_id: (/Subject Key Identifier:\s*\n\s*([\dA-F:]+)/.exec(text)?.[1] ?? '')
      .replaceAll(':', '')
      .toLowerCase(),
    authority_key_id: (/Authority Key Identifier:\s*\n\s*(?:keyid:)?([\dA-F:]+)/.exec(text)?.[1] ?? '')
      .replaceAll(':', '')
      .toLowerCase(),
  };
}

function make(name: string, ...args: string[]): string {
  const path = join(root, `${name}.pem`);
  const key = join(root, `${name}.key`);
  const common = ['req', '-x509', '-nodes', '-days', '30', '-keyout', key, '-out', path];
  execFileSync('openssl', [...common, ...args], { stdio: 'ignore' });
  return path;
}

const rowOf = (path: string): Record<string, string | null> | undefined =>
  ask(`select * from certificates where path = '${path}'`)[0];

it('says of the certificates of this machine what openssl says', () => {
  const names = fs.existsSync('/etc/ssl/certs') ? fs.readdirSync('/etc/ssl/certs') : [];
  // One in six: a program run for each.
  const paths = names.filter((name) => name.endsWith('.pem')).map((name) => `/etc/ssl/certs/${name}`);
  for (const path of paths.filter((_, i) => i % 6 === 0)) {
    expect(rowOf(path)).toMatchObject(known(path));
    expect(rowOf(path)).toMatchObject({ ca: '1' });
  }
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  if (!fs.existsSync(bundle)) return;
  const count = program('grep', '-c', 'BEGIN CERTIFICATE', bundle)?.[0];
  expect(ask(`select count(*) as n, sum(ca) as ca from certificates where path = '${bundle}'`)).toEqual([
    { n: count, ca: count },
  ]);
  expect(ask('select distinct path from certificates')).toContainEqual({ path: bundle });
});

it('says of odd ones what openssl says', () => {
  const odd = make(
    'odd',
    '-newkey',
    'rsa:1024',
    '-utf8',
    '-subj',
    '/C=DE/O=M\u00fcller, S\u00f6hne; "Co"/CN=#1 <a\\+b> \\\\ /emailAddress=a@b.c',
    '-addext',
    'keyUsage=digitalSignature,nonRepudiation,keyAgreement,decipherOnly',
  );
  expect(rowOf(odd)).toMatchObject(known(odd));
  expect(rowOf(odd)).toMatchObject({
    common_name: '#1 <a+b> \\ ',
    // OpenSSL: it may not have signed itself.
    self_signed: '0',
    key_usage: 'Key Agreement, Non Repudiation, Digital Signature, Decipher Only',
  });
  const curve = make(
    'curve',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-384',
    '-subj',
    '/CN=a+O=b',
    '-multivalue-rdn',
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  );
  expect(rowOf(curve)).toMatchObject({
    ...known(curve),
    ca: '0',
    self_signed: '1',
    key_strength: 'secp384r1',
    key_usage: '',
  });
});

it('passes over what is no certificate', () => {
  const path = join(root, 'bundle.pem');
  const good = fs.readFileSync(make('good', '-newkey', 'rsa:2048', '-subj', '/CN=good'), 'utf8');
  fs.writeFileSync(
    path,
    `# text\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${good}rest\n${good}`,
  );
  expect(ask(`select common_name from certificates where path = '${path}'`)).toEqual([
    { common_name: 'good' },
    { common_name: 'good' },
  ]);
  expect(ask.warnings()).toEqual([`${path} has a certificate that cannot be read`]);
  expect(ask(`select * from certificates where path = '${root}/none'`)).toEqual([]);
});
