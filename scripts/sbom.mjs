/** `npm run sbom [-- FILE]`: what Muster is made of when it runs, as CycloneDX; by npm's own reading of the lock file. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [file = 'sbom.cdx.json'] = process.argv.slice(2);
const { status, stdout, stderr } = spawnSync(
  'npm',
  ['sbom', '--package-lock-only', '--omit=dev', '--sbom-format=cyclonedx', '--sbom-type=application'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' },
);
if (status !== 0) {
  process.stderr.write(stderr);
  process.exit(1);
}
const { bomFormat, specVersion, components } = JSON.parse(stdout);
writeFileSync(file, stdout);
console.log(`${file}: ${bomFormat} ${specVersion}, ${components.length} components`);
