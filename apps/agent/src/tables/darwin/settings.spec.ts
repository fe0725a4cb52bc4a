import * as os from 'node:os';
import { onMac } from '../testing.js';
import { limitsOf, timesOf } from './limits.js';
import { dictionaryOf, parsePlist } from './plist.js';
import { backupsOf, parseExport, plistRows, toDestination, toVariable } from './settings.js';

it('shows property lists as rows', async () => {
  const list = parsePlist(
    Buffer.from(`<plist><dict><key>a</key><string>1</string>
      <key>b</key><dict><key>c</key><dict><key>d</key><true/></dict><key>e</key><integer>2</integer></dict>
      <key>f</key><array><string>x</string><string>y</string></array></dict></plist>`),
  );
  const rows = await onMac(
    'plist',
    [...plistRows(list!)].map((row) => ({ ...row, path: '/a.plist' })),
  );
  expect(rows.map(({ key, subkey, value }) => [key, subkey, value])).toEqual([
    ['a', '', '1'],
    ['b', 'c/d', '1'],
    ['b', 'e', '2'],
    ['f', '', 'x'],
    ['f', '', 'y'],
  ]);
  expect([...plistRows(['only'])]).toEqual([{ key: 'root', subkey: '', value: 'only' }]);
});

it('shows variables of firmware', async () => {
  const rows = [
    toVariable('boot-args', '-v'),
    toVariable('SystemAudioVolume', Buffer.from([0x80])),
    toVariable('prev-lang:kbd', Buffer.from('en:0\0')),
    toVariable('auto-boot', true),
  ];
  expect(await onMac('nvram', rows)).toEqual([
    { name: 'boot-args', type: 'CFString', value: '-v' },
    { name: 'SystemAudioVolume', type: 'CFData', value: 'gA==' },
    { name: 'prev-lang:kbd', type: 'CFData', value: 'en:0' },
    { name: 'auto-boot', type: 'CFBoolean', value: '1' },
  ]);
});

it('knows where Time Machine keeps backups', async () => {
  const alias = Buffer.alloc(20);
  alias.writeUInt16BE(20, 4);
  alias.writeUInt8(6, 10);
  alias.write('Backup', 11);
  const destination = dictionaryOf(
    parsePlist(
      Buffer.from(`<plist><dict><key>DestinationID</key><string>D</string>
        <key>BackupAlias</key><data>${alias.toString('base64')}</data>
        <key>BytesAvailable</key><integer>1000000000000</integer><key>BytesUsed</key><integer>5</integer>
        <key>LastKnownEncryptionState</key><string>Encrypted</string>
        <key>SnapshotDates</key><array><date>2024-03-04T05:06:07Z</date></array></dict></plist>`),
    ),
  );
  expect(await onMac('time_machine_destinations', [toDestination(destination)])).toEqual([
    {
      alias: 'Backup',
      destination_id: 'D',
      consistency_scan_date: null,
      root_volume_uuid: '',
      bytes_available: '1000000000000',
      bytes_used: '5',
      encryption: 'Encrypted',
    },
  ]);
  expect(await onMac('time_machine_backups', backupsOf(destination))).toEqual([
    { destination_id: 'D', backup_date: '1709528767' },
  ]);
});

it('knows what NFS shares', async () => {
  const lines = ['# /none', '/usr/src /usr/ports -ro -mapall=nobody host', '/data', ''];
  expect(
    await onMac(
      'nfs_shares',
      lines.flatMap((line) => [...parseExport(line)]),
    ),
  ).toEqual([
    { share: '/usr/src', options: '-ro -mapall=nobody host', readonly: '1' },
    { share: '/usr/ports', options: '-ro -mapall=nobody host', readonly: '1' },
    { share: '/data', options: '', readonly: '0' },
  ]);
});

it('knows its own limits, of what Node says', async () => {
  const rows = await onMac('ulimit_info', limitsOf(process.report.getReport()));
  expect(rows.map((row) => row['type'])).toEqual(
    expect.arrayContaining([
      'as',
      'core',
      'cpu',
      'data',
      'fsize',
      'memlock',
      'nofile',
      'nproc',
      'rss',
      'stack',
    ]),
  );
  expect([...limitsOf({})]).toEqual([]);
});

it('counts times of processors in hundredths of a second', async () => {
  const times = { user: 12_340, nice: 0, sys: 1_000, idle: 99_990, irq: 0 };
  expect(await onMac('cpu_time', timesOf([{ times }]))).toMatchObject([
    { core: '0', user: '1234', system: '100', idle: '9999', iowait: '0', steal: '0' },
  ]);
  expect([...timesOf(os.cpus())]).toHaveLength(os.cpus().length);
});
