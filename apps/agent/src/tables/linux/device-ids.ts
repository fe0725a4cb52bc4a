import { existsSync } from 'node:fs';
import { type ScanContext } from '../engine/table.js';
import { readLines } from './proc.js';

/** Names of vendors, of their devices and of classes, as far as they were asked for. */
export interface DeviceNames {
  readonly vendors: ReadonlyMap<string, string>;
  /** By `vendor:device`, and `vendor:device:vendor:device` with the subsystem. */
  readonly devices: ReadonlyMap<string, string>;
  /** By two digits, and by four with the subclass. */
  readonly classes: ReadonlyMap<string, string>;
}

/** The lists of pci.ids and usb.ids, of which only the given vendors are kept: all of it would be some megabytes. */
export function parseIds(lines: Iterable<string>, wanted: ReadonlySet<string>): DeviceNames {
  const [vendors, devices, classes] = [1, 2, 3].map(() => new Map<string, string>()) as [
    Map<string, string>,
    Map<string, string>,
    Map<string, string>,
  ];
  let group: { kind: 'vendor' | 'class' | 'other'; id: string } = { kind: 'other', id: '' };
  let device = '';
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue;
    const [, tabs = '', letter, id = '', name = ''] = /^(\t*)(?:([A-Z]+) )?(\S+)\s+(.*)$/.exec(line) ?? [];
    if (tabs === '') {
      if (letter === 'C') group = { kind: 'class', id };
      else group = { kind: letter === undefined && wanted.has(id) ? 'vendor' : 'other', id };
      if (group.kind === 'class') classes.set(id, name);
      if (group.kind === 'vendor') vendors.set(id, name);
    } else if (tabs === '\t') {
      device = id;
      if (group.kind === 'class') classes.set(`${group.id}${id}`, name);
      if (group.kind === 'vendor') devices.set(`${group.id}:${id}`, name);
    } else if (group.kind === 'vendor') {
      const [, subvendor, subdevice, title] = /^\t\t(\S+) (\S+)\s+(.*)$/.exec(line) ?? [];
      if (title !== undefined) devices.set(`${group.id}:${device}:${subvendor}:${subdevice}`, title);
    }
  }
  return { vendors, devices, classes };
}

/** Reads the list that distributions keep in one of these places; without it there are no names. */
export function readIds(
  file: 'pci.ids' | 'usb.ids',
  wanted: ReadonlySet<string>,
  scan: ScanContext,
): DeviceNames {
  const places = ['/usr/share/hwdata', '/usr/share/misc', '/usr/share', '/var/lib/usbutils'];
  const found = places.map((place) => `${place}/${file}`).find((place) => existsSync(place));
  return parseIds(found === undefined ? [] : readLines(found, scan), wanted);
}
