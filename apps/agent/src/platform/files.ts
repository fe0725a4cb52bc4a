import * as fs from 'node:fs';
import * as path from 'node:path';

/** Makes a rename or a new name in a directory durable. */
export function syncDirectory(directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Replaces a file so that a crash leaves either the old or the new content, never a mixture. */
export function writeFileAtomically(file: string, content: string | Buffer, mode = 0o600): void {
  const temporary = `${file}.new`;
  const fd = fs.openSync(temporary, 'w', mode);
  try {
    fs.writeFileSync(fd, content);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, file);
  syncDirectory(path.dirname(file));
}

/** Content of a small text file, trimmed; empty when it cannot be read. */
export function readTextOr(file: string, fallback = ''): string {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return fallback;
  }
}

/** The `code` of a system error, or an empty string. */
export function errorCode(error: unknown): string {
  return textOf(error, 'code') ?? '';
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return textOf(error, 'message') ?? String(error);
}

// Not by `instanceof`: errors of the system may come from another realm (a test runner's, a worker's).
function textOf(error: unknown, name: 'code' | 'message'): string | null {
  if (typeof error !== 'object' || error === null) return null;
  const value = (error as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : null;
}
