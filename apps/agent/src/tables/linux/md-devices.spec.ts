import { existsSync } from 'node:fs';
import { openTables } from '../testing.js';
import { parseMdstat, rowOf } from './md-devices.js';

const SAMPLE = `Personalities : [raid1] [raid6] [raid5] [raid4]
md0 : active raid1 sdb1[1](F) sda1[0] sdc1[2](S)
      1046528 blocks super 1.2 [2/1] [U_]
      bitmap: 0/1 pages [0KB], 65536KB chunk, file: /var/bitmap

md1 : active (auto-read-only) raid5 sdf1[3] sde1[1] sdd1[0]
      2093056 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]
      [==>..................]  recovery = 12.6% (131840/1046528) finish=1.2min speed=11000K/sec

md2 : active raid1 sdh1[1] sdg1[0]
      1046528 blocks [2/2] [UU]
      	resync=DELAYED

unused devices: <none>
`;

it('reads what the kernel says of its arrays', () => {
  const { personalities, arrays, unused } = parseMdstat(SAMPLE.split('\n'));
  expect(personalities).toEqual(['raid1', 'raid6', 'raid5', 'raid4']);
  expect(unused).toBe('<none>');
  const rows = arrays.map((array) => rowOf(array, unused, (name) => (name === 'chunk_size' ? '524288' : '')));
  expect(rows[0]).toMatchObject({
    device_name: 'md0',
    status: 'active',
    raid_level: 1,
    size: 1046528,
    raid_disks: 2,
    nr_raid_disks: 3,
    working_disks: 2,
    active_disks: 1,
    failed_disks: 1,
    spare_disks: 1,
    bitmap_on_mem: '0/1 pages [0KB]',
    bitmap_chunk_size: '65536KB chunk',
    bitmap_external_file: '/var/bitmap',
    recovery_progress: '',
    other: 'super 1.2',
    unused_devices: '<none>',
  });
  expect(rows[1]).toMatchObject({
    device_name: 'md1',
    raid_level: 5,
    chunk_size: 524288,
    recovery_progress: '12.6% (131840/1046528)',
    recovery_finish: '1.2min',
    recovery_speed: '11000K/sec',
    other: 'super 1.2 level 5, 512k chunk, algorithm 2',
  });
  expect(rows[2]).toMatchObject({ resync_progress: 'DELAYED', resync_finish: '', active_disks: 2 });
  expect(arrays[1]?.drives).toEqual([
    { name: 'sdf1', slot: 3, flags: '' },
    { name: 'sde1', slot: 1, flags: '' },
    { name: 'sdd1', slot: 0, flags: '' },
  ]);
});

it('is empty where there are no arrays', async () => {
  const ask = await openTables();
  const any = existsSync('/proc/mdstat');
  expect(ask('select name from md_personalities').length > 0 && !any).toBe(false);
  if (!any) expect([...ask('select * from md_devices'), ...ask('select * from md_drives')]).toEqual([]);
});
