import { type Row, type Table } from '../engine/table.js';
import { describeCertificate } from './certificate.js';
import { linesOf, type Warn } from './files.js';
import { outputOf } from './programs.js';

const BUNDLES = ['/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/certs/ca-certificates.crt'];
const KEYCHAINS = [
  '/System/Library/Keychains/SystemRootCertificates.keychain',
  '/Library/Keychains/System.keychain',
];
const PLACES = process.platform === 'darwin' ? KEYCHAINS : BUNDLES;
const KEYCHAIN = /\.keychain(-db)?$/;
const BEGIN = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const END = /^-----END (?:X509 |TRUSTED )?CERTIFICATE-----/;
/** A certificate in PEM has no more lines than this. */
const MOST_LINES = 2_000;

/** The certificates of a bundle; what is none is passed over with a warning. */
export function* certificatesIn(
  path: string,
  scan: Warn,
  content: Iterable<string> = linesOf(path, scan),
): Generator<Row> {
  let lines: string[] | null = null;
  for (const line of content) {
    if (BEGIN.test(line)) lines = [];
    lines?.push(line);
    if (!lines || (!END.test(line) && lines.length < MOST_LINES)) continue;
    try {
      yield { ...describeCertificate(lines.join('\n')), path };
    } catch {
      scan.warn(`${path} has a certificate that cannot be read`);
    }
    lines = null;
  }
}

/** Those that macOS keeps in a keychain, which its own program writes as a bundle. */
function* certificatesOfKeychain(path: string, scan: Warn): Generator<Row> {
  const bundle = outputOf('security', ['find-certificate', '-a', '-p', path], scan);
  if (bundle !== null) yield* certificatesIn(path, scan, bundle.split('\n'));
}

/** Certificates that this machine trusts, or those of the files that the query names. */
export const certificates: Table = {
  name: 'certificates',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const path of scan.equals('path') ?? PLACES)
      yield* KEYCHAIN.test(path) ? certificatesOfKeychain(path, scan) : certificatesIn(path, scan);
  },
};
