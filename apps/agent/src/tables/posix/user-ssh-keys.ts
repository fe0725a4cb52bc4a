import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { type Account, tableOfAccounts } from './accounts.js';
import { joined, namesIn, readText } from './files.js';

/** No private key is as long as this. */
const MOST_BYTES = 64 * 1024;
const HEADER = /^-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----/m;
const OPENSSH_MAGIC = 'openssh-key-v1\0';

/** What a private key in PEM is; null for any other text. Nothing of the key itself leaves this function. */
export function describeKey(text: string): Row | null {
  const kind = HEADER.exec(text)?.[1]?.trim();
  if (kind === undefined) return null;
  if (kind === 'OPENSSH') return { encrypted: isOpensshEncrypted(text), ...NOTHING };
  const encrypted = kind === 'ENCRYPTED' || /^Proc-Type: 4,ENCRYPTED/m.test(text);
  if (encrypted) return { encrypted, ...NOTHING };
  try {
    return { encrypted, ...measure(createPrivateKey(text)) };
  } catch {
    return null;
  }
}

/** As osquery, which does not look into OpenSSH's own format and not into what is encrypted. */
const NOTHING: Row = { key_type: '', key_group_name: '', key_length: 0, key_security_bits: 0 };

const CURVES: Readonly<Record<string, number>> = {
  prime256v1: 256,
  secp384r1: 384,
  secp521r1: 521,
  secp256k1: 256,
};

function measure({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): Row {
  if (type === 'rsa' || type === 'rsa-pss' || type === 'dsa') {
    const length = details.modulusLength ?? 0;
    return {
      ...NOTHING,
      key_type: type.slice(0, 3),
      key_length: length,
      key_security_bits: strength(length),
    };
  }
  if (type === 'ec') {
    const curve = details.namedCurve ?? '';
    const length = CURVES[curve] ?? 0;
    // OpenSSL's words: half the order, 521 counts as 512.
    const bits = length === 521 ? 256 : Math.floor(length / 2);
    return { key_type: 'ec', key_group_name: curve, key_length: length, key_security_bits: bits };
  }
  return NOTHING;
}

/** Security of a modulus in bits, as OpenSSL counts (NIST SP 800-57, part 1). */
function strength(length: number): number {
  const steps = [
    [15360, 256],
    [7680, 192],
    [4096, 152],
    [3072, 128],
    [2048, 112],
    [1024, 80],
  ] as const;
  return steps.find(([least]) => length >= least)?.[1] ?? 0;
}

/** The name of the cipher comes right after the magic word. */
function isOpensshEncrypted(text: string): boolean {
  const body = Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64');
  const start = OPENSSH_MAGIC.length;
  if (body.toString('latin1', 0, start) !== OPENSSH_MAGIC || body.length < start + 8) return true;
  const length = body.readUInt32BE(start);
  return body.toString('latin1', start + 4, start + 4 + length) !== 'none';
}

/** Private keys in the .ssh of an account. */
export function* sshKeysOf({ directory }: Account, scan: ScanContext): Generator<Row> {
  const asked = scan.equals('path');
  const place = joined(directory, '.ssh');
  for (const name of namesIn(place, scan, '.ssh of every account')) {
    const path = joined(place, name);
    if (asked && !asked.includes(path)) continue;
    const row = describeKey(readText(path, scan, 'the keys of every account', MOST_BYTES) ?? '');
    if (row) yield { path, ...row };
  }
}

export const userSshKeys: Table = tableOfAccounts('user_ssh_keys', sshKeysOf);
