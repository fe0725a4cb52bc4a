import { chmodSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ts from 'typescript';

const repository = path.resolve(import.meta.dirname, '../..');

/**
 * Compiles the modules of one folder of ours, and single further files, to a temporary directory that every user
 * can read, so that a plain `node` can run them without a build, also as another user. Returns that directory;
 * the caller removes it.
 */
export function compileFolder(folder: string, ...files: string[]): string {
  const target = mkdtempSync(path.join(tmpdir(), 'muster-compiled-'));
  chmodSync(target, 0o755);
  const modules = readdirSync(path.join(repository, folder))
    .filter((name) => /(?<!\.spec)\.ts$/.test(name))
    .map((name) => path.join(folder, name));
  for (const file of [...modules, ...files]) {
    const { outputText } = ts.transpileModule(readFileSync(path.join(repository, file), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    writeFileSync(path.join(target, path.basename(file, '.ts') + '.js'), outputText);
  }
  writeFileSync(path.join(target, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(repository, 'node_modules'), path.join(target, 'node_modules'));
  return target;
}
