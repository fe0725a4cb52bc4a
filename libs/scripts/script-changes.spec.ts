import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { Audit } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import {
  connectDatabase,
  Database,
  dataSourceOptions,
  type Transaction,
} from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { ContentsService } from './contents.service.js';
import { TeamRemovals } from '#libs/sessions/index';
import { ScriptChanges } from './script-changes.js';
import { ScriptSetsService } from './script-sets.service.js';
import { ScriptsRepository } from './scripts.repository.js';
import { ScriptsService } from './scripts.service.js';

const admin: Caller = {
  userId: 1,
  email: 'admin@example.com',
  globalRole: 'admin',
  teamRoles: new Map(),
  rights: null,
  scope: null,
  sessionId: 1,
  apiTokenId: null,
  address: '',
  mustResetPassword: false,
};

let testDatabase: TestDatabase;
let dataSource: DataSource;
let scripts: ScriptsService;
let sets: ScriptSetsService;
let listener: (tx: Transaction, ids: readonly number[]) => Promise<void>;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  const database = new Database(dataSource);
  const changes = new ScriptChanges();
  const others = [
    new ScriptsRepository(database),
    new ContentsService(database),
    changes,
    new Audit(database),
  ] as const;
  scripts = new ScriptsService(database, ...others);
  sets = new ScriptSetsService(database, ...others, new TeamRemovals());
  changes.listen((tx, ids) => listener(tx, ids));
});

afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

let told: number[][];
beforeEach(() => {
  told = [];
  listener = async (tx, ids) => {
    told.push([...ids]);
    // What is withdrawn can still be found by its id.
    const rows = await tx.query<{ id: number }>(
      { text: 'SELECT id FROM scripts WHERE id = ANY($1::int[])' },
      [ids],
    );
    expect(rows).toHaveLength(ids.length);
  };
});

const bytes = (text: string) => Buffer.from(text);
const add = (name: string) => scripts.add(admin, null, name, bytes('echo old'));

describe('who listens to changes of scripts', () => {
  it('hears of one that is replaced by something else, or deleted', async () => {
    const id = await add('one.sh');
    await scripts.replace(admin, id, bytes('echo old'));
    expect(told).toEqual([]);
    await scripts.replace(admin, id, bytes('echo new'));
    expect(told).toEqual([[id]]);
    await scripts.remove(admin, id);
    expect(told).toEqual([[id], [id]]);
  });

  it('hears of those of a set that are replaced or gone, not of those that stay or get another name', async () => {
    await sets.replace(admin, {}, [], false);
    told = [];
    const [same, changed, gone, renamed] = [
      await add('a.sh'),
      await add('b.sh'),
      await add('c.sh'),
      await add('d.sh'),
    ];
    const set = [
      { name: 'a.sh', contents: bytes('echo old') },
      { name: 'b.sh', contents: bytes('echo new') },
      { name: 'D.sh', contents: bytes('echo old') },
      { name: 'e.sh', contents: bytes('echo new') },
    ];
    await sets.replace(admin, {}, set, true);
    expect(told).toEqual([]);
    const left = await sets.replace(admin, {}, set, false);
    expect(told).toEqual([[changed, gone]]);
    expect(left.map(({ id }) => id).slice(0, 3)).toEqual([same, changed, renamed]);
  });

  it('can keep it from happening: nothing of it is left', async () => {
    const id = await add('kept.sh');
    const before = await scripts.find(id);
    listener = () => Promise.reject(new Error('not now'));
    await expect(scripts.replace(admin, id, bytes('echo other'))).rejects.toThrow('not now');
    await expect(scripts.remove(admin, id)).rejects.toThrow('not now');
    await expect(sets.replace(admin, {}, [], false)).rejects.toThrow('not now');
    expect(await scripts.find(id)).toEqual(before);
    const acts = await dataSource.query<{ act: string }[]>(
      "SELECT act FROM audit WHERE details->>'script_name' = 'kept.sh'",
    );
    expect(acts).toEqual([{ act: 'added_script' }]);
  });
});
