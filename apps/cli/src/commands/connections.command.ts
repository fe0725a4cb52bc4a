import { type Connection, type ConnectionFilter } from '../api/connections-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { readConnections, documentOf } from '../connections/connection-document.js';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { placeText } from '../specs/document.js';
import { readSources } from '../specs/read-files.js';
import { toYaml } from '../specs/write-documents.js';
import { type Io, line, printable, write } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface ConnectionsOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export interface ListConnectionsOptions extends ConnectionsOptions, ConnectionFilter {}

export interface GetConnectionOptions extends ConnectionsOptions {
  readonly yaml?: boolean;
}

export interface ApplyConnectionsOptions extends ConnectionsOptions {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
}

const columns: readonly Column[] = [
  { title: 'NAME', least: 10 },
  { title: 'TYPE', least: 8 },
  { title: 'RUNS ON', least: 8 },
  { title: 'STATUS' },
  { title: 'REVIEWERS', least: 9 },
  { title: 'COMMAND', least: 8 },
];

/** By name. */
export function listConnections(context: Context, options: ListConnectionsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const found = await api.connections.list(options);
    if (options.json) {
      const raw = found.map((each) => each.raw);
      line(io.stdout, JSON.stringify(raw, null, 2));
    } else if (found.length === 0) line(io.stderr, 'no connection');
    else line(io.stdout, renderTable(io, columns, found.map(rowOf)));
    return ExitCode.ok;
  });
}

function rowOf({ name, type, subtype, agent, status, reviewers, command }: Connection): string[] {
  return [name, subtype || type, agent, status ?? '', reviewers.join(', '), command.join(' ')];
}

export function getConnection(
  context: Context,
  name: string,
  options: GetConnectionOptions,
): Promise<number> {
  if (options.yaml && options.json) throw new UsageError('--yaml or --json: one of them');
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { raw } = await api.connections.get(name);
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else if (options.yaml) await write(io.stdout, toYaml(documentOf(raw)));
    else tellConnection(io, raw);
    return ExitCode.ok;
  });
}

/** What is set, a line each; secrets by name. */
function tellConnection(io: Io, raw: Readonly<Record<string, unknown>>): void {
  const { spec } = documentOf(raw);
  const secrets = Object.keys(raw['secret'] ?? {}).join(', ');
  const facts: [string, unknown][] = [
    ...Object.entries(spec),
    ['secrets', secrets],
    ['status', raw['status']],
    ['updated_at', raw['updated_at']],
  ];
  const width = Math.max(...facts.map(([key]) => key.length));
  for (const [key, value] of facts) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (text && text !== 'null') line(io.stdout, `${key.padEnd(width)}  ${printable(text)}`);
  }
}

/** Makes connections what files say. */
export async function applyConnections(context: Context, options: ApplyConnectionsOptions): Promise<number> {
  const { io } = context;
  const documents = await readConnections(
    await readSources(options.file, io.stdin),
    context.environment.variable,
  );
  if (documents.length === 0) throw new UsageError('the files hold no connection');
  return withApi(context, options, async (api) => {
    const applied: unknown[] = [];
    for (const { name, fields, place } of documents) {
      if (options.dryRun) {
        if (!options.json) line(io.stdout, printable(`${name} would be applied`));
        continue;
      }
      try {
        const { created, connection } = await api.connections.put(name, fields);
        applied.push(connection.raw);
        if (!options.json) line(io.stdout, printable(`${created ? 'created' : 'updated'} ${name}`));
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        throw new CliError(`${name}: ${error.message} (${placeText(place)})`, error.exitCode);
      }
    }
    if (options.json) line(io.stdout, JSON.stringify(applied, null, 2));
    return ExitCode.ok;
  });
}

export function deleteConnection(
  context: Context,
  name: string,
  options: ConnectionsOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    await api.connections.remove(name);
    line(context.io.stdout, options.json ? '{}' : printable(`deleted ${name}`));
    return ExitCode.ok;
  });
}

/** Whether a session through it would work. */
export function testConnection(context: Context, name: string, options: ConnectionsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const progress = new Progress(context.io, options.json === true);
    progress.show(`trying ${name}…`);
    try {
      await api.connections.test(name);
    } finally {
      progress.clear();
    }
    line(context.io.stdout, options.json ? '{ "success": true }' : printable(`${name} works`));
    return ExitCode.ok;
  });
}
