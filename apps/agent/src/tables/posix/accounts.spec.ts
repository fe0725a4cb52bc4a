import { parseAccount, parseGroup } from './accounts.js';

it('reads lines of passwd and group, and passes over what is none', () => {
  expect(parseAccount('lee:x:4294967294:100:Lee, room 1:/home/lee:/bin/zsh')).toEqual({
    username: 'lee',
    uid: 4294967294,
    gid: 100,
    description: 'Lee, room 1',
    directory: '/home/lee',
    shell: '/bin/zsh',
  });
  for (const line of ['', '+::::::', '#lee:x:1:1', 'lee', 'lee:x:a:1:::', '-lee:x:1:1:::'])
    expect(parseAccount(line)).toBeNull();
  expect(parseGroup('staff:x:50:lee,kim')).toEqual({ groupname: 'staff', gid: 50, members: ['lee', 'kim'] });
  expect(parseGroup('empty:x:51:')?.members).toEqual([]);
  expect(parseGroup('+')).toBeNull();
});
