/** `npm run migration:check`: applies every migration to an empty database and asks TypeORM whether the entities want anything else. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
await ensureBuilt(root);
const { startEmbeddedPostgres } = await import(join(root, 'dist/libs/platform/database/embedded/index.js'));
const { connectDatabase, dataSourceOptions } = await import(
  join(root, 'dist/libs/platform/database/index.js')
);
const { ENTITIES } = await import(join(root, 'dist/src/entities.js'));

const folder = mkdtempSync(join(tmpdir(), 'muster-migrations-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log: () => undefined });
let wanted;
try {
  const dataSource = await connectDatabase(dataSourceOptions(postgres.url, ENTITIES));
  wanted = (await dataSource.driver.createSchemaBuilder().log()).upQueries.map((q) => q.query);
  await dataSource.undoLastMigration();
  await dataSource.runMigrations({ transaction: 'each' });
  await dataSource.destroy();
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
if (wanted.length > 0) {
  console.error(`the entities want what no migration makes:\n${wanted.join('\n')}`);
  process.exit(1);
}
console.log('migrations and entities agree; the last migration can be undone and done again');
process.exit(0);
