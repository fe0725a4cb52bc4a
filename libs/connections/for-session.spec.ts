import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { type DataSource } from 'typeorm';
import { SelectorsService } from '#libs/agents/index';
import { Audit } from '#libs/platform/audit/index';
import { type Caller, type Role } from '#libs/platform/auth/index';
import { type Settings } from '#libs/platform/config/index';
import { connectDatabase, Database, dataSourceOptions } from '#libs/platform/database/index';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { ConnectionAgents } from './connection-agents.js';
import { ConnectionsRepository } from './connections.repository.js';
import { ConnectionsService } from './connections.service.js';
import { ConnectionGuardRails } from './guardrails/connection-guard-rails.js';
import { GuardRailsRepository } from './guardrails/guard-rails.repository.js';
import { ConnectionSecrets } from './secrets/connection-secrets.repository.js';
import { SecretsKeys } from './secrets/secrets-keys.js';

let testDatabase: TestDatabase;
let dataSource: DataSource;
let connections: ConnectionsService;

beforeAll(async () => {
  Logger.overrideLogger(false);
  testDatabase = await createTestDatabase();
  dataSource = await connectDatabase(dataSourceOptions(testDatabase.url, []));
  const database = new Database(dataSource);
  const keys = new SecretsKeys({ secretsKeys: [randomBytes(32)] } as unknown as Settings);
  keys.onModuleInit();
  const rules = new GuardRailsRepository(database);
  connections = new ConnectionsService(
    database,
    new ConnectionsRepository(database),
    new ConnectionSecrets(database, keys),
    new ConnectionGuardRails(rules),
    rules,
    new ConnectionAgents(database, new SelectorsService(database)),
    new Audit(database),
  );
  await dataSource.query(`INSERT INTO teams (name) VALUES ('one'), ('two')`);
  await dataSource.query(
    `INSERT INTO guardrails (id, name, team_id, attributes, input, output) VALUES
       (gen_random_uuid(), 'everybody', NULL, '{strict}', $1, '{"rules": []}'), (gen_random_uuid(), 'two', 2, '{strict}', $1, '{"rules": []}')`,
    [{ rules: [{ type: 'deny_words_list', words: ['x'], pattern_regex: '', message: 'no x' }] }],
  );
});
afterAll(async () => {
  await dataSource.destroy();
  await testDatabase.drop();
});

const caller = (roles: Role | [number, Role][]): Caller => ({
  userId: 1,
  email: 'somebody@example.com',
  globalRole: typeof roles === 'string' ? roles : null,
  teamRoles: new Map(typeof roles === 'string' ? [] : roles),
  rights: null,
  scope: null,
  sessionId: null,
  apiTokenId: null,
  mustResetPassword: false,
  address: '127.0.0.1',
});
const admin = caller('admin');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

it('hands out what a session has to know, and the secrets when they are opened', async () => {
  await connections.create(admin, {
    name: 'orders',
    type: 'database',
    subtype: 'postgres',
    agent_id: 'group:db',
    team_id: 1,
    secret: { 'envvar:HOST': base64('db'), 'envvar:PASS': base64('hunter2'), 'filesystem:CA': base64('\0') },
    reviewers: ['admin', 'dba'],
    redact_enabled: true,
    redact_types: ['EMAIL_ADDRESS', 'PERSON'],
    mask_types: ['card'],
    attributes: ['strict'],
    allowed_client_args: ['-x', '*'],
    output_cap_bytes: 2_147_483_648,
  });
  const { open, ...rest } = await connections.forSession(caller([[1, 'maintainer']]), 'orders');
  expect(rest).toMatchObject({
    name: 'orders',
    command: expect.arrayContaining(['psql']),
    agent: 'group:db',
    teamId: 1,
    execEnabled: true,
    timeoutSeconds: 3600,
    outputCapBytes: 2_147_483_648,
    allowedClientArgs: null,
    minApprovals: 2,
    maskTypes: ['card', 'email'],
    // That of another team is none of this connection's.
    guardrails: [{ guardRail: 'everybody', side: 'input', number: 1, words: ['x'], message: 'no x' }],
  });
  expect(JSON.stringify(rest)).not.toContain('hunter2');
  const { env, files, plain } = await open();
  expect(env).toEqual({ PASS: 'hunter2', PGPASSWORD: 'hunter2' });
  expect(plain).toEqual({ HOST: 'db', PGHOST: 'db' });
  expect(files).toEqual({ CA: Buffer.from('\0') });
});

it.each<[string, Caller, string]>([
  ['is not there', admin, 'nothing'],
  ['belongs to another team', caller([[2, 'admin']]), 'orders'],
  ['may not be used by this role', caller([[1, 'observer']]), 'orders'],
])('answers alike when it %s', async (_what, who, name) => {
  await expect(connections.forSession(who, name)).rejects.toMatchObject({
    code: 'invalid_unknown',
    message: `connection ${name} not found`,
  });
});

it('keeps one of two writes at the same time, and loses no secret', async () => {
  const name = 'contended';
  await connections.create(admin, { name, type: 'custom', agent_id: 'x' });
  const variables = Array.from({ length: 12 }, (_, i) => `envvar:A${i}`);
  await Promise.all(
    variables.map((variable) =>
      connections.modify(admin, name, { secret: { [variable]: base64(variable) } }),
    ),
  );
  expect(Object.keys((await connections.get(admin, name)).secret).sort()).toEqual([...variables].sort());
});
