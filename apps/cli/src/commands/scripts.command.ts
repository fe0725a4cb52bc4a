import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Script } from '../api/shapes.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError } from '../errors.js';
import { line, printable, write } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface ScriptsOptions extends ConnectionOptions {
  readonly team?: number;
  readonly json?: boolean;
}

export interface GetScriptOptions extends ConnectionOptions {
  readonly contents?: boolean;
  readonly json?: boolean;
}

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'NAME', least: 16 },
  { title: 'UPDATED', least: 10 },
];

export function listScripts(context: Context, options: ScriptsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const found = await api.scripts(options.team);
    if (options.json) {
      line(io.stdout, JSON.stringify({ scripts: found.map((script) => script.raw) }, null, 2));
    } else if (found.length === 0) {
      const whose = options.team === undefined ? 'for hosts of no team' : `of team ${options.team}`;
      line(io.stderr, `no saved script ${whose}: \`muster scripts add FILE\` makes one`);
    } else {
      const rows = found.map((script) => [String(script.id), script.name, script.updatedAt]);
      line(io.stdout, renderTable(io, columns, rows));
    }
    return 0;
  });
}

export async function addScript(context: Context, file: string, options: ScriptsOptions): Promise<number> {
  const contents = await readScript(file);
  return withApi(context, options, async (api) => {
    const { io } = context;
    const id = await api.addScript(basename(file), contents, options.team);
    if (options.json) line(io.stdout, JSON.stringify({ script_id: id }, null, 2));
    else line(io.stdout, printable(`added ${basename(file)} as script ${id}`));
    return 0;
  });
}

export function getScript(context: Context, id: number, options: GetScriptOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    if (!options.contents) {
      tell(context, await api.script(id), options.json === true);
      return 0;
    }
    if (options.json) {
      const script = await api.script(id);
      const parts: Buffer[] = [];
      for await (const part of await api.scriptContents(id)) parts.push(part as Buffer);
      const whole = { ...script.raw, contents: Buffer.concat(parts).toString('utf8') };
      line(io.stdout, JSON.stringify(whole, null, 2));
      return 0;
    }
    for await (const part of await api.scriptContents(id)) await write(io.stdout, part as Buffer);
    return 0;
  });
}

export function removeScript(context: Context, id: number, options: ScriptsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    await api.removeScript(id);
    if (options.json) line(context.io.stdout, JSON.stringify({ script_id: id }, null, 2));
    else line(context.io.stdout, `deleted script ${id}`);
    return 0;
  });
}

function tell({ io }: Context, script: Script, json: boolean): void {
  if (json) {
    line(io.stdout, JSON.stringify(script.raw, null, 2));
    return;
  }
  const whose = script.teamId === undefined ? 'no team' : `team ${script.teamId}`;
  line(io.stdout, printable(`${script.name} (${whose}), script ${script.id}, updated ${script.updatedAt}`));
}

async function readScript(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}
