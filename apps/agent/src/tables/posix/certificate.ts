import { X509Certificate } from 'node:crypto';
import { type Row } from '../engine/table.js';
import { type Der, derValues, oidText, TAG } from './der.js';

/** Names of attributes and algorithms in OpenSSL's words; what is not here is shown in digits. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.13': 'description',
  '2.5.4.15': 'businessCategory',
  '2.5.4.17': 'postalCode',
  '2.5.4.41': 'name',
  '2.5.4.42': 'GN',
  '2.5.4.43': 'initials',
  '2.5.4.46': 'dnQualifier',
  '2.5.4.65': 'pseudonym',
  '2.5.4.97': 'organizationIdentifier',
  '1.2.840.113549.1.9.1': 'emailAddress',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.3.6.1.4.1.311.60.2.1.1': 'jurisdictionL',
  '1.3.6.1.4.1.311.60.2.1.2': 'jurisdictionST',
  '1.3.6.1.4.1.311.60.2.1.3': 'jurisdictionC',
};
const ALGORITHMS: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'rsaEncryption',
  '1.2.840.113549.1.1.4': 'md5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'sha1WithRSAEncryption',
  '1.2.840.113549.1.1.10': 'rsassaPss',
  '1.2.840.113549.1.1.11': 'sha256WithRSAEncryption',
  '1.2.840.113549.1.1.12': 'sha384WithRSAEncryption',
  '1.2.840.113549.1.1.13': 'sha512WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'sha224WithRSAEncryption',
  '1.2.840.10040.4.1': 'dsaEncryption',
  '1.2.840.10040.4.3': 'dsaWithSHA1',
  '2.16.840.1.101.3.4.3.2': 'dsa_with_SHA256',
  '1.2.840.10045.2.1': 'id-ecPublicKey',
  '1.2.840.10045.4.1': 'ecdsa-with-SHA1',
  '1.2.840.10045.4.3.1': 'ecdsa-with-SHA224',
  '1.2.840.10045.4.3.2': 'ecdsa-with-SHA256',
  '1.2.840.10045.4.3.3': 'ecdsa-with-SHA384',
  '1.2.840.10045.4.3.4': 'ecdsa-with-SHA512',
  '1.3.101.112': 'ED25519',
  '1.3.101.113': 'ED448',
};
/** By the bits of the extension, in osquery's order. */
const USAGES = [
  [0x0001, 'Encipher Only'],
  [0x0002, 'CRL Sign'],
  [0x0004, 'Key Cert Sign'],
  [0x0008, 'Key Agreement'],
  [0x0010, 'Data Encipherment'],
  [0x0020, 'Key Encipherment'],
  [0x0040, 'Non Repudiation'],
  [0x0080, 'Digital Signature'],
  [0x8000, 'Decipher Only'],
] as const;
const CERT_SIGN = 0x0004;
const OID = {
  subjectKey: '2.5.29.14',
  usage: '2.5.29.15',
  constraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
};
const BMP_STRING = 30;

interface Attribute {
  readonly name: string;
  readonly value: Der;
  /** Whether it belongs to the one before. */
  readonly joined: boolean;
}

/** A certificate in PEM or DER as a row. @throws if it is none */
export function describeCertificate(text: string | Buffer): Row {
  const certificate = new X509Certificate(text);
  const [whole] = derValues(certificate.raw);
  const [signed, outer] = parts(whole);
  const fields = parts(signed);
  // The version is only there when it is not 1.
  const versioned = fields[0]?.tag === 0xa0;
  const [, , issuerDer, , subjectDer, keyDer] = versioned ? fields.slice(1) : fields;
  const issuer = attributes(issuerDer);
  const subject = attributes(subjectDer);
  const extensions = extensionsOf(fields.find(({ tag }) => tag === 0xa3));
  const usage = usageOf(extensions.get(OID.usage));
  const selfSigned = certificate.checkIssued(certificate);
  const unconstrained = !extensions.has(OID.constraints);
  const name = subject.find((attribute) => attribute.name === 'CN');
  return {
    common_name: name ? stringOf(name.value) : '',
    subject: slashes(subject),
    subject2: commas(subject),
    issuer: slashes(issuer),
    issuer2: commas(issuer),
    // As OpenSSL: of the old ones also those that say nothing about it.
    ca:
      certificate.ca ||
      (!versioned && selfSigned) ||
      (unconstrained && usage !== null && (usage & CERT_SIGN) !== 0),
    self_signed: selfSigned,
    not_valid_before: Date.parse(certificate.validFrom) / 1000,
    not_valid_after: Date.parse(certificate.validTo) / 1000,
    signing_algorithm: algorithm(outer),
    key_algorithm: algorithm(parts(keyDer)[0]),
    key_strength: strengthOf(certificate),
    key_usage: USAGES.flatMap(([bit, word]) => ((usage ?? 0) & bit ? [word] : [])).join(', '),
    subject_key_id: hexOf(extensions.get(OID.subjectKey), TAG.bytes),
    authority_key_id: authorityOf(extensions.get(OID.authorityKey)),
    sha1: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    serial: certificate.serialNumber,
  };
}

