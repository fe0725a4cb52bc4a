import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExportError, type KnownPlace, verifyExport } from '#libs/platform/audit/chain/index';
import { decodePublicKey, type PublicKey } from '#libs/protocol/index';
import { type AuditFilter, type AuditVerdict, readVerdict } from '../api/audit-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { line, printable, styled, write } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface AuditListOptions extends ConnectionOptions, AuditFilter {
  readonly limit?: number;
  readonly json?: boolean;
}

export interface AuditVerifyOptions extends ConnectionOptions {
  readonly from?: string;
  readonly publicKey?: readonly string[];
  readonly head?: string;
  readonly json?: boolean;
}

export interface AuditExportOptions extends ConnectionOptions {
  readonly after?: number;
  readonly output?: string;
}

const DEFAULT_LIMIT = 50;
const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'AT' },
  { title: 'WHO', least: 10 },
  { title: 'ACT', least: 10 },
  { title: 'OUTCOME' },
  { title: 'DETAILS', least: 10 },
];

/** Newest first. */
export function listAudit(context: Context, options: AuditListOptions): Promise<number> {
  const { limit = DEFAULT_LIMIT, json, act, outcome, user, host, execution, since, until } = options;
  return withApi(context, options, async (api) => {
    const { io } = context;
    const rows: string[][] = [];
    const filter = { act, outcome, user, host, execution, since, until };
    for await (const entry of api.audit.entries(filter, limit)) {
      if (json) await write(io.stdout, `${JSON.stringify(entry.raw)}\n`);
      else rows.push([String(entry.id), entry.at, entry.who, entry.act, entry.outcome, entry.details]);
    }
    if (json) return ExitCode.ok;
    if (rows.length === 0) line(io.stderr, 'nothing of the kind in the record');
    else line(io.stdout, renderTable(io, columns, rows));
    return ExitCode.ok;
  });
}

/** The server's own record, or an export. */
export async function verifyAudit(context: Context, options: AuditVerifyOptions): Promise<number> {
  const { from, head, json, publicKey } = options;
  if (from === undefined && publicKey !== undefined)
    throw new UsageError('--public-key goes with --from: the server knows its own keys');
  const verdict =
    from === undefined
      ? await withApi(context, options, (api) => api.audit.verify(head))
      : await verifyFile(context, from, options);
  if (json) line(context.io.stdout, JSON.stringify(verdict.raw, null, 2));
  else tell(context, verdict);
  return verdict.ok ? ExitCode.ok : ExitCode.failure;
}

async function verifyFile(
  context: Context,
  from: string,
  options: AuditVerifyOptions,
): Promise<AuditVerdict> {
  const keys = options.publicKey
    ? await Promise.all(options.publicKey.map(givenKey))
    : await withApi(context, options, async (api) =>
        (await api.audit.head()).keys.map(({ publicKey }) => decoded(publicKey, 'the server')),
      );
  const source: Readable = from === '-' ? context.io.stdin : createReadStream(from);
  try {
    return readVerdict(await verifyExport(source, keys, known(options.head)));
  } catch (error) {
    if (error instanceof ExportError) throw new CliError(`${from}: ${error.message}`);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new CliError(`cannot read ${from} (${code})`);
  }
}

function known(head: string | undefined): KnownPlace[] {
  const [seal, digest] = head?.split(':') ?? [];
  return seal === undefined || digest === undefined ? [] : [{ seal: Number(seal), digest }];
}

/** A key as it was typed, or the file that holds it. */
async function givenKey(text: string): Promise<PublicKey> {
  const key = decodePublicKey(text);
  if (key) return key;
  let file: string;
  try {
    file = await readFile(text, 'utf8');
  } catch {
    throw new UsageError(
      `--public-key ${text} is neither an Ed25519 public key in base64 nor a file with one`,
    );
  }
  return decoded(file, text);
}

function decoded(text: string, where: string): PublicKey {
  const key = decodePublicKey(text);
  if (!key) throw new CliError(`${where} gave no Ed25519 public key`);
  return key;
}

function tell({ io }: Context, verdict: AuditVerdict): void {
  const { ok, rows, seals, problems, problemCount, firstPosition, end, lastSealedAt } = verdict;
  const from = firstPosition > 1 ? `, from position ${firstPosition} on (what came before is forgotten)` : '';
  if (ok)
    line(
      io.stdout,
      `${styled(io, io.stdout, 'green', 'whole')}: ${rows} rows in ${seals} seals are as they were sealed${from}`,
    );
  else
    line(
      io.stdout,
      `${styled(io, io.stdout, 'red', 'NOT whole')}: ${problemCount === 1 ? 'one problem' : `${problemCount} problems`} in ${rows} rows and ${seals} seals${from}`,
    );
  problems.forEach((problem, i) =>
    line(io.stdout, printable(`${i === 0 ? 'first: ' : '       '}${problem}`)),
  );
  if (verdict.sealedLate > 0)
    line(
      io.stdout,
      `${verdict.sealedLate} rows were sealed more than five minutes after they say they were written (the first: row ${verdict.firstSealedLate}): the server was away then, or somebody put them in`,
    );
  if (end.seal > 0)
    line(io.stdout, `ends with seal ${end.seal}:${end.digest}${lastSealedAt ? `, of ${lastSealedAt}` : ''}`);
}

export function exportAudit(context: Context, options: AuditExportOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const response = await api.audit.export(options.after);
    if (options.output === undefined) {
      for await (const part of response) await write(context.io.stdout, part as Buffer);
    } else {
      try {
        await pipeline(response, createWriteStream(options.output, { mode: 0o600 }));
      } catch (error) {
        throw new CliError(
          `cannot write ${options.output} (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
        );
      }
    }
    return ExitCode.ok;
  });
}

export function auditHead(
  context: Context,
  options: ConnectionOptions & { json?: boolean },
): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { seal, digest, keys, raw } = await api.audit.head();
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else {
      line(io.stdout, `${seal}:${digest}`);
      for (const { id, publicKey } of keys) line(io.stdout, printable(`key ${id} ${publicKey}`));
    }
    return ExitCode.ok;
  });
}
