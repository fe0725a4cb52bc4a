import { readTextOr } from '../../platform/files.js';
import { type Row, type Table } from '../engine/table.js';
import { type DeviceNames, readIds } from './device-ids.js';
import { listProc } from './proc.js';

const DEVICES = '/sys/bus/usb/devices';
const REMOVABLE: Record<string, number> = { removable: 1, fixed: 0 };

/** @param attribute what sysfs has of the device; empty where it has nothing */
export function usbRow(attribute: (name: string) => string, names: DeviceNames): Row | null {
  const [bus, number] = [attribute('busnum'), attribute('devnum')];
  // Interfaces of devices stand in the same directory.
  if (bus === '' || number === '') return null;
  const [vendor, model] = [attribute('idVendor'), attribute('idProduct')];
  // As udev has it: class, subclass and protocol in decimal.
  const [kind = '', subkind = '', protocol = ''] =
    /^TYPE=(\d+)\/(\d+)\/(\d+)$/m.exec(attribute('uevent'))?.slice(1) ?? [];
  return {
    usb_address: Number(bus),
    usb_port: Number(number),
    vendor: names.vendors.get(vendor) ?? attribute('manufacturer'),
    vendor_id: vendor,
    version: attribute('bcdDevice'),
    model: names.devices.get(`${vendor}:${model}`) ?? attribute('product'),
    model_id: model,
    serial: attribute('serial'),
    class: kind,
    subclass: subkind,
    protocol,
    removable: REMOVABLE[attribute('removable')] ?? -1,
  };
}

/** Devices on USB; its hubs are devices too. */
export const usbDevices: Table = {
  name: 'usb_devices',
  platforms: ['linux'],
  *rows(scan) {
    const attributes = listProc(DEVICES, scan).map(
      (device) => (name: string) => readTextOr(`${DEVICES}/${device}/${name}`),
    );
    const wanted = new Set(attributes.map((attribute) => attribute('idVendor')));
    wanted.delete('');
    const names = readIds('usb.ids', wanted, scan);
    for (const attribute of attributes) {
      const row = usbRow(attribute, names);
      if (row !== null) yield row;
    }
  },
};
