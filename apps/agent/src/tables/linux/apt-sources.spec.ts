import { openTables, program } from '../testing.js';
import { parseAptLine, parseAptStanza } from './apt-sources.js';
import { stanzas } from './stanzas.js';

it('reads the one-line style', () => {
  expect(
    parseAptLine('deb [arch=amd64 signed-by=/a b.gpg] https://example.org/debian/ stable main # x'),
  ).toEqual({
    uri: 'https://example.org/debian',
    suite: 'stable',
  });
  expect(parseAptLine('deb http://example.org/flat ./')).toEqual({
    uri: 'http://example.org/flat',
    suite: './',
  });
  for (const line of ['# deb http://a b c', 'deb-src http://a b c', '', 'deb http://a', 'deb nowhere b c'])
    expect(parseAptLine(line)).toBeNull();
});

it('reads the deb822 style', () => {
  const text = `Types: deb deb-src
# between
URIs: http://one.example/a/
 http://two.example/b
Suites: stable stable-updates

Enabled: no
Types: deb
URIs: http://off.example
Suites: x

Types: deb-src
URIs: http://source.example
Suites: x`;
  expect([...stanzas(text.split('\n'))].flatMap(parseAptStanza)).toEqual([
    { uri: 'http://one.example/a', suite: 'stable' },
    { uri: 'http://one.example/a', suite: 'stable-updates' },
    { uri: 'http://two.example/b', suite: 'stable' },
    { uri: 'http://two.example/b', suite: 'stable-updates' },
  ]);
});

it('knows the sources that apt knows', async () => {
  const ask = await openTables();
  const targets = program(
    'apt-get',
    'indextargets',
    '--format',
    '$(SITE)|$(RELEASE)|$(CODENAME)',
    'Created-By: Packages',
  );
  const rows = ask('select * from apt_sources');
  for (const line of new Set(targets ?? [])) {
    const [site = '', suite = '', codename = ''] = line.split('|');
    const row = rows.find(
      (one) => one['base_uri'] === site.replace(/\/$/, '') && one['name']?.endsWith(` ${suite}`),
    );
    expect(row).toBeDefined();
    if (row?.['release'] !== '') expect(row).toMatchObject({ release: codename });
  }
});
