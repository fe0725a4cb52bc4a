import { type Warn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, itemsOf, parsePlist, type Plist, type PlistDictionary } from './plist.js';

/** Entries of the I/O registry that ioreg finds, and those below them, each once. */
export function* entriesOf(answer: Plist | null, seen = new Set<unknown>()): Generator<PlistDictionary> {
  for (const item of itemsOf(answer)) {
    const entry = dictionaryOf(item);
    const id = entry.get('IORegistryEntryID') ?? entry;
    if (seen.has(id)) continue;
    seen.add(id);
    yield entry;
    yield* entriesOf(entry.get('IORegistryEntryChildren') ?? null, seen);
  }
}

/** @param options of ioreg that choose entries, such as `-c` with a class */
export function* ioRegistry(options: readonly string[], scan: Warn): Generator<PlistDictionary> {
  const text = outputOf('ioreg', ['-a', '-r', '-l', ...options], scan);
  if (text !== null && text !== '') yield* entriesOf(parsePlist(Buffer.from(text)));
}

/** The one entry of this name in a plane; empty when there is none. */
export function ioEntry(plane: string, name: string, scan: Warn): PlistDictionary {
  for (const entry of ioRegistry(['-d', '1', '-p', plane, '-n', name], scan)) return entry;
  return new Map();
}
