/**
 * Whether `dist` belongs to the sources. `dist/.built` holds a digest of every source's path, size and mtime, taken
 * before the build: a source edited while it was being compiled, deleted, renamed or older than before (another
 * branch) is noticed, which "newest source against oldest output" would miss. Costs one stat per file.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['src', 'apps', 'libs'];
const files = ['nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'ormconfig.ts', 'scripts/bundle.mjs'];
/** What tsconfig.build.json leaves out. */
const notBuilt = (path) => path.endsWith('.spec.ts') || /^(libs|apps\/[^/]+(\/src)?)\/testing$/.test(path);

function* sources(root, folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (notBuilt(path) || entry.name === 'node_modules') continue;
    if (entry.isDirectory()) yield* sources(root, path);
    else if (/\.(ts|json)$/.test(entry.name)) yield path;
  }
}

function ifPresent(read) {
  try {
    return read();
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

export function sourceStamp(root) {
  const found = folders.flatMap((folder) => ifPresent(() => [...sources(root, folder)]) ?? []);
  const digest = createHash('sha1');
  for (const path of [...found, ...files].sort()) {
    const stat = ifPresent(() => statSync(join(root, path)));
    if (stat) digest.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  }
  return digest.digest('hex');
}

const stampFile = (root) => join(root, 'dist/.built');

/** The stamp of the sources that `dist` was built from; undefined when there is no complete build. */
export function builtStamp(root) {
  return ifPresent(() => readFileSync(stampFile(root), 'utf8').trim());
}

export function markBuilt(root, stamp = sourceStamp(root)) {
  const draft = `${stampFile(root)}.${process.pid}`;
  writeFileSync(draft, `${stamp}\n`);
  renameSync(draft, stampFile(root));
}

export function isUpToDate(root) {
  const built = builtStamp(root);
  return built !== undefined && built === sourceStamp(root);
}
