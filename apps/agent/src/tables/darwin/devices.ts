import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { type Warn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';
import { ioRegistry } from './io-registry.js';
import { dictionaryOf, itemsOf, numberOf, parsePlist, plainOf, type PlistDictionary } from './plist.js';

/** Binary-coded decimal as a version: 0x0210 is 2.10. */
function decimalVersion(code: number): string {
  const digits = (byte: number): number => (byte >> 4) * 10 + (byte & 15);
  return `${digits((code >> 8) & 255)}.${digits(code & 255)}`;
}

function hex(value: number): string {
  return value.toString(16).padStart(4, '0');
}

/** A row of an entry of the I/O registry; null for what is no device on USB. */
export function toUsbDevice(entry: PlistDictionary): Row | null {
  const number = (name: string): number => Number(numberOf(entry.get(name)) ?? 0);
  const text = (...names: string[]): string =>
    names.map((name) => plainOf(entry.get(name))).find(Boolean) ?? '';
  if (!entry.has('idVendor') || !entry.has('idProduct')) return null;
  return {
    usb_address: number('USB Address'),
    usb_port: number('PortNum'),
    vendor: text('USB Vendor Name', 'kUSBVendorString'),
    vendor_id: hex(number('idVendor')),
    version: decimalVersion(number('bcdDevice')),
    model: text('USB Product Name', 'kUSBProductString', 'IORegistryEntryName'),
    model_id: hex(number('idProduct')),
    serial: text('USB Serial Number', 'kUSBSerialNumberString', 'iSerialNumber'),
    class: String(number('bDeviceClass') & 255),
    subclass: String(number('bDeviceSubClass') & 255),
    protocol: String(number('bDeviceProtocol') & 255),
    removable: !['yes', '1'].includes(text('non-removable')),
  };
}

/** Devices on USB. */
export const darwinUsbDevices: Table = {
  name: 'usb_devices',
  platforms: ['darwin'],
  *rows(scan) {
    for (const entry of ioRegistry(['-c', 'IOUSBHostDevice'], scan)) {
      const row = toUsbDevice(entry);
      if (row) yield row;
    }
  },
};

/** Of `TimeRemaining`: not known yet. */
const UNKNOWN_MINUTES = 65_535;
/** Of the two's complement that a discharging battery's current may be given in. */
const SIGN = 1n << 63n;

/** The row of the battery's entry in the I/O registry; null when none is installed. */
export function toBattery(entry: PlistDictionary): Row | null {
  const value = (...names: string[]): number | null => {
    for (const name of names) {
      const number = numberOf(entry.get(name));
      if (number !== null) return Number(BigInt(number) >= SIGN ? BigInt(number) - 2n * SIGN : number);
    }
    return null;
  };
  if (value('BatteryInstalled') === 0 || !entry.has('BatteryInstalled')) return null;
  const [most, current] = [
    value('AppleRawMaxCapacity', 'MaxCapacity'),
    value('AppleRawCurrentCapacity', 'CurrentCapacity'),
  ];
  const charging = value('IsCharging') === 1;
  const minutes = value('TimeRemaining');
  const left = minutes === null || minutes === UNKNOWN_MINUTES ? -1 : minutes;
  return {
    manufacturer: plainOf(entry.get('Manufacturer')),
    model: plainOf(entry.get('DeviceName')),
    serial_number: plainOf(entry.get('Serial')) || plainOf(entry.get('BatterySerialNumber')),
    cycle_count: value('CycleCount'),
    state: value('ExternalConnected') === 1 ? 'AC Power' : 'Battery Power',
    charging,
    charged: value('FullyCharged') === 1,
    designed_capacity: value('DesignCapacity'),
    max_capacity: most,
    current_capacity: current,
    percent_remaining: most && current !== null ? Math.round((current / most) * 100) : null,
    amperage: value('Amperage'),
    voltage: value('Voltage'),
    minutes_until_empty: charging ? -1 : left,
    minutes_to_full_charge: charging ? left : -1,
  };
}

/** The battery. */
export const battery: Table = {
  name: 'battery',
  platforms: ['darwin'],
  *rows(scan) {
    for (const entry of ioRegistry(['-d', '1', '-c', 'AppleSmartBattery'], scan)) {
      const row = toBattery(entry);
      if (row) yield row;
    }
  },
};

/** What diskutil says, as a dictionary; empty when it says nothing. */
function diskutil(args: readonly string[], scan: Warn): PlistDictionary {
  const text = outputOf('diskutil', args, scan, { partial: true });
  return dictionaryOf(text === null ? null : parsePlist(Buffer.from(text)));
}

/** Disks and their parts that the scan is about: those named, else all. */
function* disks(scan: ScanContext): Generator<PlistDictionary> {
  const asked = scan.equals('name')?.flatMap((name) => /^\/dev\/(disk\w+)$/.exec(name)?.[1] ?? []);
  for (const name of asked ?? itemsOf(diskutil(['list', '-plist'], scan).get('AllDisks')).map(plainOf)) {
    const info = diskutil(['info', '-plist', name], scan);
    if (info.has('DeviceNode')) yield info;
  }
}

/** A row of `block_devices` of what diskutil says of a disk. */
export function toBlockDevice(info: PlistDictionary): Row {
  const text = (name: string): string => plainOf(info.get(name));
  const whole = info.get('WholeDisk') === true;
  const block = Number(numberOf(info.get('DeviceBlockSize')) ?? 512) || 512;
  const size = numberOf(info.get('Size')) ?? numberOf(info.get('TotalSize')) ?? 0;
  return {
    name: text('DeviceNode'),
    parent: whole ? '' : `/dev/${text('ParentWholeDisk')}`,
    vendor: '',
    model: text('MediaName'),
    serial: '',
    size: Math.floor(Number(size) / block),
    block_size: block,
    uuid: text('DiskUUID') || text('VolumeUUID'),
    type: text('BusProtocol'),
    label: text('IORegistryEntryName') || text('VolumeName'),
  };
}

/** Disks and their parts. */
export const darwinBlockDevices: Table = {
  name: 'block_devices',
  platforms: ['darwin'],
  *rows(scan) {
    for (const info of disks(scan)) yield toBlockDevice(info);
  },
};

/** A row of `disk_encryption` of what diskutil says of a disk. */
export function toEncryption(info: PlistDictionary): Row {
  const encrypted = info.get('Encryption') === true || info.get('FileVault') === true;
  const vault = info.get('FileVault');
  return {
    name: plainOf(info.get('DeviceNode')),
    uuid: plainOf(info.get('DiskUUID')) || plainOf(info.get('VolumeUUID')),
    encrypted,
    type: encrypted ? 'AES-XTS' : '',
    encryption_status: encrypted ? 'encrypted' : 'not encrypted',
    filevault_status: vault === undefined ? 'unknown' : vault === true ? 'on' : 'off',
  };
}

/** Whether what is on a disk is encrypted. */
export const darwinDiskEncryption: Table = {
  name: 'disk_encryption',
  platforms: ['darwin'],
  *rows(scan) {
    for (const info of disks(scan)) yield toEncryption(info);
  },
};
