import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberOf, parsePlist, plainOf, readPlist } from './plist.js';

/** Written by another program, of the same content as the XML below. */
const BINARY = `YnBsaXN0MDDdAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYHh9UdGV4dFR3aWRlU3llc1Jub1VzbWFsbFhuZWdhdGl2ZVNiaWdUcmVhbFRk
YXRhVGRhdGVUbGlzdFVlbXB0eVRsb25nVUEgJiBCYgDEIZIJCBAHE//////////9E0AAAAAAAAAAIz/4AAAAAAAAQgECM0HFyscfgAAAoxka
GxABU3R3b9EcHVV0aHJlZRAD0F8QFHh4eHh4eHh4eHh4eHh4eHh4eHh4CCMoLTE0OkNHTFFWW2FmbHFyc3V+h5CTnKCipqmvsbIAAAAAAAAB
AQAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAyQ==`;
const XML = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>text</key>
	<string>A &amp; B</string>
	<!-- <key>not</key> <string>there</string> -->
	<key>wide</key>
	<string>&#196;&#x2192;</string>
	<key>yes</key>
	<true/>
	<key>no</key>
	<false/>
	<key>small</key>
	<integer>0x7</integer>
	<key>negative</key>
	<integer>-3</integer>
	<key>big</key>
	<integer>4611686018427387904</integer>
	<key>real</key>
	<real>1.5</real>
	<key>data</key>
	<data>
	AQI=
	</data>
	<key>date</key>
	<date>2024-03-04T05:06:07Z</date>
	<key>list</key>
	<array>
		<integer>1</integer>
		<string>two</string>
		<dict><key>three</key><integer>3</integer></dict>
	</array>
	<key>empty</key>
	<dict/>
	<key>long</key>
	<string><![CDATA[xxxxxxxxxxxxxxxxxxxx]]></string>
</dict>
</plist>
`;
const CONTENT = new Map<string, unknown>([
  ['text', 'A & B'],
  ['wide', '\u00c4\u2192'],
  ['yes', true],
  ['no', false],
  ['small', 7],
  ['negative', -3],
  ['big', 4611686018427387904n],
  ['real', 1.5],
  ['data', Buffer.from([1, 2])],
  ['date', new Date('2024-03-04T05:06:07Z')],
  ['list', [1, 'two', new Map([['three', 3]])]],
  ['empty', new Map()],
  ['long', 'x'.repeat(20)],
]);

it('reads both formats alike', () => {
  expect(parsePlist(Buffer.from(XML))).toEqual(CONTENT);
  expect(parsePlist(Buffer.from(BINARY, 'base64'))).toEqual(CONTENT);
});

it('writes values as osquery does', () => {
  const values = ['text', 'yes', 'no', 'negative', 'big', 'data', 'date', 'list', 'none'];
  const plist = parsePlist(Buffer.from(XML)) as Map<string, never>;
  expect(values.map((name) => plainOf(plist.get(name)))).toEqual([
    'A & B',
    '1',
    '0',
    '-3',
    '4611686018427387904',
    'AQI=',
    '1709528767',
    '',
    '',
  ]);
  expect([true, 5, 'x', null].map(numberOf)).toEqual([1, 5, null, null]);
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('Hello <b')],
  ['the head of a binary one only', Buffer.from('bplist00')],
  ['a binary one cut short', Buffer.from(BINARY, 'base64').subarray(0, 200)],
  ['too many parts inside each other', Buffer.from(`<plist>${'<array>'.repeat(10_000)}`)],
])('has nothing for %s', (_, bytes) => {
  expect(parsePlist(bytes)).toBeNull();
});

it('ends with a binary list that is inside itself, and with one that grows beyond measure', () => {
  /** Arrays of references to objects, with a table of offsets of one byte each. */
  const list = (objects: readonly (readonly number[])[]): Buffer => {
    const head = Buffer.from('bplist00');
    const parts = objects.map((items) => Buffer.from([0xa0 | items.length, ...items]));
    const offsets = parts.map((_, i) =>
      parts.slice(0, i).reduce((sum, part) => sum + part.length, head.length),
    );
    const body = Buffer.concat([head, ...parts]);
    const trailer = Buffer.alloc(32);
    trailer.writeUInt8(1, 6);
    trailer.writeUInt8(1, 7);
    trailer.writeBigUInt64BE(BigInt(objects.length), 8);
    trailer.writeBigUInt64BE(BigInt(body.length), 24);
    return Buffer.concat([body, Buffer.from(offsets), trailer]);
  };
  expect(parsePlist(list([[1], [0]]))).toBeNull();
  // Each has ten times the next: ten to the twelfth in the end.
  const bomb = Array.from({ length: 13 }, (_, i) => (i === 12 ? [] : Array<number>(10).fill(i + 1)));
  expect(parsePlist(list(bomb))).toBeNull();
  expect(parsePlist(list([[1, 1], []]))).toEqual([[], []]);
});

it('reads files, and goes without those that are not there', () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'muster-plist-'));
  fs.writeFileSync(join(root, 'a.plist'), XML);
  const scan = { warn: (): void => undefined };
  expect(readPlist(join(root, 'a.plist'), scan)).toEqual(CONTENT);
  expect(readPlist(join(root, 'b.plist'), scan)).toBeNull();
  fs.rmSync(root, { recursive: true });
});
