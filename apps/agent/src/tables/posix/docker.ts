import * as fs from 'node:fs';
import { type Value } from '../engine/table.js';
import { type Warn } from './files.js';
import { outputOf } from './programs.js';

/** Where Docker listens. */
export const DOCKER_SOCKET = '/var/run/docker.sock';
const MILLISECONDS = 2_000;

/**
 * Asks Docker in another process, because a table cannot wait: GETs of the paths given, printed as one JSON array with null
 * for what failed. Everything together takes no longer than the time given.
 */
const SCRIPT = `
const http = require('node:http');
const [socketPath, milliseconds, ...paths] = process.argv.slice(1);
const get = (path) => new Promise((resolve) => {
  const request = http.get({ socketPath, path, headers: { host: 'docker' } }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (piece) => { body += piece; });
    response.on('error', () => resolve(null));
    response.on('end', () => {
      try { resolve(response.statusCode === 200 ? JSON.parse(body) : null); } catch { resolve(null); }
    });
  });
  request.on('error', () => resolve(null));
});
const answers = paths.map(() => null);
const print = () => process.stdout.write(JSON.stringify(answers), () => process.exit(0));
setTimeout(print, Number(milliseconds));
Promise.all(paths.map(async (path, i) => { answers[i] = await get(path); })).then(print);
`;

/** An object of Docker's answers, of which nothing is taken on trust. */
export class Json {
  constructor(private readonly value: unknown) {}

  get(...names: readonly string[]): Json {
    let value = this.value;
    for (const name of names)
      value =
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return new Json(value);
  }

  get exists(): boolean {
    return this.value !== null && this.value !== undefined;
  }

  get items(): Json[] {
    return Array.isArray(this.value) ? this.value.map((item) => new Json(item)) : [];
  }

  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }

  /** Texts of a list with commas between. */
  get list(): string {
    return this.items.map((item) => item.text).join(', ');
  }

  get number(): Value {
    return typeof this.value === 'number' ? this.value : 0;
  }

  get flag(): boolean {
    return this.value === true;
  }

  /** An identifier without the name of its digest. */
  get id(): string {
    return this.text.replace(/^sha256:/, '');
  }
}

/** Docker's answers to these paths, in their order; none where Docker is not there or does not answer. */
export function askDocker(socket: string, paths: readonly string[], scan: Warn): Json[] {
  if (paths.length === 0 || !fs.statSync(socket, { throwIfNoEntry: false })?.isSocket()) return [];
  const warn = (): void => scan.warn('Docker does not answer');
  const args = ['-e', SCRIPT, '--', socket, String(MILLISECONDS), ...paths];
  const text = outputOf(process.execPath, args, { warn }, { milliseconds: MILLISECONDS * 3 });
  const answers = text === null ? [] : new Json(JSON.parse(text)).items;
  if (answers.some((answer) => !answer.exists)) warn();
  return answers;
}
