import { onMac } from '../testing.js';
import { toBattery, toBlockDevice, toEncryption, toUsbDevice } from './devices.js';
import { entriesOf } from './io-registry.js';
import { dictionaryOf, parsePlist, type PlistDictionary } from './plist.js';

const USB = `<plist><array><dict>
  <key>IORegistryEntryID</key><integer>4294968001</integer>
  <key>idVendor</key><integer>1452</integer><key>idProduct</key><integer>33031</integer>
  <key>USB Product Name</key><string>Hub</string><key>bDeviceClass</key><integer>9</integer>
  <key>USB Address</key><integer>1</integer><key>PortNum</key><integer>2</integer>
  <key>non-removable</key><string>yes</string><key>bcdDevice</key><integer>528</integer>
  <key>IORegistryEntryChildren</key><array>
    <dict><key>IORegistryEntryID</key><integer>4294968002</integer>
      <key>idVendor</key><integer>4660</integer><key>idProduct</key><integer>7</integer>
      <key>kUSBProductString</key><string>Stick</string><key>kUSBVendorString</key><string>Maker</string>
      <key>kUSBSerialNumberString</key><string>S1</string></dict>
    <dict><key>IORegistryEntryID</key><integer>4294968003</integer><key>IOClass</key><string>IOUSBHostInterface</string></dict>
  </array></dict>
  <dict><key>IORegistryEntryID</key><integer>4294968002</integer><key>idVendor</key><integer>4660</integer><key>idProduct</key><integer>7</integer></dict>
</array></plist>`;

function dictionary(content: string): PlistDictionary {
  return dictionaryOf(parsePlist(Buffer.from(`<plist><dict>${content}</dict></plist>`)));
}

it('finds devices on USB, each once', async () => {
  const rows = await onMac('usb_devices', [...entriesOf(parsePlist(Buffer.from(USB)))].map(toUsbDevice));
  expect(rows).toEqual([
    {
      usb_address: '1',
      usb_port: '2',
      vendor: '',
      vendor_id: '05ac',
      version: '2.10',
      model: 'Hub',
      model_id: '8107',
      serial: '',
      class: '9',
      subclass: '0',
      protocol: '0',
      removable: '0',
    },
    {
      usb_address: '0',
      usb_port: '0',
      vendor: 'Maker',
      vendor_id: '1234',
      version: '0.0',
      model: 'Stick',
      model_id: '0007',
      serial: 'S1',
      class: '0',
      subclass: '0',
      protocol: '0',
      removable: '1',
    },
  ]);
});

it('knows the battery', async () => {
  const entry = dictionary(`<key>BatteryInstalled</key><true/><key>DeviceName</key><string>bq20z451</string>
    <key>Serial</key><string>F5D</string><key>CycleCount</key><integer>87</integer>
    <key>DesignCapacity</key><integer>6075</integer><key>AppleRawMaxCapacity</key><integer>5000</integer>
    <key>MaxCapacity</key><integer>100</integer><key>AppleRawCurrentCapacity</key><integer>2500</integer>
    <key>Amperage</key><integer>18446744073709550616</integer><key>Voltage</key><integer>12000</integer>
    <key>IsCharging</key><false/><key>FullyCharged</key><false/><key>ExternalConnected</key><false/>
    <key>TimeRemaining</key><integer>95</integer>`);
  expect(
    await onMac('battery', [toBattery(entry), toBattery(dictionary('<key>BatteryInstalled</key><false/>'))]),
  ).toMatchObject([
    {
      model: 'bq20z451',
      serial_number: 'F5D',
      cycle_count: '87',
      state: 'Battery Power',
      charging: '0',
      max_capacity: '5000',
      percent_remaining: '50',
      amperage: '-1000',
      voltage: '12000',
      minutes_until_empty: '95',
      minutes_to_full_charge: '-1',
    },
  ]);
});

it('knows disks, and whether they are encrypted', async () => {
  const whole = dictionary(`<key>DeviceNode</key><string>/dev/disk0</string><key>WholeDisk</key><true/>
    <key>ParentWholeDisk</key><string>disk0</string><key>MediaName</key><string>APPLE SSD AP0512Q</string>
    <key>Size</key><integer>500277792768</integer><key>DeviceBlockSize</key><integer>4096</integer>
    <key>BusProtocol</key><string>Apple Fabric</string>`);
  const volume = dictionary(`<key>DeviceNode</key><string>/dev/disk3s5</string><key>WholeDisk</key><false/>
    <key>ParentWholeDisk</key><string>disk3</string><key>VolumeName</key><string>Data</string>
    <key>DiskUUID</key><string>AAAA</string><key>Encryption</key><true/><key>FileVault</key><true/>`);
  expect(await onMac('block_devices', [whole, volume].map(toBlockDevice))).toMatchObject([
    {
      name: '/dev/disk0',
      parent: '',
      size: '122138133',
      block_size: '4096',
      model: 'APPLE SSD AP0512Q',
      type: 'Apple Fabric',
    },
    { name: '/dev/disk3s5', parent: '/dev/disk3', uuid: 'AAAA', label: 'Data' },
  ]);
  expect(await onMac('disk_encryption', [whole, volume].map(toEncryption))).toMatchObject([
    { name: '/dev/disk0', encrypted: '0', encryption_status: 'not encrypted', filevault_status: 'unknown' },
    {
      name: '/dev/disk3s5',
      encrypted: '1',
      encryption_status: 'encrypted',
      filevault_status: 'on',
      type: 'AES-XTS',
    },
  ]);
});
