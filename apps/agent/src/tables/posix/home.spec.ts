import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueryEngine } from '../engine/engine.js';
import { type ScanContext, type Table } from '../engine/table.js';
import { openTables } from '../testing.js';
import { type Account } from './accounts.js';
import { authorizedKeys, authorizedKeysOf } from './authorized-keys.js';
import { crontab, parseCronLine } from './crontab.js';
import { knownHosts, knownHostsOf } from './known-hosts.js';
import { parseHistory, shellHistory, shellHistoryOf } from './shell-history.js';
import { sshConfigRows, sshConfigs } from './ssh-configs.js';
import { sudoersRows } from './sudoers.js';
import { sshKeysOf, userSshKeys } from './user-ssh-keys.js';

const scan = { warn: (): void => undefined };
let root: string;

beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'muster-home-'));
});

afterAll(() => fs.rmSync(root, { recursive: true }));

it('reads times of bash and zsh, and goes without', () => {
  const lines = [
    'ls -l',
    '#1700000000',
    'make',
    ': 1700000100:0;git push',
    '',
    '#1700000200',
    '#1700000300',
    'true',
  ];
  expect([...parseHistory(lines)]).toEqual([
    { time: 0, command: 'ls -l' },
    { time: 1700000000, command: 'make' },
    { time: 1700000100, command: 'git push' },
    { time: 1700000200, command: '#1700000300' },
    { time: 0, command: 'true' },
  ]);
});

it('reads crontabs: events, times, and no variables', () => {
  expect(parseCronLine('*/5 0-3 * jan\tmon,tue root  /bin/true  a')).toEqual({
    event: '',
    minute: '*/5',
    hour: '0-3',
    day_of_month: '*',
    month: 'jan',
    day_of_week: 'mon,tue',
    command: 'root /bin/true a',
  });
  expect(parseCronLine('@reboot root /bin/true')).toEqual({ event: '@reboot', command: 'root /bin/true' });
  for (const line of [
    '# a b c d e f g',
    '',
    'MAILTO=a b c d e f',
    'PATH = /a b c d e f',
    '* * * * *',
    '@daily',
  ])
    expect(parseCronLine(line)).toBeNull();
});

it('knows what cron runs on this machine', async () => {
  const ask = await openTables([crontab]);
  const known = fs.existsSync('/etc/cron.d')
    ? fs
        .readdirSync('/etc/cron.d')
        .flatMap((name) => fs.readFileSync(`/etc/cron.d/${name}`, 'utf8').split('\n'))
        .filter((line) => /^\s*[\d*@]/.test(line))
    : [];
  expect(ask("select command from crontab where path like '/etc/cron.d/%'")).toHaveLength(known.length);
});

it('follows the includes of sudoers, once each', () => {
  const write = (name: string, text: string): void => fs.writeFileSync(join(root, name), text);
  fs.mkdirSync(join(root, 'parts'));
  write(
    'sudoers',
    `# a comment\nDefaults  env_reset,\\\n   mail_badpass\nroot ALL=(ALL:ALL) ALL\n#1001 ALL=ALL\n@includedir ${root}/parts\n#include more\n`,
  );
  write('more', '%wheel ALL=(ALL) NOPASSWD: ALL\n@include sudoers\n');
  write('parts/lee', 'lee ALL=ALL\n');
  write('parts/old~', 'old ALL=ALL\n');
  write('parts/kim.dpkg-old', 'kim ALL=ALL\n');
  const source = join(root, 'sudoers');
  expect([...sudoersRows(source, scan)]).toEqual([
    { source, header: 'Defaults', rule_details: 'env_reset, mail_badpass' },
    { source, header: 'root', rule_details: 'ALL=(ALL:ALL) ALL' },
    { source, header: '#1001', rule_details: 'ALL=ALL' },
    { source, header: 'includedir', rule_details: `${root}/parts` },
    { source: `${root}/parts/lee`, header: 'lee', rule_details: 'ALL=ALL' },
    { source, header: 'include', rule_details: `${root}/more` },
    { source: `${root}/more`, header: '%wheel', rule_details: 'ALL=(ALL) NOPASSWD: ALL' },
    { source: `${root}/more`, header: 'include', rule_details: source },
  ]);
  expect([...sudoersRows(join(root, 'none'), scan)]).toEqual([]);
});

it.each<[Table]>([[authorizedKeys], [knownHosts], [userSshKeys], [sshConfigs], [shellHistory]])(
  'answers for one account as for all of them: %p',
  async (table) => {
    const engine = await QueryEngine.open([table]);
    const count = (where: string): number =>
      [
        ...engine.prepare(`select uid from ${table.name} ${where}`, { milliseconds: 20_000, rows: 100_000 })
          .rows,
      ].length;
    expect(count('where uid = 0')).toBe(count('where uid + 0 = 0'));
    expect(count('where uid = 4242424')).toBe(0);
    engine.close();
  },
);

it('reads the files of an account in its home', () => {
  const account: Account = {
    username: 'lee',
    uid: 7,
    gid: 7,
    description: '',
    directory: join(root, 'lee'),
    shell: '',
  };
  const ssh = join(root, 'lee/.ssh');
  const context: ScanContext = { equals: () => null, like: () => [], uses: () => true, ...scan };
  expect([...authorizedKeysOf(account, scan), ...sshKeysOf(account, context)]).toEqual([]);
  fs.mkdirSync(ssh, { recursive: true });
  fs.writeFileSync(join(ssh, 'authorized_keys'), '# none\nssh-rsa AAAA= lee\n');
  fs.writeFileSync(join(ssh, 'known_hosts'), '|1|a=|b= ssh-rsa AAAA=\n\n#\n');
  fs.writeFileSync(join(ssh, 'config'), 'Host a\nPort 22');
  fs.writeFileSync(
    join(ssh, 'my key'),
    '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAA',
  );
  fs.writeFileSync(join(root, 'lee/.bash_history'), 'first\nlast without an end');
  fs.mkdirSync(join(root, 'lee/.zsh_history'));
  expect([...authorizedKeysOf(account, scan)]).toEqual([
    { key_file: `${ssh}/authorized_keys`, algorithm: 'ssh-rsa', key: 'AAAA=', options: '', comment: 'lee' },
  ]);
  expect([...knownHostsOf(account, scan)]).toEqual([
    { key: '|1|a=|b= ssh-rsa AAAA=', key_file: `${ssh}/known_hosts` },
  ]);
  expect([...sshConfigRows(`${ssh}/config`, scan)]).toEqual([
    { ssh_config_file: `${ssh}/config`, block: 'host a', option: 'port 22' },
  ]);
  expect([...sshKeysOf(account, context)]).toMatchObject([{ path: `${ssh}/my key`, encrypted: false }]);
  const history_file = join(root, 'lee/.bash_history');
  expect([...shellHistoryOf(account, scan)]).toEqual([
    { history_file, time: 0, command: 'first' },
    { history_file, time: 0, command: 'last without an end' },
  ]);
});
