import { onMac } from '../testing.js';
import { toAccount, toGroup } from './accounts.js';
import { parseRecords } from './directory-service.js';

const USERS = `GeneratedUID: FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000
NFSHomeDirectory: /var/root /private/var/root
PrimaryGroupID: 0
RealName:
 System Administrator
RecordName:
 root
 BUILTIN\\Local System
UniqueID: 0
UserShell: /bin/sh
-
No such key: IsHidden
dsAttrTypeNative:IsHidden: 1
GeneratedUID: 11111111-2222-4333-8444-555555555555
NFSHomeDirectory: /Users/lee
PrimaryGroupID: 20
RealName: Lee
RecordName: lee com.apple.idms.appleid.prd.0001
UniqueID: 501
UserShell: /bin/zsh
-
RecordName: nobody
PrimaryGroupID: -2
UniqueID: -2
-
RecordName: broken
`;
const GROUPS = `PrimaryGroupID: 80
RecordName:
 admin
 BUILTIN\\Administrators
GroupMembership: root lee
-
PrimaryGroupID: 20
RecordName: staff
GroupMembership: root
`;

it('reads accounts of the directory, with names of several words', () => {
  const [root, lee, nobody, none] = [...parseRecords(USERS.split('\n'))].map(toAccount);
  expect(root).toEqual({
    username: 'root',
    uid: 0,
    gid: 0,
    description: 'System Administrator',
    directory: '/var/root',
    shell: '/bin/sh',
    uuid: 'FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000',
    is_hidden: false,
  });
  expect(lee).toMatchObject({ username: 'lee', uid: 501, description: 'Lee', is_hidden: true });
  expect(nobody).toMatchObject({ username: 'nobody', uid: 4294967294, gid: 4294967294 });
  expect(none).toBeNull();
});

it('gives them as osquery does on macOS', async () => {
  const accounts = [...parseRecords(USERS.split('\n'))].flatMap((record) => toAccount(record) ?? []);
  const rows = await onMac(
    'users',
    accounts.map((account) => ({ ...account })),
  );
  expect(Object.keys(rows[1] ?? {})).toEqual([
    'uid',
    'gid',
    'uid_signed',
    'gid_signed',
    'username',
    'description',
    'directory',
    'shell',
    'uuid',
    'is_hidden',
  ]);
  expect(rows[1]).toMatchObject({ uid: '501', is_hidden: '1' });
});

it('reads groups of the directory and who is in them', () => {
  expect([...parseRecords(GROUPS.split('\n'))].map(toGroup)).toEqual([
    { groupname: 'admin', gid: 80, members: ['root', 'lee'], is_hidden: false },
    { groupname: 'staff', gid: 20, members: ['root'], is_hidden: false },
  ]);
});
