import { readlinkSync } from 'node:fs';
import * as path from 'node:path';
import { readTextOr } from '../../platform/files.js';
import { type Row, type Table } from '../engine/table.js';
import { type DeviceNames, readIds } from './device-ids.js';
import { listProc } from './proc.js';

const DEVICES = '/sys/bus/pci/devices';

/** For systems without a list of names. */
const CLASSES: Record<string, string> = {
  '00': 'Unclassified device',
  '01': 'Mass storage controller',
  '02': 'Network controller',
  '03': 'Display controller',
  '04': 'Multimedia controller',
  '05': 'Memory controller',
  '06': 'Bridge',
  '07': 'Communication controller',
  '08': 'Generic system peripheral',
  '09': 'Input device controller',
  '0a': 'Docking station',
  '0b': 'Processor',
  '0c': 'Serial bus controller',
  '0d': 'Wireless controller',
  '0e': 'Intelligent controller',
  '0f': 'Satellite communications controller',
  '10': 'Encryption controller',
  '11': 'Signal processing controller',
  '12': 'Processing accelerators',
  '13': 'Non-Essential Instrumentation',
  ff: 'Unassigned class',
};

/** What sysfs tells of a device: hexadecimal numbers with 0x, as it has them. */
export interface PciDevice {
  readonly slot: string;
  readonly driver: string;
  /** Six digits: class, subclass and programming interface. */
  readonly class: string;
  readonly vendor: string;
  readonly device: string;
  readonly subvendor: string;
  readonly subdevice: string;
}

export function pciRow(device: PciDevice, names: DeviceNames): Row {
  const bare = (id: string): string => id.replace(/^0x/, '');
  const code = bare(device.class).padStart(6, '0');
  const [kind, subkind] = [code.slice(0, 2), code.slice(2, 4)];
  const [vendor, model] = [bare(device.vendor), bare(device.device)];
  const [subvendor, submodel] = [bare(device.subvendor), bare(device.subdevice)];
  return {
    pci_slot: device.slot,
    pci_class: names.classes.get(kind) ?? CLASSES[kind] ?? '',
    driver: device.driver,
    vendor: names.vendors.get(vendor) ?? '',
    vendor_id: device.vendor,
    model: names.devices.get(`${vendor}:${model}`) ?? '',
    model_id: device.device,
    pci_class_id: `0x${kind}`,
    pci_subclass_id: `0x${subkind}`,
    pci_subclass: names.classes.get(`${kind}${subkind}`) ?? '',
    subsystem_vendor_id: device.subvendor,
    subsystem_vendor: names.vendors.get(subvendor) ?? '',
    subsystem_model_id: device.subdevice,
    subsystem_model: names.devices.get(`${vendor}:${model}:${subvendor}:${submodel}`) ?? '',
  };
}

function deviceAt(slot: string): PciDevice {
  const attribute = (name: string): string => readTextOr(`${DEVICES}/${slot}/${name}`);
  let driver = '';
  try {
    driver = path.basename(readlinkSync(`${DEVICES}/${slot}/driver`));
  } catch {
    // None drives it.
  }
  return {
    slot,
    driver,
    class: attribute('class'),
    vendor: attribute('vendor'),
    device: attribute('device'),
    subvendor: attribute('subsystem_vendor'),
    subdevice: attribute('subsystem_device'),
  };
}

/** Devices on the PCI bus. */
export const pciDevices: Table = {
  name: 'pci_devices',
  platforms: ['linux'],
  *rows(scan) {
    const devices = listProc(DEVICES, scan).map(deviceAt);
    const wanted = new Set(
      devices.flatMap(({ vendor, subvendor }) => [vendor, subvendor].map((id) => id.replace(/^0x/, ''))),
    );
    const names = readIds('pci.ids', wanted, scan);
    for (const device of devices) yield pciRow(device, names);
  },
};
