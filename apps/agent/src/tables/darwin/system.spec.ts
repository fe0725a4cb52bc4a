import * as os from 'node:os';
import { parsePlist } from './plist.js';
import { addressesOf, versionOf } from './system.js';

const PLIST = `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
	<key>BuildID</key>
	<string>A &amp; B</string>
	<key>ProductBuildVersion</key>
	<string>23E224</string>
	<key>ProductName</key>
	<string>macOS</string>
	<key>ProductVersion</key>
	<string>14.4.1</string>
</dict>
</plist>
`;

it('knows macOS by its file', () => {
  expect(versionOf(parsePlist(Buffer.from(PLIST))!)).toEqual({
    name: 'macOS',
    version: '14.4.1',
    major: 14,
    minor: 4,
    patch: 1,
    build: '23E224',
    platform: 'darwin',
    platform_like: 'darwin',
    codename: '',
    arch: os.machine(),
    extra: '',
  });
});

it('writes addresses as macOS does', () => {
  const common = { mac: '00:00:00:00:00:00', cidr: null };
  const rows = addressesOf({
    lo0: [{ ...common, address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', internal: true }],
    en0: [
      { ...common, address: '192.0.2.7', netmask: '255.255.255.128', family: 'IPv4', internal: false },
      {
        ...common,
        address: 'fe80::1',
        netmask: 'ffff:ffff:ffff:ffff::',
        family: 'IPv6',
        internal: false,
        scopeid: 4,
      },
    ],
  });
  const other = { point_to_point: '', type: 'unknown' };
  expect([...rows]).toEqual([
    {
      interface: 'lo0',
      address: '127.0.0.1',
      mask: '255.0.0.0',
      broadcast: '',
      point_to_point: '127.0.0.1',
      type: 'unknown',
    },
    { interface: 'en0', address: '192.0.2.7', mask: '255.255.255.128', broadcast: '192.0.2.127', ...other },
    { interface: 'en0', address: 'fe80::1%en0', mask: 'ffff:ffff:ffff:ffff::', broadcast: '', ...other },
  ]);
});
