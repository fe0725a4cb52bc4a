import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readTextOr, writeFileAtomically } from '../platform/files.js';

/** What tells this agent from all others, also when its state directory has been wiped. */
export interface MachineIdentity {
  readonly hardwareUuid: string;
  readonly instance: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** What firmware of careless vendors says of every machine. */
const WORTHLESS =
  /^(0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12}|03000200-0400-0500-0006-000700080009)$/;

/** The machine's own id (firmware's, else the system's, else one kept in the state directory) and the agent's on it. */
export function identifyMachine(stateDir: string): MachineIdentity {
  const instance = createHash('sha256').update(fs.realpathSync(stateDir)).digest('hex');
  return { hardwareUuid: machineUuid() ?? keptUuid(stateDir), instance };
}

/** What the machine itself says it is: firmware's id, else the system's; null when neither has one. */
export function machineUuid(): string | null {
  return firmwareUuid() ?? systemUuid();
}

function firmwareUuid(): string | null {
  const uuid = readTextOr('/sys/class/dmi/id/product_uuid').toLowerCase();
  if (!UUID.test(uuid) || WORTHLESS.test(uuid)) return null;
  return isRfc(uuid) ? uuid : asUuid(uuid.replaceAll('-', ''));
}

function systemUuid(): string | null {
  const id = readTextOr('/etc/machine-id').toLowerCase();
  return /^[0-9a-f]{32}$/.test(id) ? asUuid(id) : null;
}

function keptUuid(stateDir: string): string {
  const file = path.join(stateDir, 'machine-uuid');
  const kept = readTextOr(file);
  if (isRfc(kept)) return kept;
  const uuid: string = randomUUID();
  writeFileAtomically(file, `${uuid}\n`);
  return uuid;
}

/** Firmware does not always write the version bits that the contract wants to see. */
function isRfc(text: string): boolean {
  return UUID.test(text) && /^.{14}[1-8].{4}[89ab]/.test(text);
}

/** 32 hex digits as a uuid with version and variant bits. */
export function asUuid(hex: string): string {
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
