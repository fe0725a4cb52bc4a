import { readFileSync } from 'node:fs';
import { type Table } from '../engine/table.js';

const VARIABLES = '/sys/firmware/efi/efivars';
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';

/** A variable of one byte, behind its four bytes of attributes; null where there is none. */
export function valueOf(content: Buffer): number | null {
  return content.length === 5 ? content.readUInt8(4) : null;
}

function variable(name: string): number | null {
  try {
    return valueOf(readFileSync(`${VARIABLES}/${name}-${GLOBAL}`));
  } catch {
    return null;
  }
}

/** Whether firmware starts what is signed only; empty on machines that do not start by UEFI. */
export const secureboot: Table = {
  name: 'secureboot',
  platforms: ['linux'],
  *rows() {
    const secure = variable('SecureBoot');
    if (secure !== null) yield { secure_boot: secure, setup_mode: variable('SetupMode') };
  },
};
