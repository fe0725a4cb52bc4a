/** Builds what is not built, then hands over to the server, the agent, the swarm or the command line. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** In a checkout only: an image carries `dist` without sources, and `up` has just checked for its children. */
async function build() {
  if (process.env.MUSTER_NO_BUILD === '1' || !existsSync(`${root}/src`)) return;
  if (!existsSync(`${root}/scripts/ensure-built.mjs`)) return;
  // First the cheap look: this stands before every command.
  const { isUpToDate } = await import('../scripts/source-stamp.mjs');
  if (isUpToDate(root)) return;
  const { ensureBuilt } = await import('../scripts/ensure-built.mjs');
  await ensureBuilt(root);
}

try {
  await build();
} catch (error) {
  process.stderr.write(`muster: ${error.message}\n`);
  process.exit(1);
}

const [word, ...rest] = process.argv.slice(2);
const asksForHelp = rest.includes('--help') || rest.includes('-h');
const name = word === 'agent' || word === 'swarm' || (word === 'server' && !asksForHelp) ? word : 'cli';
const entry = `${root}/dist/bundle/${name}.mjs`;
if (!existsSync(entry)) {
  process.stderr.write(
    'muster: not built, and the build tools are not here: run `npm ci && npm run build`\n',
  );
  process.exit(1);
}
await import(pathToFileURL(entry).href);
