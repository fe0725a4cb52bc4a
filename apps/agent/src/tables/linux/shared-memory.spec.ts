import { openTables, program } from '../testing.js';
import { parseSegment } from './shared-memory.js';

it('finds a segment that was made for it', async () => {
  const ask = await openTables();
  const id = /\d+$/.exec(program('ipcmk', '-M', '8192', '-p', '0640')?.[0] ?? '')?.[0];
  // Not every system lets one make a segment.
  if (id === undefined) return expect(ask(`select * from shared_memory where shmid < 0`)).toEqual([]);
  try {
    expect(
      ask(
        `select owner_uid, permissions, size, attached, status, locked from shared_memory where shmid = ${id}`,
      ),
    ).toEqual([
      {
        owner_uid: String(process.getuid?.()),
        permissions: '0640',
        size: '8192',
        attached: '0',
        status: '',
        locked: '0',
      },
    ]);
  } finally {
    program('ipcrm', '-m', id);
  }
});

it('reads what the kernel writes', () => {
  const line =
    '         0          5  3600                  4096    100   101      2  1000  1000     0     0 1700000001 1700000002 1700000003 4096 0';
  expect(parseSegment(line)).toEqual({
    shmid: 5,
    owner_uid: 1000,
    creator_uid: 0,
    pid: 101,
    creator_pid: 100,
    atime: 1700000001,
    dtime: 1700000002,
    ctime: 1700000003,
    permissions: '0600',
    size: 4096n,
    attached: 2,
    status: 'dest',
    locked: true,
  });
  expect(
    parseSegment(
      '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid',
    ),
  ).toBeNull();
});
