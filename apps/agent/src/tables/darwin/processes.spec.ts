import { onMac } from '../testing.js';
import { millisecondsOf, secondsOfCtime, secondsOfRecent } from './durations.js';
import { parseFiles } from './open-files.js';
import { toListening, toOpenFile, toSocket } from './process-open-files.js';
import { parseCommandLines, parseProcess } from './processes.js';

const PS = `    1     0     1     0     0     0     0     0     0   0  21488 34175036   0:12.34   1:02.50     4004 Ss   Mon Nov 20 10:10:01 2023     /sbin/launchd
  501     1   501   501   501   501    20    20    20   5 185488 36175036  10:12.34   1:02.50 80024084 S+   Fri Nov  3 09:08:07 2023     /Applications/Some App.app/Contents/MacOS/Some App
  777   501   777    -2    -2    -2    -2    -2    -2   0      0        0   0:00.00   0:00.00     4004 Z    Fri Nov  3 09:08:07 2023     (gone)
`;

it('reads what ps says', async () => {
  const found = PS.split('\n').map(parseProcess);
  expect(found.map((one) => one?.command)).toEqual([
    '/sbin/launchd',
    '/Applications/Some App.app/Contents/MacOS/Some App',
    '(gone)',
    undefined,
  ]);
  const rows = await onMac(
    'processes',
    found.map((one) => one && { ...one.row, name: 'x', on_disk: true }),
  );
  expect(rows[1]).toMatchObject({
    pid: '501',
    state: 'S',
    uid: '501',
    gid: '20',
    nice: '5',
    resident_size: String(185488 * 1024),
    total_size: String(36175036 * 1024),
    user_time: '612340',
    system_time: '62500',
    start_time: String(Date.UTC(2023, 10, 3, 9, 8, 7) / 1000),
    parent: '1',
    pgroup: '501',
    translated: '1',
    on_disk: '1',
  });
  expect(rows[0]).toMatchObject({ pid: '1', translated: '0' });
  expect(rows[2]).toMatchObject({ pid: '777', uid: '4294967294', state: 'Z' });
});

it('reads command lines', () => {
  expect(parseCommandLines('    1 /sbin/launchd\n  501 sleep  10 \n  7\nno number\n')).toEqual(
    new Map([
      [1, '/sbin/launchd'],
      [501, 'sleep  10'],
      [7, ''],
    ]),
  );
});

it('reads times', () => {
  expect(['0:00.01', '3:04.56', '1:02:03', '2-01:00:00', '-'].map(millisecondsOf)).toEqual([
    10, 184_560, 3_723_000, 176_400_000, 0,
  ]);
  expect(secondsOfCtime('Thu Jan  1 00:01:00 1970')).toBe(60);
  expect(secondsOfCtime('yesterday')).toBe(0);
  const now = new Date('2024-02-01T12:00:00Z');
  expect(secondsOfRecent('Jan', '31', '10:20', now)).toBe(Date.UTC(2024, 0, 31, 10, 20) / 1000);
  expect(secondsOfRecent('Nov', '3', '10:20', now)).toBe(Date.UTC(2023, 10, 3, 10, 20) / 1000);
});

const LSOF = `p412
fcwd
tDIR
n/
ftxt
tREG
n/usr/sbin/mDNSResponder
f0
tCHR
n/dev/null
f6
tunix
n/var/run/mDNSResponder
f7
tunix
n->0x4fe9d0f5ddc8a0f1
f8
tIPv4
PUDP
n*:5353
f9
tKQUEUE
ncount=0, state=0xa
p501
f3
tREG
n/Users/lee/a file
f10
tIPv6
PTCP
n[::1]:631
TST=LISTEN
TQR=0
f11
tIPv4
PTCP
n192.0.2.7:50123->198.51.100.4:443
TST=FIN_WAIT_1
f12
tIPv6
PTCP
n*:22
TST=LISTEN
f13
tIPv4
PUDP
n*:*
`;

it('tells files from sockets', async () => {
  const files = [...parseFiles(LSOF)];
  expect(await onMac('process_open_files', files.map(toOpenFile))).toEqual([
    { pid: '412', fd: '0', path: '/dev/null' },
    { pid: '501', fd: '3', path: '/Users/lee/a file' },
  ]);
  const sockets = await onMac('process_open_sockets', files.map(toSocket));
  const local = {
    family: '0',
    protocol: '0',
    local_address: '',
    remote_address: '',
    local_port: '0',
    remote_port: '0',
  };
  expect(sockets).toMatchObject([
    { pid: '412', fd: '6', socket: '6', ...local, path: '/var/run/mDNSResponder', state: '' },
    { pid: '412', fd: '7', socket: '7', ...local, path: '', state: '' },
    {
      pid: '412',
      fd: '8',
      socket: null,
      family: '2',
      protocol: '17',
      local_address: '0.0.0.0',
      local_port: '5353',
      remote_address: '0.0.0.0',
      remote_port: '0',
      state: '',
    },
    {
      pid: '501',
      fd: '10',
      family: '10',
      protocol: '6',
      local_address: '::1',
      local_port: '631',
      remote_address: '::',
      remote_port: '0',
      state: 'LISTEN',
    },
    {
      pid: '501',
      fd: '11',
      local_address: '192.0.2.7',
      local_port: '50123',
      remote_address: '198.51.100.4',
      remote_port: '443',
      state: 'FIN_WAIT1',
    },
    { pid: '501', fd: '12', local_address: '::', local_port: '22' },
    { pid: '501', fd: '13', local_address: '0.0.0.0', local_port: '0' },
  ]);
});

it('knows who listens', async () => {
  const sockets = [...parseFiles(LSOF)].map(toSocket).filter((row) => row !== null);
  const rows = await onMac('listening_ports', sockets.map(toListening));
  expect(rows.map(({ pid, port, address, path }) => [pid, port, address, path])).toEqual([
    ['412', '0', '', '/var/run/mDNSResponder'],
    ['412', '5353', '0.0.0.0', ''],
    ['501', '631', '::1', ''],
    ['501', '22', '::', ''],
    ['501', '0', '0.0.0.0', ''],
  ]);
});
