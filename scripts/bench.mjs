/** `npm run bench [-- NAME…]`: builds what is not built and runs bench/NAME.mjs, all of them without a name. */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const all = readdirSync(join(root, 'bench'))
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => name.slice(0, -'.mjs'.length))
  .sort();
const names = process.argv.slice(2).length > 0 ? process.argv.slice(2) : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${all.join(', ')}`);
  process.exit(2);
}

await ensureBuilt(root);
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}; load generator on the same machine`,
);
for (const name of names) {
  console.log(`\n${name}`);
  const { run } = await import(join(root, 'bench', `${name}.mjs`));
  await run(root);
}
process.exit(0);
