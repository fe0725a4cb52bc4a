import { type Warn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';

/** `name: value` lines of sysctl; a value may go on in the lines that follow. */
export function parseSysctl(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let name: string | null = null;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    const [, begin, value = ''] = /^([a-z]\w*(?:\.[\w-]+)+): ?(.*)$/.exec(line) ?? [];
    if (begin !== undefined) {
      name = begin;
      found.set(begin, value);
    } else if (name !== null) found.set(name, `${found.get(name) ?? ''}\n${line}`);
  }
  return found;
}

/** Values of the kernel by their names; all of them where none are named. What this kernel does not know is left out. */
export function sysctl(names: readonly string[] | null, scan: Warn): Map<string, string> {
  // What begins with a dash would be an option, what has an equals sign would set it.
  const safe = names?.filter((name) => /^[a-z][\w.-]*$/.test(name)) ?? ['-a'];
  return safe.length === 0
    ? new Map<string, string>()
    : parseSysctl(outputOf('sysctl', ['-i', ...safe], scan, { partial: true }) ?? '');
}
