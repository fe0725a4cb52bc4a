import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { linesOf, namesIn, realPath, type Warn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';

/** A unit of systemd. */
export interface Unit {
  readonly id: string;
  readonly description: string;
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
  readonly unitFileState: string;
  readonly following: string;
  readonly fragmentPath: string;
  readonly user: string;
  readonly sourcePath: string;
  /** 0 for none. */
  readonly job: number;
}

const PROPERTIES = [
  'Id',
  'Description',
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'Following',
  'FragmentPath',
  'User',
  'SourcePath',
  'Job',
];
/** Where unit files stand, the first one counts. */
const DIRECTORIES = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map(
  (root) => `${root}/systemd/system`,
);
const UNIT = /^[^@]+(?:@[^.]+)?\.(?:service|socket|target|mount|automount|swap|timer|path|slice)$/;

/** Every unit: as systemd has it loaded, or where it does not run here as its files say. */
export function* units(scan: Warn): Generator<Unit> {
  if (!fs.existsSync('/run/systemd/system')) {
    yield* unitsOfFiles(DIRECTORIES, scan);
    return;
  }
  const args = ['show', '--all', '--no-pager', `--property=${PROPERTIES.join(',')}`, '*'];
  yield* parseUnits(outputOf('systemctl', args, scan) ?? '');
}

/** What `systemctl show` prints: lines of "Name=value", units apart by an empty line. */
export function* parseUnits(text: string): Generator<Unit> {
  for (const block of text.split(/\n\n+/)) {
    const values = new Map(
      block.split('\n').map((line) => {
        const equals = line.indexOf('=');
        return [line.slice(0, equals), line.slice(equals + 1)] as const;
      }),
    );
    const value = (name: string): string => values.get(name) ?? '';
    if (value('Id') === '') continue;
    yield {
      id: value('Id'),
      description: value('Description'),
      loadState: value('LoadState'),
      activeState: value('ActiveState'),
      subState: value('SubState'),
      unitFileState: value('UnitFileState'),
      following: value('Following'),
      fragmentPath: value('FragmentPath'),
      user: value('User'),
      sourcePath: value('SourcePath'),
      job: Number(value('Job')) || 0,
    };
  }
}

/** Kinds of jobs by their numbers, as `systemctl list-jobs` prints them. */
export function jobTypes(scan: Warn): Map<number, string> {
  const text = outputOf('systemctl', ['list-jobs', '--no-legend', '--no-pager', '--plain'], scan) ?? '';
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return new Map(lines.map(([id = '', , type = '']) => [Number(id), type]));
}

/** The path of an object on the bus: what is no letter or digit in hex. */
export function objectPath(id: string): string {
  const escaped = [...Buffer.from(id)].map((byte, i) => {
    const character = String.fromCharCode(byte);
    const plain = i === 0 ? /[A-Za-z]/ : /[A-Za-z0-9]/;
    return plain.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`;
  });
  return `/org/freedesktop/systemd1/unit/${escaped.join('')}`;
}

/** Units as their files describe them: nothing is active. Templates and other names of a unit are no units. */
export function* unitsOfFiles(directories: readonly string[], scan: Warn): Generator<Unit> {
  const enabled = enabledUnits(directories, scan);
  const seen = new Set<string>();
  for (const directory of directories)
    for (const id of namesIn(directory, scan)) {
      const path = join(directory, id);
      if (!UNIT.test(id) || seen.has(id)) continue;
      const real = realPath(path);
      if (
        real !== '/dev/null' &&
        (basename(real) !== id || !fs.statSync(path, { throwIfNoEntry: false })?.isFile())
      )
        continue;
      seen.add(id);
      yield describe(id, path, real, enabled, scan);
    }
}

function describe(id: string, path: string, real: string, enabled: ReadonlySet<string>, scan: Warn): Unit {
  const settings = real === '/dev/null' ? new Map<string, string>() : parseUnitFile(linesOf(path, scan));
  const masked = settings.size === 0;
  const installable = ['wantedby', 'requiredby', 'upheldby', 'alias'].some((name) =>
    settings.has(`install.${name}`),
  );
  const file = enabled.has(id)
    ? 'enabled'
    : installable
      ? 'disabled'
      : settings.has('install.also')
        ? 'indirect'
        : 'static';
  return {
    id,
    description: masked ? id : (settings.get('unit.description') ?? id),
    loadState: masked ? 'masked' : 'loaded',
    activeState: 'inactive',
    subState: 'dead',
    unitFileState: masked ? 'masked' : file,
    following: '',
    fragmentPath: path,
    user: settings.get('service.user') ?? '',
    sourcePath: settings.get('unit.sourcepath') ?? '',
    job: 0,
  };
}

/** Units that others ask for: links to them, under their own or another name, in the places of the administrator. */
function enabledUnits(directories: readonly string[], scan: Warn): Set<string> {
  const enabled = new Set<string>();
  for (const directory of directories.slice(0, 2))
    for (const name of namesIn(directory, scan)) {
      const path = join(directory, name);
      if (/\.(?:wants|requires|upholds)$/.test(name)) for (const id of namesIn(path, scan)) enabled.add(id);
      else if (UNIT.test(name) && basename(realPath(path)) !== name) enabled.add(basename(realPath(path)));
    }
  return enabled;
}

/** Settings by "section.name" in small letters, each with its last value. */
export function parseUnitFile(lines: Iterable<string>): Map<string, string> {
  const settings = new Map<string, string>();
  let section = '';
  for (const text of lines) {
    const line = text.trim();
    if (line === '' || /^[#;]/.test(line)) continue;
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) section = header.toLowerCase();
    const [, name, value = ''] = (header === undefined ? /^([\w-]+)\s*=\s*(.*)$/.exec(line) : null) ?? [];
    if (name !== undefined) settings.set(`${section}.${name.toLowerCase()}`, value);
  }
  return settings;
}
