import { type Ask, openTables, program } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('knows the files that dpkg-query knows', () => {
  for (const name of ['bash', 'libc6', 'no such package']) {
    const listed = program('sh', '-c', `dpkg-query -L '${name}' 2>/dev/null || true`) ?? [];
    const known = listed.filter((path) => path.startsWith('/') && path !== '/.');
    const seen = ask(`select path from deb_package_files where package = '${name}'`).map(
      (row) => row['path'],
    );
    expect(seen.sort()).toEqual(known.sort());
  }
});

it('finds the package of a file', () => {
  const known = (program('sh', '-c', 'dpkg-query -S /etc/bash.bashrc 2>/dev/null || true') ?? []).map(
    (line) => ({
      package: line.replace(/:.*/, ''),
    }),
  );
  expect(ask("select package from deb_package_files where path = '/etc/bash.bashrc'")).toEqual(known);
});
