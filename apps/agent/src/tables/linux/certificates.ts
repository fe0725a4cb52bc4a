import { type Row, type Table } from '../engine/table.js';
import { describeCertificate } from './certificate.js';
import { linesOf, type Warn } from './files.js';

const BUNDLES = ['/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/certs/ca-certificates.crt'];
const BEGIN = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const END = /^-----END (?:X509 |TRUSTED )?CERTIFICATE-----/;
/** A certificate in PEM has no more lines than this. */
const MOST_LINES = 2_000;

/** The certificates of a bundle; what is none is passed over with a warning. */
export function* certificatesIn(path: string, scan: Warn): Generator<Row> {
  let lines: string[] | null = null;
  for (const line of linesOf(path, scan)) {
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

/** Certificates that this machine trusts, or those of the files that the query names. */
export const certificates: Table = {
  name: 'certificates',
  platforms: ['linux'],
  *rows(scan) {
    for (const path of scan.equals('path') ?? BUNDLES) yield* certificatesIn(path, scan);
  },
};
