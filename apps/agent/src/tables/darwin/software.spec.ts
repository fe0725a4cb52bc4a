import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onMac } from '../testing.js';
import { parseLastUsed, toApp } from './apps.js';
import { parseKext, systemExtensionsOf } from './extensions.js';
import { packagesBelow, parseCask } from './homebrew-packages.js';
import { overridesOf, toJob } from './launchd.js';
import { historyOf, parseBomLine, toReceipt } from './packages.js';
import { parsePlist, type Plist } from './plist.js';

/** A property list of what stands in its `dict` or `array`. */
function plist(content: string): Plist {
  return parsePlist(Buffer.from(`<plist version="1.0">${content}</plist>`)) ?? '';
}

it('reads jobs of launchd', async () => {
  const job = plist(`<dict>
    <key>Label</key><string>org.example.backup</string>
    <key>ProgramArguments</key><array><string>/usr/local/bin/backup</string><string>--all</string></array>
    <key>RunAtLoad</key><true/><key>Disabled</key><false/>
    <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
    <key>StartInterval</key><integer>3600</integer>
    <key>WatchPaths</key><array><string>/etc/hosts</string></array>
  </dict>`);
  const path = '/Library/LaunchDaemons/org.example.backup.plist';
  const [row] = await onMac('launchd', [toJob(path, job)]);
  expect(row).toMatchObject({
    path,
    name: 'org.example.backup.plist',
    label: 'org.example.backup',
    program: '',
    program_arguments: '/usr/local/bin/backup --all',
    run_at_load: '1',
    disabled: '0',
    keep_alive: '',
    start_interval: '3600',
    watch_paths: '/etc/hosts',
  });
  expect(Object.values(row ?? {})).not.toContain(null);
});

it('reads overrides of launchd', async () => {
  const overrides = plist('<dict><key>a.b</key><dict><key>Disabled</key><true/></dict></dict>');
  const path = '/var/db/launchd.db/com.apple.launchd.peruser.501/overrides.plist';
  expect(await onMac('launchd_overrides', overridesOf(path, overrides))).toEqual([
    { label: 'a.b', key: 'Disabled', value: '1', uid: '501', path },
  ]);
});

it('reads applications', async () => {
  const info = plist(`<dict>
    <key>CFBundleIdentifier</key><string>org.example.some</string>
    <key>CFBundleShortVersionString</key><string>1.2.3</string>
    <key>LSUIElement</key><string>YES</string>
    <key>NSAppleScriptEnabled</key><false/>
  </dict>`);
  const rows = await onMac('apps', [{ ...toApp('/Applications/Some App.app', info), last_opened_time: -1 }]);
  expect(rows).toMatchObject([
    {
      name: 'Some App.app',
      path: '/Applications/Some App.app',
      bundle_identifier: 'org.example.some',
      bundle_short_version: '1.2.3',
      element: '1',
      applescript_enabled: '0',
      copyright: '',
    },
  ]);
});

it('knows when applications were opened, or for none of them', () => {
  expect(parseLastUsed('2024-03-04 05:06:07 +0000\0-\0', 2)).toEqual([
    Date.UTC(2024, 2, 4, 5, 6, 7) / 1000,
    -1,
  ]);
  expect(parseLastUsed('2024-03-04 05:06:07 +0000', 1)).toEqual([Date.UTC(2024, 2, 4, 5, 6, 7) / 1000]);
  expect(parseLastUsed('2024-03-04 05:06:07 +0000', 2)).toEqual([-1, -1]);
  expect(parseLastUsed('', 1)).toEqual([-1]);
});

it('finds what Homebrew has installed', async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'muster-brew-'));
  const cask = { auto_updates: true, artifacts: [{ zap: [] }, { app: ['Some App.app'] }] };
  const kept = join(root, 'Caskroom/some-app/.metadata/2.0/20240101000000.000/Casks');
  fs.mkdirSync(kept, { recursive: true });
  fs.writeFileSync(join(kept, 'some-app.json'), JSON.stringify(cask));
  for (const place of ['Caskroom/some-app/2.0', 'Cellar/jq/1.7', 'Cellar/jq/1.7.1'])
    fs.mkdirSync(join(root, place), { recursive: true });
  const rows = await onMac('homebrew_packages', packagesBelow(root, { warn: () => undefined }));
  const jq = { name: 'jq', path: `${root}/Cellar/jq`, type: 'formula', auto_updates: '0', app_name: '' };
  expect(rows).toEqual([
    { ...jq, version: '1.7' },
    { ...jq, version: '1.7.1' },
    {
      name: 'some-app',
      path: `${root}/Caskroom/some-app`,
      version: '2.0',
      type: 'cask',
      auto_updates: '1',
      app_name: 'Some App.app',
    },
  ]);
  fs.rmSync(root, { recursive: true });
  expect([...packagesBelow(root, { warn: () => undefined })]).toEqual([]);
  for (const text of ['{', 'null', '[]', '{"artifacts":[null,{"app":[{}]}]}'])
    expect(Object.values(parseCask(text)).filter(Boolean)).toEqual([]);
});

