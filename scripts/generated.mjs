/** A generated file: written, or with `--check` on the command line only compared; the process fails where it is not true. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * @param root of the checkout
 * @param name of the file in it
 * @param text what has to be in it
 * @param words what the file has to agree with, the command that writes it, and what has been written
 */
export function writeOrCheck(root, name, text, { served, command, wrote }) {
  const file = join(root, name);
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(`wrote ${name} (${wrote})`);
    return;
  }
  let stored = '';
  try {
    stored = readFileSync(file, 'utf8');
  } catch {
    // said below
  }
  if (stored !== text) {
    console.error(`${name} is not what ${served}: run \`${command}\` and commit it`);
    process.exit(1);
  }
  console.log(`${name} is true`);
}
