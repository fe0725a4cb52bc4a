import { readFile } from 'node:fs/promises';
import { type RegisteredKey } from '../api/keys-api.js';
import { type MusterApi } from '../api/muster-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode } from '../errors.js';
import { type SigningOptions } from '../signing/options.js';
import { KeyStore } from '../signing/key-store.js';
import { line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface KeysOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export interface AddKeyOptions extends KeysOptions {
  /** PEM file of a private key that is there already. */
  readonly file?: string;
}

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'NAME', least: 8 },
  { title: 'OF', least: 8 },
  { title: 'PUBLIC KEY' },
  { title: 'STATUS' },
];

/** Makes a key, or takes one, keeps its private half here and registers the public one. */
export function addKey(context: Context, name: string, options: AddKeyOptions): Promise<number> {
  const { io, environment } = context;
  return withApi(context, options, async (api) => {
    const store = new KeyStore(environment);
    const made = await store.add(
      name,
      options.file === undefined ? undefined : await readKeyFile(options.file),
    );
    let key: RegisteredKey;
    try {
      key = await api.keys.add(name, made.publicKey);
    } catch (error) {
      // A new one that nobody knows is of no use; one that came from elsewhere is still there.
      await store.remove(name);
      throw error;
    }
    if (options.json) line(io.stdout, JSON.stringify(key.raw, null, 2));
    else {
      line(io.stdout, `${key.id}  ${key.publicKey}`);
      line(io.stderr, 'hosts believe it once their policy names it:');
      line(
        io.stderr,
        `  signatures:\n    signers:\n      - { name: ${JSON.stringify(key.email)}, key: "${key.publicKey}" }`,
      );
    }
    return ExitCode.ok;
  });
}

/** One's own keys; for administrators everybody's. */
export function listKeys(context: Context, options: KeysOptions): Promise<number> {
  const { io, environment } = context;
  return withApi(context, options, async (api) => {
    const [keys, here] = await Promise.all([api.keys.list(), new KeyStore(environment).all()]);
    if (options.json)
      line(
        io.stdout,
        JSON.stringify(
          keys.map(({ raw }) => raw),
          null,
          2,
        ),
      );
    else if (keys.length === 0) line(io.stderr, 'no key: make one with `muster keys add NAME`');
    else {
      const status = (key: RegisteredKey): string =>
        key.revoked !== undefined ? `revoked ${key.revoked}` : here.has(key.id) ? 'private half is here' : '';
      const rows = keys.map((key) => [key.id, key.name, key.email, key.publicKey, status(key)]);
      line(io.stdout, renderTable(io, columns, rows));
    }
    return ExitCode.ok;
  });
}

/** @param which name or id */
export function showKey(context: Context, which: string, options: KeysOptions): Promise<number> {
  const { io } = context;
  return withApi(context, options, async (api) => {
    const key = await keyNamed(api, which);
    if (options.json) line(io.stdout, JSON.stringify(key.raw, null, 2));
    else {
      const facts: [string, string | undefined][] = [
        ['id', key.id],
        ['name', key.name],
        ['of', key.email],
        ['public key', key.publicKey],
        ['since', key.created],
        ['revoked', key.revoked],
      ];
      for (const [name, value] of facts)
        if (value !== undefined) line(io.stdout, `${name.padEnd(10)}  ${printable(value)}`);
    }
    return ExitCode.ok;
  });
}

/** @param which name or id */
export function revokeKey(context: Context, which: string, options: KeysOptions): Promise<number> {
  const { io } = context;
  return withApi(context, options, async (api) => {
    const key = await keyNamed(api, which);
    await api.keys.revoke(key.id);
    if (options.json) line(io.stdout, JSON.stringify(await keyNamed(api, key.id), null, 2));
    else {
      line(io.stdout, printable(`${key.id} (${key.name} of ${key.email}) is revoked`));
      line(
        io.stderr,
        'the server takes no signature of it any more; hosts whose policy names it do, until that is changed',
      );
    }
    return ExitCode.ok;
  });
}

/** Adds a signature to what somebody else has signed into a file. */
export async function signFile(context: Context, file: string, options: SigningOptions): Promise<number> {
  const { signBundle } = await import('../signing/sign.js');
  const { statement } = await signBundle(context, options, file);
  line(context.io.stdout, `${file}: signed by ${statement.signatures.map(({ key }) => key).join(', ')}`);
  return ExitCode.ok;
}

/** By its id; by its name where only one that is good bears it. */
async function keyNamed(api: MusterApi, which: string): Promise<RegisteredKey> {
  const keys = await api.keys.list();
  const byId = keys.find(({ id }) => id === which);
  if (byId) return byId;
  const named = keys.filter(({ name }) => name === which);
  const good = named.filter(({ revoked }) => revoked === undefined);
  const found = good.length > 0 ? good : named;
  const [only] = found;
  if (only === undefined) throw new CliError(`there is no key ${which}`);
  if (found.length > 1)
    throw new CliError(
      `several keys are called ${which}: ${found.map(({ id, email }) => `${id} of ${email}`).join(', ')}`,
    );
  return only;
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}