it('reads receipts and the history of installations', async () => {
  const receipt = plist(`<dict>
    <key>PackageIdentifier</key><string>org.example.pkg</string><key>PackageVersion</key><string>1.0</string>
    <key>PackageFileName</key><string>a.pkg</string><key>InstallPrefixPath</key><string>/</string>
    <key>InstallDate</key><date>2024-03-04T05:06:07Z</date><key>InstallProcessName</key><string>installer</string>
  </dict>`);
  const path = '/private/var/db/receipts/org.example.pkg.plist';
  expect(
    await onMac('package_receipts', [toReceipt(path, receipt), toReceipt(path, plist('<dict/>'))]),
  ).toEqual([
    {
      package_id: 'org.example.pkg',
      version: '1.0',
      location: '/',
      install_time: '1709528767',
      installer_name: 'installer',
      path,
    },
  ]);
  const history = plist(`<array>
    <dict><key>date</key><date>2024-03-04T05:06:07Z</date><key>displayName</key><string>macOS 14.4</string>
      <key>displayVersion</key><string>14.4</string><key>processName</key><string>softwareupdated</string></dict>
    <dict><key>displayName</key><string>Two</string>
      <key>packageIdentifiers</key><array><string>a</string><string>b</string></array></dict>
  </array>`);
  const rows = await onMac('package_install_history', historyOf(history));
  expect(rows.map(({ package_id, name, time }) => [package_id, name, time])).toEqual([
    ['', 'macOS 14.4', '1709528767'],
    ['a', 'Two', null],
    ['b', 'Two', null],
  ]);
});

it('reads bills of materials', async () => {
  const lines = ['.\t0\t0\t40755\t\t', './usr/bin/a b\t0\t80\t100755\t1234\t1709528767', 'nothing'];
  const rows = lines.map(parseBomLine).map((row) => row && { ...row, path: '/a.bom' });
  expect(await onMac('package_bom', rows)).toEqual([
    {
      filepath: '.',
      uid: '0',
      gid: '0',
      mode: String(0o40755),
      size: '0',
      modified_time: '0',
      path: '/a.bom',
    },
    {
      filepath: './usr/bin/a b',
      uid: '0',
      gid: '80',
      mode: String(0o100755),
      size: '1234',
      modified_time: '1709528767',
      path: '/a.bom',
    },
  ]);
});

it('reads extensions of the kernel', async () => {
  const lines = [
    'Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>',
    '    1  154 0                  0          0          com.apple.kpi.bsd (23.4.0) 6F3B5D5C-1111-3222-B333-444444444444 <>',
    '  155    0 0xffffff7f80aa1000 0x5000     0x5000     org.example.driver (1.0.2) 6F3B5D5C-1111-3222-B333-444444444444 <8 6 5 3>',
  ];
  expect(await onMac('kernel_extensions', lines.map(parseKext))).toMatchObject([
    { idx: '1', refs: '154', size: '0', name: 'com.apple.kpi.bsd', version: '23.4.0', linked_against: '<>' },
    { idx: '155', size: '20480', name: 'org.example.driver', version: '1.0.2', linked_against: '<8 6 5 3>' },
  ]);
});

it('reads extensions of the system, and who allows them', async () => {
  const extension = (identifier: string, team: string): string => `<dict>
    <key>identifier</key><string>${identifier}</string><key>teamID</key><string>${team}</string>
    <key>originPath</key><string>/Applications/A.app/x</string><key>state</key><string>activated_enabled</string>
    <key>uniqueID</key><string>U</string>
    <key>bundleVersion</key><dict><key>CFBundleShortVersionString</key><string>1.5</string></dict>
    <key>categories</key><array><string>com.apple.system_extension.network_extension</string><string>x</string></array>
    <key>container</key><dict><key>bundlePath</key><string>/Applications/A.app</string></dict></dict>`;
  const database = plist(`<dict>
    <key>extensions</key><array>${extension('a', 'T1')}${extension('b', 'T2')}${extension('c', 'T2')}</array>
    <key>extensionPolicies</key><array><dict>
      <key>allowedTeamIDs</key><array><string>T1</string></array>
      <key>allowedExtensions</key><dict><key>T2</key><array><string>b</string></array></dict>
    </dict></array></dict>`);
  const rows = await onMac('system_extensions', systemExtensionsOf(database));
  expect(rows.map(({ identifier, mdm_managed }) => [identifier, mdm_managed])).toEqual([
    ['a', '1'],
    ['b', '1'],
    ['c', '0'],
  ]);
  expect(rows[0]).toMatchObject({
    version: '1.5',
    category: 'com.apple.system_extension.network_extension, x',
    bundle_path: '/Applications/A.app',
  });
});
