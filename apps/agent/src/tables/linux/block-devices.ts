import { readdirSync, realpathSync } from 'node:fs';
import * as path from 'node:path';
import { readTextOr } from '../../platform/files.js';
import { type ScanContext, type Table } from '../engine/table.js';
import { listProc } from './proc.js';
import { cipherOf, probe, PROBE_BYTES, readBlocks, type Volume } from './superblock.js';

/** Where the kernel keeps what it knows of every disk and partition. */
const CLASS = '/sys/class/block';
/** A LUKS2 header with its text takes no more than this in practice. */
const HEADER_BYTES = 1024 * 1024;

function attribute(name: string, file: string): string {
  return readTextOr(`${CLASS}/${name}/${file}`);
}

/** In names of sysfs an exclamation mark stands for a slash. */
function nodeOf(name: string): string {
  return `/dev/${name.replaceAll('!', '/')}`;
}

function slavesOf(name: string): string[] {
  try {
    return readdirSync(`${CLASS}/${name}/slaves`);
  } catch {
    return [];
  }
}

/** The disk of a partition; what a mapped volume lies on; null for disks. */
function parentOf(name: string): string | null {
  if (attribute(name, 'partition') === '') return slavesOf(name)[0] ?? null;
  try {
    return path.basename(path.dirname(realpathSync(`${CLASS}/${name}`)));
  } catch {
    return null;
  }
}

/** What udev keeps of a device, where there is udev. */
function udevOf(name: string): Map<string, string> {
  const lines = readTextOr(`/run/udev/data/b${attribute(name, 'dev')}`).split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [, key, value] = /^E:([^=]+)=(.*)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );
}

function volumeOf(name: string, udev: ReadonlyMap<string, string>, scan: ScanContext): Volume {
  const data = attribute(name, 'size') === '0' ? null : readBlocks(nodeOf(name), 0, PROBE_BYTES, scan);
  return (
    (data && probe(data)) ?? {
      type: udev.get('ID_FS_TYPE') ?? '',
      uuid: udev.get('ID_FS_UUID') ?? '',
      label: udev.get('ID_FS_LABEL') ?? '',
    }
  );
}

/** The devices that a scan is about, by their names in sysfs. */
function devicesOf(scan: ScanContext): string[] {
  const names = listProc(CLASS, scan);
  const asked = scan.equals('name');
  return asked === null ? names : names.filter((name) => asked.includes(nodeOf(name)));
}

/** Disks, partitions and what is mapped onto them; sizes in sectors of 512 bytes. */
export const blockDevices: Table = {
  name: 'block_devices',
  platforms: ['linux'],
  *rows(scan) {
    const probed = ['uuid', 'type', 'label'].some((column) => scan.uses(column));
    for (const name of devicesOf(scan)) {
      const parent = parentOf(name);
      const udev = udevOf(name);
      yield {
        name: nodeOf(name),
        parent: parent === null ? '' : nodeOf(parent),
        vendor: attribute(name, 'device/vendor'),
        model: udev.get('ID_MODEL_FROM_DATABASE') ?? udev.get('ID_MODEL') ?? attribute(name, 'device/model'),
        serial: attribute(name, 'device/wwid') || attribute(name, 'wwid') || attribute(name, 'serial'),
        size: Number(attribute(name, 'size') || 0),
        block_size: Number(
          attribute(name, 'queue/logical_block_size') ||
            (parent === null ? '' : attribute(parent, 'queue/logical_block_size')) ||
            0,
        ),
        ...(probed ? volumeOf(name, udev, scan) : {}),
      };
    }
  },
};

/** How the device itself encrypts; null when it is no mapping that does. */
function encryptionOf(name: string, scan: ScanContext): string | null {
  const [, kind] = /^CRYPT-([^-]+)/.exec(attribute(name, 'dm/uuid')) ?? [];
  if (kind === undefined) return null;
  const [slave] = slavesOf(name);
  const header = slave === undefined ? null : readBlocks(nodeOf(slave), 0, HEADER_BYTES, scan);
  return (header && cipherOf(header)) ?? kind;
}

/** How the device or anything that it lies on encrypts. */
function encryptionBelow(name: string, scan: ScanContext, depth = 0): string | null {
  if (depth > 16) return null;
  const own = encryptionOf(name, scan);
  if (own !== null) return own;
  const parent = parentOf(name);
  return parent === null ? null : encryptionBelow(parent, scan, depth + 1);
}

/** Which devices are encrypted: the opened ones, where what is written is encrypted on its way. */
export const diskEncryption: Table = {
  name: 'disk_encryption',
  platforms: ['linux'],
  *rows(scan) {
    for (const name of devicesOf(scan)) {
      const type = encryptionBelow(name, scan);
      yield {
        name: nodeOf(name),
        uuid: scan.uses('uuid') ? volumeOf(name, udevOf(name), scan).uuid : '',
        encrypted: type !== null,
        type: type ?? '',
        encryption_status: type === null ? 'not encrypted' : 'encrypted',
      };
    }
  },
};
