import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { OwnerOptions } from './embedded-owner.js';

/** Durability is not what most tests are about (the specs of the embedded database keep it on); speed is. */
const FLAGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'];

/** Copied for each database of a test (`createTestDatabase`): migrations took a third of a server's first start. */
const TEMPLATE = 'muster_template';
/** Who runs single specs without a build goes without it. */
const SCHEMA = path.resolve(import.meta.dirname, '../../dist/libs/platform/database/index.js');

/** Where the owner of the database is left for global teardown. */
const OWNER = Symbol.for('muster.test-database');

/**
 * One PostgreSQL for the whole run, unless MUSTER_TEST_DATABASE_URL names one; the workers inherit that variable.
 *
 * Jest loads this file outside its module system, as CommonJS and without moduleNameMapper, so a relative `.js`
 * import would not find its `.ts`. The database therefore lives in a process of its own, compiled for it; that
 * process also tidies up when jest itself is killed.
 */
export default async function globalSetup(): Promise<void> {
  if (process.env.MUSTER_TEST_DATABASE_URL) return;
  const { compileFolder } = createRequire(import.meta.url)('./compiled.ts') as typeof import('./compiled.js');
  const directory = compileFolder('libs/platform/database/embedded', 'libs/testing/embedded-owner.ts');
  const options: OwnerOptions = {
    dataDir: path.join(directory, 'postgres'),
    flags: FLAGS.flatMap((flag) => ['-c', flag]),
    remove: directory,
    ...(existsSync(SCHEMA) && { template: { name: TEMPLATE, module: SCHEMA } }),
  };
  const owner = spawn(
    process.execPath,
    [path.join(directory, 'embedded-owner.js'), path.join(directory, 'index.js'), JSON.stringify(options)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [line] = (await Promise.race([
    once(createInterface({ input: owner.stdout }), 'line'),
    once(owner, 'exit').then(() => ['{ "error": "its process ended" }']),
  ])) as [string];
  const { url, error } = JSON.parse(line) as { url?: string; error?: string };
  if (url === undefined) throw new Error(`The test database did not start: ${error ?? 'no answer'}`);
  process.env.MUSTER_TEST_DATABASE_URL = url;
  if (options.template) process.env.MUSTER_TEST_DATABASE_TEMPLATE = TEMPLATE;
  (globalThis as { [OWNER]?: ChildProcess })[OWNER] = owner;
}
