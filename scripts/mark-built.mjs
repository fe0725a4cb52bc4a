/** After a build by hand: says which sources `dist` now belongs to. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markBuilt } from './source-stamp.mjs';

markBuilt(dirname(dirname(fileURLToPath(import.meta.url))));
