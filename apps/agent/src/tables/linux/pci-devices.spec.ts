import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Ask, openTables, program } from '../testing.js';
import { parseIds } from './device-ids.js';
import { pciRow } from './pci-devices.js';
import { usbRow } from './usb-devices.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

const IDS = `# comment
1af4  Red Hat, Inc.
	1041  Virtio 1.0 network device
		1af4 1041  The same again
8086  Intel Corporation
	0d57  Something
ffff  Illegal Vendor ID

C 02  Network controller
	00  Ethernet controller
		01  With an interface
C 06  Bridge
`;

it('keeps of the list of names what is wanted', () => {
  const { vendors, devices, classes } = parseIds(IDS.split('\n'), new Set(['1af4']));
  expect([...vendors]).toEqual([['1af4', 'Red Hat, Inc.']]);
  expect([...devices]).toEqual([
    ['1af4:1041', 'Virtio 1.0 network device'],
    ['1af4:1041:1af4:1041', 'The same again'],
  ]);
  expect([...classes]).toEqual([
    ['02', 'Network controller'],
    ['0200', 'Ethernet controller'],
    ['06', 'Bridge'],
  ]);
});

it('names a device', () => {
  const device = {
    slot: '0000:00:03.0',
    driver: 'virtio-pci',
    class: '0x020000',
    vendor: '0x1af4',
    device: '0x1041',
    subvendor: '0x1af4',
    subdevice: '0x1041',
  };
  expect(pciRow(device, parseIds(IDS.split('\n'), new Set(['1af4'])))).toEqual({
    pci_slot: '0000:00:03.0',
    pci_class: 'Network controller',
    driver: 'virtio-pci',
    vendor: 'Red Hat, Inc.',
    vendor_id: '0x1af4',
    model: 'Virtio 1.0 network device',
    model_id: '0x1041',
    pci_class_id: '0x02',
    pci_subclass_id: '0x00',
    pci_subclass: 'Ethernet controller',
    subsystem_vendor_id: '0x1af4',
    subsystem_vendor: 'Red Hat, Inc.',
    subsystem_model_id: '0x1041',
    subsystem_model: 'The same again',
  });
});

it('knows the devices of this machine as the kernel announces them', () => {
  const directory = '/sys/bus/pci/devices';
  const slots = existsSync(directory) ? readdirSync(directory).sort() : [];
  const rows = ask(
    'select pci_slot, driver, vendor_id, model_id, pci_class_id from pci_devices order by pci_slot',
  );
  expect(rows.map((row) => row['pci_slot'])).toEqual(slots);
  for (const row of rows) {
    const event = readFileSync(`${directory}/${row['pci_slot']}/uevent`, 'utf8');
    const field = (name: string): string =>
      new RegExp(`^${name}=(.*)$`, 'm').exec(event)?.[1]?.toLowerCase() ?? '';
    expect(`${row['vendor_id']}:${row['model_id']}`.replaceAll('0x', '')).toBe(field('PCI_ID'));
    expect(row['driver']).toBe(field('DRIVER'));
    expect(row['pci_class_id']).toBe(`0x${field('PCI_CLASS').padStart(6, '0').slice(0, 2)}`);
  }
  const lines = program('lspci', '-D');
  if (lines !== null) expect(rows).toHaveLength(lines.length);
});

it('describes what is on USB', () => {
  const attributes: Record<string, string> = {
    busnum: '1',
    devnum: '2',
    idVendor: '0627',
    idProduct: '0001',
    bcdDevice: '0000',
    product: 'QEMU USB Tablet',
    manufacturer: 'QEMU',
    serial: '28754',
    removable: 'unknown',
    uevent: 'DEVTYPE=usb_device\nTYPE=0/0/0\nBUSNUM=001',
  };
  const names = parseIds(['0627  Adomax Technology Co., Ltd'], new Set(['0627']));
  expect(usbRow((name) => attributes[name] ?? '', names)).toEqual({
    usb_address: 1,
    usb_port: 2,
    vendor: 'Adomax Technology Co., Ltd',
    vendor_id: '0627',
    version: '0000',
    model: 'QEMU USB Tablet',
    model_id: '0001',
    serial: '28754',
    class: '0',
    subclass: '0',
    protocol: '0',
    removable: -1,
  });
  expect(usbRow(() => '', names)).toBeNull();
  const lines = program('lsusb') ?? [];
  if (lines.length > 0 || !existsSync('/sys/bus/usb'))
    expect(ask('select * from usb_devices')).toHaveLength(lines.length);
});
