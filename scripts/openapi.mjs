/** `npm run openapi`: writes openapi/openapi.json from the built server. With `-- --check` it only says whether the file is true. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './ensure-built.mjs';
import { writeOrCheck } from './generated.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Keys in order, so that a diff shows what changed and nothing else. Alternatives too: a type's come in the order in
 * which the compiler happened to meet them.
 */
function sorted(value, name) {
  if (Array.isArray(value)) return name === 'enum' ? [...value].sort() : value.map((item) => sorted(item));
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key], key)]));
}

await ensureBuilt(root);
const { describeApi } = await import(join(root, 'dist/src/openapi-document.js'));
const text = `${JSON.stringify(sorted(await describeApi()), null, 2)}\n`;

writeOrCheck(root, 'openapi/openapi.json', text, {
  served: 'the server serves',
  command: 'npm run openapi',
  wrote: `${Object.keys(JSON.parse(text).paths).length} paths`,
});
process.exit(0);
