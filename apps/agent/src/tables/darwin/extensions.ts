import { type Row, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, itemsOf, plainOf, type Plist, type PlistDictionary, readPlist } from './plist.js';

const LINE =
  /^\s*(\d+)\s+(\d+)\s+(?:0x[0-9a-f]+|0)\s+(0x[0-9a-f]+|\d+)\s+(?:0x[0-9a-f]+|\d+)\s+(\S+) \(([^)]*)\)(?: [-0-9A-F]{36})?(?: (<[\d ]*>))?/;

/** A line of kextstat; null for the heading. */
export function parseKext(line: string): Row | null {
  const [, index, refs, size, name, version, linked] = LINE.exec(line) ?? [];
  if (index === undefined) return null;
  return {
    idx: Number(index),
    refs: Number(refs),
    size: Number(size),
    name,
    version,
    linked_against: linked ?? '',
  };
}

/** What has been loaded into the kernel. */
export const kernelExtensions: Table = {
  name: 'kernel_extensions',
  platforms: ['darwin'],
  *rows(scan) {
    const text =
      outputOf('kextstat', ['-l'], scan) ?? outputOf('kmutil', ['showloaded', '--list-only'], scan) ?? '';
    for (const line of text.split('\n')) {
      const row = parseKext(line);
      if (row) yield row;
    }
  },
};

/** Whether a policy of the organisation allows an extension, by its team or by its name. */
function isManaged(policies: readonly Plist[], team: string, identifier: string): boolean {
  return policies.map(dictionaryOf).some((policy) => {
    const allowed = dictionaryOf(policy.get('allowedExtensions')).get(team);
    return itemsOf(policy.get('allowedTeamIDs')).includes(team) || itemsOf(allowed).includes(identifier);
  });
}

/** Rows of the database of system extensions. */
export function* systemExtensionsOf(plist: Plist): Generator<Row> {
  const database = dictionaryOf(plist);
  const policies = itemsOf(database.get('extensionPolicies'));
  for (const item of itemsOf(database.get('extensions'))) {
    const extension = dictionaryOf(item);
    const text = (from: PlistDictionary, name: string): string => plainOf(from.get(name));
    const [team, identifier] = [text(extension, 'teamID'), text(extension, 'identifier')];
    yield {
      path: text(extension, 'originPath'),
      UUID: text(extension, 'uniqueID'),
      state: text(extension, 'state'),
      identifier,
      version: text(dictionaryOf(extension.get('bundleVersion')), 'CFBundleShortVersionString'),
      category: itemsOf(extension.get('categories')).map(plainOf).join(', '),
      bundle_path: text(dictionaryOf(extension.get('container')), 'bundlePath'),
      team,
      mdm_managed: team !== '' && isManaged(policies, team, identifier),
    };
  }
}

/** Extensions of the system that run outside the kernel. */
export const systemExtensions: Table = {
  name: 'system_extensions',
  platforms: ['darwin'],
  *rows(scan) {
    const plist = readPlist('/Library/SystemExtensions/db.plist', scan);
    if (plist !== null) yield* systemExtensionsOf(plist);
  },
};
