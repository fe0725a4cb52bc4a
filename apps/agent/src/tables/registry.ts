import { type Table } from './engine/table.js';
import { file } from './linux/file.js';
import { hash } from './linux/hash.js';
import { processes } from './linux/processes.js';

/** Every table that is served somewhere, in the order of their names. */
export const TABLES: readonly Table[] = [file, hash, processes];
