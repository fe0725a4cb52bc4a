import { resolve } from 'node:path';
import { MusterApi } from '../api/muster-api.js';
import { chooseServer, type ConnectionOptions, type Context } from '../connect.js';
import { saveLogin } from '../config/saved-login.js';
import { CliError, UsageError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { HttpClient } from '../http/http-client.js';
import { line, printable, readAllText } from '../terminal/io.js';
import { ask } from '../terminal/prompt.js';

export interface LoginOptions extends ConnectionOptions {
  readonly email?: string;
  readonly passwordStdin?: boolean;
}

export async function login(context: Context, options: LoginOptions): Promise<number> {
  const { io, environment } = context;
  const server = await chooseServer(context, options);
  if (options.passwordStdin && options.email === undefined)
    throw new UsageError('--password-stdin needs --email too');
  const email = options.email ?? (await ask(io, 'e-mail', '--email'));
  const password = options.passwordStdin
    ? (await readAllText(io.stdin)).replace(/\r?\n$/, '')
    : await ask(io, 'password', '--password-stdin', true);

  const api = new MusterApi(new HttpClient({ url: server.url, tls: server.tls }));
  try {
    const { token, user } = await api.login(email.trim(), password);
    const ca = server.ca === undefined ? undefined : resolve(server.ca);
    await saveLogin(environment.configFile, {
      url: server.url,
      token,
      email: user.email,
      ca,
      insecure: server.insecure || undefined,
    });
    line(io.stdout, `signed in to ${server.url} as ${printable(user.email)}`);
    if (environment.token !== undefined)
      line(io.stderr, 'note: MUSTER_TOKEN is set and goes before this login');
    return 0;
  } catch (error) {
    throw explain(error, server.url);
  } finally {
    api.close();
  }
}

function explain(error: unknown, url: string): unknown {
  if (!(error instanceof ApiError)) return error;
  if (error.status === 401 && /authentication failed/i.test(error.serverMessage))
    return new CliError('wrong e-mail or password');
  if (error.status === 404) return new CliError(`${url} is not set up yet, or is no Muster server`);
  return error;
}
