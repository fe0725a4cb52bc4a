/** A paragraph of "Name: value" lines, by names in small letters; lines of one value are joined by line feeds. */
export type Stanza = ReadonlyMap<string, string>;

/** The paragraphs of a Debian control file (deb-control(5), sources in deb822 style), one by one. */
export function* stanzas(lines: Iterable<string>): Generator<Stanza> {
  let stanza = new Map<string, string>();
  let name = '';
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      name = '';
    } else if (/^[ \t]/.test(line)) {
      if (name !== '') stanza.set(name, `${stanza.get(name) ?? ''}\n${line.trim()}`);
    } else {
      const colon = line.indexOf(':');
      name = line.slice(0, Math.max(colon, 0)).toLowerCase();
      if (name !== '') stanza.set(name, line.slice(colon + 1).trim());
    }
  }
  if (stanza.size > 0) yield stanza;
}
