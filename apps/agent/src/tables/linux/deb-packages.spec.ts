import { type Ask, openTables, program } from '../testing.js';
import { debPackage } from './deb-packages.js';
import { stanzas } from './stanzas.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

const SAMPLE = `Package: gcc-12-base
Status: install ok installed
Priority: required
Section: libs
Installed-Size: 274
Maintainer: Debian GCC Maintainers <debian-gcc@lists.debian.org>
Architecture: amd64
Multi-Arch: same
Source: gcc-12 (12.2.0-1)
Version: 2:12.2.0-14-3
Description: GCC, the GNU Compiler Collection (base package)
 Name: not a field
 .
Homepage: http://gcc.gnu.org/

Package: removed
Status: deinstall ok config-files
Version: 1.0

Package: gone
Status: purge ok not-installed
`;

it('reads what dpkg has written', () => {
  const rows = [...stanzas(SAMPLE.split('\n'))].map(debPackage);
  expect(rows).toEqual([
    {
      name: 'gcc-12-base',
      version: '2:12.2.0-14-3',
      source: 'gcc-12 (12.2.0-1)',
      size: 274,
      arch: 'amd64',
      revision: '3',
      status: 'install ok installed',
      maintainer: 'Debian GCC Maintainers <debian-gcc@lists.debian.org>',
      section: 'libs',
      priority: 'required',
    },
    expect.objectContaining({
      name: 'removed',
      revision: '',
      status: 'deinstall ok config-files',
      size: null,
    }),
    null,
  ]);
});

it('knows the packages that dpkg-query knows', () => {
  const columns = [
    'Package',
    'Version',
    'Architecture',
    'Status',
    'Maintainer',
    'Section',
    'Priority',
    'Installed-Size',
  ];
  const format = `${columns.map((name) => `\${${name}}`).join('\\t')}\\n`;
  const known = program('dpkg-query', '-W', '-f', format) ?? [];
  const rows = ask(
    'select name, version, arch, status, maintainer, section, priority, size from deb_packages order by 1, 3',
  );
  expect(rows.map((row) => Object.values(row).join('\t')).sort()).toEqual(known.sort());
  expect(ask("select * from deb_packages where admindir = '/nowhere'")).toEqual([]);
});
