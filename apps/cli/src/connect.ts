import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MusterApi } from './api/muster-api.js';
import { type CliEnvironment } from './config/environment.js';
import { loadLogin } from './config/saved-login.js';
import { CliError, UsageError } from './errors.js';
import { HttpClient, type Tls } from './http/http-client.js';
import { type Io } from './terminal/io.js';

/** What every command is given. */
export interface Context {
  readonly io: Io;
  readonly environment: CliEnvironment;
}

/** Options of every command that talks to a server. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
}

export interface Server {
  readonly url: string;
  /** As given, made absolute: worth keeping for the next call. */
  readonly ca?: string;
  readonly insecure: boolean;
  readonly tls: Tls;
}

const defaultUrl = 'http://127.0.0.1:8420';

/** Which server is meant, and how to trust it: options first, then the environment, then what `login` kept. */
export async function chooseServer(
  context: Context,
  options: ConnectionOptions,
): Promise<Server & { token?: string }> {
  const { environment } = context;
  const saved = await loadLogin(environment.configFile);
  const url = checkUrl(options.url ?? environment.url ?? saved?.url ?? defaultUrl);
  // A token, and trust, belong to the server they came from and go to no other.
  const sameServer = saved && checkUrl(saved.url) === url ? saved : undefined;
  const ca = options.ca === undefined ? sameServer?.ca : resolve(options.ca);
  const insecure = options.insecure ?? (options.ca === undefined && sameServer?.insecure === true);
  return {
    url,
    ca,
    insecure,
    tls: { ca: ca === undefined ? undefined : await readPem(ca), insecure },
    token: environment.token ?? sameServer?.token,
  };
}

/** A signed-in API, or the advice to sign in. */
export async function connect(context: Context, options: ConnectionOptions): Promise<MusterApi> {
  const { url, tls, token } = await chooseServer(context, options);
  if (token === undefined) throw new CliError(notSignedIn(url));
  const signInAdvice =
    context.environment.token === undefined ? notSignedIn(url) : `${url} does not accept MUSTER_TOKEN`;
  return new MusterApi(new HttpClient({ url, tls, token, signInAdvice }));
}

function notSignedIn(url: string): string {
  return url === defaultUrl
    ? 'not signed in: run `muster login`'
    : `not signed in: run \`muster login --url ${url}\``;
}

/** Runs `work` with a signed-in API and lets go of its connections afterwards. */
export async function withApi<T>(
  context: Context,
  options: ConnectionOptions,
  work: (api: MusterApi) => Promise<T>,
): Promise<T> {
  const api = await connect(context, options);
  try {
    return await work(api);
  } finally {
    api.close();
  }
}

function checkUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    throw new UsageError(`${text} is not an address: something like https://muster.example.com is meant`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageError(`${text}: only http:// and https:// are possible`);
  if (url.username || url.password || url.search || url.hash) {
    throw new UsageError('an address holds no user, query or fragment');
  }
  return url.href.replace(/\/+$/, '');
}

async function readPem(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new CliError(`${path} holds no PEM certificate`);
  return text;
}
