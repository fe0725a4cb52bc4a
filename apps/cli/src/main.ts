import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from './config/environment.js';
import { run } from './program.js';
import { processIo } from './terminal/io.js';

/** From the package that this file belongs to, built or not. */
function readVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

const environment = readEnvironment();
process.exitCode = await run(
  process.argv.slice(2),
  { io: processIo(environment.color), environment },
  readVersion(),
);
