import { openTables, program } from '../testing.js';
import { parseRpmLine } from './rpm-packages.js';

it('reads what rpm prints', () => {
  const values = 'bash 5.1.8 6.el9 bash-5.1.8-6.el9.src.rpm 7740000 abc x86_64 0 1700000000'.split(' ');
  expect(parseRpmLine([...values, 'Red Hat, Inc.', 'Unspecified'].join('\t'))).toEqual({
    name: 'bash',
    version: '5.1.8',
    release: '6.el9',
    source: 'bash-5.1.8-6.el9.src.rpm',
    size: 7740000,
    sha1: 'abc',
    arch: 'x86_64',
    epoch: 0,
    install_time: 1700000000,
    vendor: 'Red Hat, Inc.',
    package_group: 'Unspecified',
  });
  const key = 'gpg-pubkey 1 2 (none) 0 (none) (none) 0 1700000000 (none) Public_Keys'.split(' ').join('\t');
  expect(parseRpmLine(key)).toMatchObject({ name: 'gpg-pubkey', source: '', arch: '', sha1: '', vendor: '' });
  expect(parseRpmLine('')).toBeNull();
});

it('knows the packages that rpm knows', async () => {
  const ask = await openTables();
  expect(ask('select name from rpm_packages')).toHaveLength((program('rpm', '-qa') ?? []).length);
});
