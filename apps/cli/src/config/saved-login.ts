import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../errors.js';
import { optional, record, string } from '../api/read.js';

/** What `login` keeps between two calls. */
export interface SavedLogin {
  url: string;
  /** Absent after `logout`: the address is still worth remembering. */
  token?: string;
  email?: string;
  /** Absolute path of a PEM file. */
  ca?: string;
  insecure?: boolean;
}

export async function loadLogin(file: string): Promise<SavedLogin | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new CliError(`cannot read ${file} (${code ?? 'error'})`);
  }
  try {
    const saved = record(JSON.parse(text), 'file');
    return {
      url: string(saved['url'], 'url'),
      token: optional(saved['token'], string, 'token'),
      email: optional(saved['email'], string, 'email'),
      ca: optional(saved['ca'], string, 'ca'),
      insecure: saved['insecure'] === true,
    };
  } catch {
    throw new CliError(`${file} is damaged: run \`muster login\` to write it anew`);
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
export async function saveLogin(file: string, login: SavedLogin): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CliError(`cannot write ${file} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}