function parts(value: Der | undefined): Der[] {
  return value ? [...derValues(value.content)] : [];
}

function algorithm(identifier: Der | undefined): string {
  const [oid] = parts(identifier);
  const digits = oid ? oidText(oid.content) : '';
  return ALGORITHMS[digits] ?? digits;
}

function attributes(name: Der | undefined): Attribute[] {
  return parts(name).flatMap((set) =>
    parts(set).flatMap((pair, i) => {
      const [oid, value] = parts(pair);
      if (!oid || !value) return [];
      const digits = oidText(oid.content);
      return [{ name: ATTRIBUTES[digits] ?? digits, value, joined: i > 0 }];
    }),
  );
}

function stringOf({ tag, content }: Der): string {
  return tag === BMP_STRING ? Buffer.from(content).swap16().toString('utf16le') : content.toString('utf8');
}

/** OpenSSL's old style: /C=BE/CN=a, bytes that are no plain ASCII in hex. */
function slashes(list: readonly Attribute[]): string {
  const plain = (content: Buffer): string =>
    [...content]
      .map((byte) =>
        byte < 0x20 || byte > 0x7e
          ? `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
          : String.fromCharCode(byte),
      )
      .join('');
  return list
    .map(({ name, value, joined }) => `${joined ? '+' : '/'}${name}=${plain(value.content)}`)
    .join('');
}

/** OpenSSL's newer style: C = BE, CN = a; quotes where a value needs them. */
function commas(list: readonly Attribute[]): string {
  return list
    .map(
      ({ name, value, joined }, i) =>
        `${i === 0 ? '' : joined ? ' + ' : ', '}${name} = ${quoted(stringOf(value))}`,
    )
    .join('');
}

function quoted(text: string): string {
  const escaped = [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (byte < 0x20 || byte > 0x7e) return `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      return character === '"' || character === '\\' ? `\\${character}` : character;
    })
    .join('');
  return /^[ #]|[,+<>;]| $/.test(text) ? `"${escaped}"` : escaped;
}

/** What stands in the extensions, by their identifiers. */
function extensionsOf(wrapped: Der | undefined): Map<string, Buffer> {
  const [list] = parts(wrapped);
  return new Map(
    parts(list).flatMap((extension) => {
      const values = parts(extension);
      const oid = values[0];
      const content = values.at(-1);
      return oid && content ? [[oidText(oid.content), content.content] as const] : [];
    }),
  );
}

function usageOf(extension: Buffer | undefined): number | null {
  const [bits] = extension ? derValues(extension) : [];
  if (bits?.tag !== TAG.bits) return null;
  const [, low = 0, high = 0] = bits.content;
  return low + high * 256;
}

function hexOf(bytes: Buffer | undefined, tag: number): string {
  const [value] = bytes ? derValues(bytes) : [];
  return value?.tag === tag ? value.content.toString('hex') : '';
}

function authorityOf(extension: Buffer | undefined): string {
  const [sequence] = extension ? derValues(extension) : [];
  const identifier = parts(sequence).find(({ tag }) => tag === 0x80);
  return identifier?.content.toString('hex') ?? '';
}

/** Bits of a modulus in whole bytes, the name of a curve, nothing for other keys. */
function strengthOf(certificate: X509Certificate): string {
  const { asymmetricKeyDetails: details = {} } = certificate.publicKey;
  if (details.modulusLength !== undefined) return String(Math.ceil(details.modulusLength / 8) * 8);
  return details.namedCurve ?? '';
}
