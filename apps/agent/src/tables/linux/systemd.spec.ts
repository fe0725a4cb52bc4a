import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTables, program } from '../testing.js';
import { desktopItems, scriptItems } from './startup-items.js';
import { objectPath, parseUnits, unitsOfFiles } from './systemd.js';

const scan = { warn: (): void => undefined };
let root: string;

beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'muster-systemd-'));
});

afterAll(() => fs.rmSync(root, { recursive: true }));

it('reads what systemctl shows', () => {
  const text = `Following=
User=postgres
Id=postgresql@15-main.service
Description=PostgreSQL = a database
LoadState=loaded
ActiveState=active
SubState=running
FragmentPath=/lib/systemd/system/postgresql@.service
SourcePath=
UnitFileState=enabled-runtime
Job=17

Id=-.mount
LoadState=loaded
`;
  expect([...parseUnits(text)]).toEqual([
    {
      id: 'postgresql@15-main.service',
      description: 'PostgreSQL = a database',
      loadState: 'loaded',
      activeState: 'active',
      subState: 'running',
      unitFileState: 'enabled-runtime',
      following: '',
      fragmentPath: '/lib/systemd/system/postgresql@.service',
      user: 'postgres',
      sourcePath: '',
      job: 17,
    },
    expect.objectContaining({ id: '-.mount', job: 0, user: '' }),
  ]);
  expect([...parseUnits('')]).toEqual([]);
});

it('names objects on the bus', () => {
  expect(objectPath('-.mount')).toBe('/org/freedesktop/systemd1/unit/_2d_2emount');
  expect(objectPath('0a.b@1.service')).toBe('/org/freedesktop/systemd1/unit/_30a_2eb_401_2eservice');
});

it('reads unit files: masked, enabled, disabled, static, and no other names', () => {
  const [etc, run, lib] = ['etc', 'run', 'lib'].map((name) => join(root, name)) as [string, string, string];
  for (const directory of [join(etc, 'multi-user.target.wants'), run, lib])
    fs.mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => fs.writeFileSync(join(lib, name), text);
  const install = '[Install]\nWantedBy=multi-user.target\n';
  write('on.service', `[Unit]\nDescription=It is on\n# no\n[Service]\nUser=lee\n${install}`);
  write('off.service', `[Unit]\nDescription=It is off\n${install}`);
  write('plain.target', '[Unit]\nDescription=Plain\n');
  write('with.socket', '[Unit]\nDescription=With\n[Install]\nAlso=on.service\n');
  write('template@.service', install);
  write('hidden.service', install);
  fs.symlinkSync('on.service', join(lib, 'other-name.service'));
  fs.symlinkSync('/dev/null', join(etc, 'hidden.service'));
  fs.symlinkSync('nowhere', join(etc, 'dangling.service'));
  fs.symlinkSync(join(lib, 'on.service'), join(etc, 'multi-user.target.wants/on.service'));
  const units = [...unitsOfFiles([etc, run, lib], scan)];
  expect(units.map(({ id, loadState, unitFileState }) => [id, loadState, unitFileState])).toEqual([
    ['hidden.service', 'masked', 'masked'],
    ['off.service', 'loaded', 'disabled'],
    ['on.service', 'loaded', 'enabled'],
    ['plain.target', 'loaded', 'static'],
    ['with.socket', 'loaded', 'indirect'],
  ]);
  expect(units[2]).toMatchObject({ description: 'It is on', user: 'lee', fragmentPath: `${lib}/on.service` });
});

it('knows the units that systemctl knows', async () => {
  const ask = await openTables();
  const rows = ask('select id, unit_file_state as state from systemd_units');
  const running = fs.existsSync('/run/systemd/system');
  const known = running
    ? program('systemctl', 'list-units', '--all', '--no-legend', '--no-pager', '--plain')
    : program('systemctl', '--root=/', 'list-unit-files', '--no-legend', '--no-pager');
  if (known === null) return;
  const lines = known.map((line) => line.trim().split(/\s+/));
  if (running) {
    expect(rows.length).toBeGreaterThan(lines.length / 2);
    return;
  }
  const wanted = lines.filter(([id = '', state]) => state !== 'alias' && !/@\.|\.(scope|device)$/.test(id));
  expect(rows.map((row) => [row['id'], row['state']]).sort()).toEqual(
    wanted.map(([id, state]) => [id, state]).sort(),
  );
});

it('knows what starts by itself', async () => {
  fs.mkdirSync(join(root, 'autostart/directory'), { recursive: true });
  const directory = `${root}/autostart/`;
  fs.writeFileSync(
    join(directory, 'a.desktop'),
    '[Desktop Entry]\nName=A thing\nName[de]=Ein Ding\nExec=/usr/bin/a --b=c\n[Desktop Action x]\nName=X\nExec=x',
  );
  fs.writeFileSync(join(directory, 'b.sh'), '');
  const common = { args: '', type: 'Startup Item', status: 'enabled', source: directory, username: 'lee' };
  expect([...desktopItems(directory, 'lee', scan)]).toEqual([
    { name: 'A thing', path: '/usr/bin/a --b=c', ...common },
    { name: '', path: '', ...common },
  ]);
  expect([...scriptItems(directory, 'lee', scan)].map((row) => row['name'])).toEqual(['a.desktop', 'b.sh']);
  const ask = await openTables();
  const scripts = program('find', '/etc/init.d/', '-maxdepth', '1', '-xtype', 'f') ?? [];
  expect(
    ask("select path from startup_items where source = '/etc/init.d/'").map((row) => row['path']),
  ).toEqual(scripts.sort());
  const count = ask('select count(*) as n from systemd_units')[0]?.['n'];
  expect(ask("select count(*) as n from startup_items where type = 'systemd unit'")).toEqual([{ n: count }]);
});
