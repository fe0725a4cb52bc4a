/** Settings of a sysctl.conf by their names with dots. */
export function* parseSettings(lines: Iterable<string>): Iterable<[name: string, value: string]> {
  for (const line of lines) {
    const [, name, value = ''] = /^\s*-?([^#;=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) yield [dotted(name), value];
  }
}

/** Slashes are separators too, in files and in /proc. */
export function dotted(name: string): string {
  return name.replaceAll('/', '.');
}
