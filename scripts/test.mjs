/** `npm test [-- jest's arguments]`: builds what is not built, runs every test, ends with one line of numbers. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
const report = join(folder, 'jest.json');

/** Jest's exit code, or what a shell would say of its signal. */
function jest(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...args], {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules`.trim(),
      },
    });
    // Ctrl-C reaches jest by itself; it tidies up, and its end is ours.
    const forward = (signal) => signal === 'SIGTERM' && child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return undefined;
  }
}

try {
  await ensureBuilt(root);
  let code = await jest([...process.argv.slice(2), '--json', '--outputFile', report]);
  const result = readReport();
  if (result) {
    // A file that does not even load has no failed test, but it has failed.
    const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
    if (code === 0 && (failed > 0 || !result.success)) code = 1;
    console.log(`${result.numPassedTests} passed, ${failed} failed`);
  }
  process.exitCode = code;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
