import { isIPv6 } from 'node:net';
import { ipv4FromHex, ipv4Mask, ipv6FromHex, ipv6FromWords, ipv6Mask, prefixOf } from './addresses.js';

it('reads what the kernel writes', () => {
  expect(ipv4FromHex('0100007F')).toBe('127.0.0.1');
  expect(ipv4FromHex('010200C0')).toBe('192.0.2.1');
  expect(ipv6FromHex('fe8000000000000000fc00fffe000001')).toBe('fe80::fc:ff:fe00:1');
  expect(ipv6FromHex('20010db8000000010000000000000001')).toBe('2001:db8:0:1::1');
  expect(ipv6FromWords('00000000000000000000000001000000')).toBe('::1');
  expect(ipv6FromWords('B80D0120000000000000000001000000')).toBe('2001:db8::1');
  expect(ipv6FromWords('0000000000000000FFFF00000100007F')).toBe('::ffff:127.0.0.1');
  expect(ipv6FromHex('0'.repeat(32))).toBe('::');
  expect(ipv6FromHex('ff020000000000000000000000000000')).toBe('ff02::');
  expect(ipv6FromHex('00010000000000020000000000000003')).toBe('1:0:0:2::3');
});

it('writes every IPv6 address as URLs do, which follow the same rule', () => {
  for (let i = 0; i < 500; i++) {
    // Few different groups, so that zeros stand together often.
    const groups = Array.from(
      { length: 8 },
      () => ['0', '0', '1', 'a0b0'][Math.floor(Math.random() * 4)] ?? '',
    );
    if (groups.slice(0, 5).every((group) => group === '0')) continue;
    const hex = groups.map((group) => group.padStart(4, '0')).join('');
    const address = ipv6FromHex(hex);
    expect(isIPv6(address)).toBe(true);
    expect(`[${address}]`).toBe(new URL(`http://[${groups.join(':')}]/`).hostname);
  }
});

it('makes masks', () => {
  expect([0, 1, 8, 24, 32].map(ipv4Mask)).toEqual([
    '0.0.0.0',
    '128.0.0.0',
    '255.0.0.0',
    '255.255.255.0',
    '255.255.255.255',
  ]);
  expect([0, 10, 64, 128].map(ipv6Mask)).toEqual([
    '::',
    'ffc0::',
    'ffff:ffff:ffff:ffff::',
    'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ]);
  for (let prefix = 0; prefix <= 32; prefix++) expect(prefixOf(ipv4Mask(prefix))).toBe(prefix);
});
