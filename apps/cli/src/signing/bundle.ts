import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { SignedStatement, type StatedRun } from '#libs/protocol/index';
import { boolean, list, number, optional, record, string, UnexpectedShape } from '../api/read.js';
import { CliError } from '../errors.js';
import { checkStatement, type Signable } from './signable.js';

/** What was signed, with all that it is about: for others, who sign it, too. */
export interface Bundle extends Signable {
  readonly statement: SignedStatement;
}

/** Writes a bundle, whole or not at all. */
export async function writeBundle(
  file: string,
  { run, content, stdin, hosts, statement }: Bundle,
): Promise<void> {
  const kept = {
    kind: run.kind,
    content: content.toString('base64'),
    stdin: stdin?.toString('base64') ?? null,
    arguments: run.arguments ?? [],
    env: run.env ?? {},
    cwd: run.cwd ?? null,
    user: run.user ?? null,
    clean_env: run.cleanEnv === true,
    lane: run.lane ?? (run.kind === 'script' ? 'serial' : 'parallel'),
    timeout_seconds: run.timeoutSeconds,
    hosts: hosts.map(({ uuid, hostname }) => ({ uuid, hostname })),
    statement,
  };
  const draft = `${file}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CliError(`cannot write ${file} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}

/**
 * Reads a bundle, and sees to it that its statement is of what it shows.
 * @throws CliError
 */
export async function readBundle(file: string): Promise<Bundle> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  try {
    const raw = record(JSON.parse(text), 'file');
    const bundle = { ...readSignable(raw, 'file'), statement: SignedStatement.parse(raw['statement']) };
    checkStatement(bundle.statement.statement, bundle);
    return bundle;
  } catch (error) {
    if (error instanceof CliError) throw new CliError(`${file}: ${error.message}`);
    const why = error instanceof UnexpectedShape ? ` (${error.message})` : '';
    throw new CliError(`${file} is nothing that --sign-to has written${why}`);
  }
}

/** What a review, or a bundle, says would run. */
export function readSignable(raw: Record<string, unknown>, at: string): Signable {
  const bytes = (key: string): Buffer => Buffer.from(string(raw[key], `${at}.${key}`), 'base64');
  const env = Object.entries(record(raw['env'], `${at}.env`)).map(
    ([name, each]) => [name, string(each, `${at}.env.${name}`)] as const,
  );
  return {
    run: {
      kind: string(raw['kind'], `${at}.kind`) as StatedRun['kind'],
      arguments: list(raw['arguments'], string, `${at}.arguments`),
      env: Object.fromEntries(env),
      cwd: optional(raw['cwd'], string, `${at}.cwd`),
      user: optional(raw['user'], string, `${at}.user`),
      cleanEnv: boolean(raw['clean_env'], `${at}.clean_env`),
      lane: string(raw['lane'], `${at}.lane`) as StatedRun['lane'],
      timeoutSeconds: number(raw['timeout_seconds'], `${at}.timeout_seconds`),
    },
    content: bytes('content'),
    stdin: raw['stdin'] === null ? null : bytes('stdin'),
    hosts: list(raw['hosts'], readStatedHost, `${at}.hosts`),
  };
}

function readStatedHost(value: unknown, at: string): Signable['hosts'][number] {
  const host = record(value, at);
  return { uuid: string(host['uuid'], `${at}.uuid`), hostname: string(host['hostname'], `${at}.hostname`) };
}
