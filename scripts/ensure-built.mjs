/**
 * Builds the project when `dist` does not belong to the sources. Everything goes to stderr, so that a command's
 * output stays its own. Also a program: `node scripts/ensure-built.mjs [--force]`.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { withBuildLock } from './build-lock.mjs';
import { builtStamp, isUpToDate, markBuilt, sourceStamp } from './source-stamp.mjs';

const say = (text) => process.stderr.write(text);

function writable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resolves to what the compiler said when it failed, to undefined when it did not. */
function compile(root, nest) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [nest, 'build'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = [];
    child.stdout.on('data', (chunk) => said.push(chunk));
    child.stderr.on('data', (chunk) => said.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0 ? undefined : Buffer.concat(said).toString()));
  });
}

async function build(root, nest) {
  say('building… ');
  const before = sourceStamp(root);
  const began = performance.now();
  const failure = await compile(root, nest);
  if (failure !== undefined) {
    say(`\n${failure}`);
    throw new Error('the build failed (see above)');
  }
  const { bundle } = await import('./bundle.mjs');
  await bundle(root);
  markBuilt(root, before);
  say(`done in ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
}

export async function ensureBuilt(root, { force = false } = {}) {
  if (!force && isUpToDate(root)) return;

  const nest = join(root, 'node_modules/@nestjs/cli/bin/nest.js');
  const complete = builtStamp(root) !== undefined;
  if (!existsSync(nest)) {
    if (complete)
      return say(
        'the sources are newer than dist, and the build tools are not here: running what is built\n',
      );
    throw new Error('not built, and the build tools are not here: run `npm ci`');
  }
  if (!writable(root) || (existsSync(join(root, 'dist')) && !writable(join(root, 'dist')))) {
    if (complete)
      return say('the sources are newer than dist, which this user may not write: running what is built\n');
    throw new Error(`not built, and this user may not write to ${root}: build it once as its owner`);
  }
  await withBuildLock(
    root,
    () => say('waiting for another build…\n'),
    async () => {
      if (force || !isUpToDate(root)) await build(root, nest);
    },
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await ensureBuilt(dirname(dirname(fileURLToPath(import.meta.url))), {
      force: process.argv.includes('--force'),
    });
  } catch (error) {
    say(`${error.message}\n`);
    process.exitCode = 1;
  }
}
