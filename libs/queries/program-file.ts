import { createRequire } from 'node:module';
import path from 'node:path';

/** The file of a program that is built to be run by another (scripts/bundle.mjs), wherever this file is run from: from a bundle, or from its source in a test. */
export function programFile(name: string): string {
  const root = path.dirname(createRequire(import.meta.url).resolve('#package.json'));
  return path.join(root, 'dist/bundle', `${name}.mjs`);
}
