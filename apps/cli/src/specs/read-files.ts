import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { UsageError } from '../errors.js';
import { DocumentError } from './document.js';

export interface SourceText {
  /** As it was given; `standard input` for a pipe. */
  readonly file: string;
  readonly text: string;
}

const MEBIBYTE = 1024 * 1024;
const MAX_FILE_BYTES = 4 * MEBIBYTE;
/** What the server takes at once. */
const MAX_BYTES = 8 * MEBIBYTE;

/**
 * What stands in files, in directories (`*.yml` and `*.yaml`, by name) and, for `-`, in a pipe.
 * @throws UsageError naming what cannot be read, is too large or is not UTF-8
 */
export async function readSources(paths: readonly string[], stdin: Readable): Promise<SourceText[]> {
  const sources: SourceText[] = [];
  let total = 0;
  for (const path of await filesOf(paths)) {
    const file = path === '-' ? 'standard input' : path;
    const bytes = await readUpTo(path === '-' ? stdin : createReadStream(path), file);
    total += bytes.length;
    if (total > MAX_BYTES)
      throw new UsageError(
        `the files are larger than ${MAX_BYTES / MEBIBYTE} MiB together: apply them in parts`,
      );
    sources.push({ file, text: decode(bytes, file) });
  }
  return sources;
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  if (paths.filter((path) => path === '-').length > 1)
    throw new UsageError('standard input can be read only once: give -f - once');
  const files: string[] = [];
  for (const path of paths) {
    if (path === '-' || !(await isDirectory(path))) {
      files.push(path);
      continue;
    }
    const inside = (await readdir(path)).filter((name) => /\.ya?ml$/i.test(name)).sort();
    if (inside.length === 0) throw new UsageError(`${path} holds no file that ends in .yml or .yaml`);
    files.push(...inside.map((name) => join(path, name)));
  }
  return files;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** Reads no further than is allowed, so that a pipe without an end has one. */
async function readUpTo(stream: Readable, file: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of stream) {
      const bytes = Buffer.from(part as Buffer | string);
      length += bytes.length;
      if (length > MAX_FILE_BYTES) break;
      parts.push(bytes);
    }
  } catch (error) {
    throw cannotRead(file, error);
  }
  if (length > MAX_FILE_BYTES)
    throw new UsageError(
      `${file} is larger than ${MAX_FILE_BYTES / MEBIBYTE} MiB: split it into several files`,
    );
  return Buffer.concat(parts);
}

function decode(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return new TextDecoder('utf-8').decode(bytes);
  let [line, document, begun] = [0, 1, false];
  for (let start = 0, end = 0; end !== -1; start = end + 1) {
    end = bytes.indexOf(0x0a, start);
    const text = bytes.subarray(start, end === -1 ? undefined : end);
    line += 1;
    if (text.subarray(0, 3).equals(SEPARATOR)) document += begun ? 1 : 0;
    else begun ||= text.length > 0;
    if (!isUtf8(text)) break;
  }
  throw new DocumentError({ file, document, line }, 'not UTF-8: save the file in this encoding');
}

const SEPARATOR = Buffer.from('---');

function cannotRead(path: string, error: unknown): UsageError {
  return new UsageError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
}
