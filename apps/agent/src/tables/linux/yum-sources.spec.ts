import * as fs from 'node:fs';
import { openTables } from '../testing.js';
import { parseYum } from './yum-sources.js';

it('reads repositories, not the settings of yum itself', () => {
  const text = `[main]
gpgcheck=1
[base]
name = CentOS - Base
baseurl=http://one.example/
  http://two.example/
enabled = 1
# gpgkey=no
GPGCHECK=0
[bare]
`;
  const none = { baseurl: '', mirrorlist: '', metalink: '', enabled: '', gpgcheck: '', gpgkey: '' };
  expect([...parseYum(text.split('\n'))]).toEqual([
    {
      ...none,
      name: 'CentOS - Base',
      baseurl: 'http://one.example/ http://two.example/',
      enabled: '1',
      gpgcheck: '0',
    },
    { ...none, name: 'bare' },
  ]);
  expect([...parseYum([])]).toEqual([]);
});

it('is empty where there is no yum', async () => {
  const ask = await openTables();
  const sources = ask('select distinct source from yum_sources');
  expect(sources.every((row) => fs.existsSync(row['source'] ?? ''))).toBe(true);
});
