import { chooseServer, type ConnectionOptions, type Context } from '../connect.js';
import { loadLogin, saveLogin } from '../config/saved-login.js';
import { MusterApi } from '../api/muster-api.js';
import { CliError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { HttpClient } from '../http/http-client.js';
import { line } from '../terminal/io.js';

export async function logout(context: Context, options: ConnectionOptions): Promise<number> {
  const { io, environment } = context;
  const { url, tls, token } = await chooseServer(context, options);
  if (token === undefined) {
    line(io.stdout, `not signed in to ${url}`);
    return 0;
  }
  const api = new MusterApi(new HttpClient({ url, tls, token }));
  let failure: CliError | undefined;
  try {
    await api.logout();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // A token that the server no longer knows is as good as signed out.
    if (!(error instanceof ApiError && error.status === 401)) failure = error;
  } finally {
    api.close();
  }

  const saved = await loadLogin(environment.configFile);
  if (saved?.token === token) await saveLogin(environment.configFile, { ...saved, token: undefined });
  if (failure) {
    throw new CliError(
      `forgotten here, but the server was not told (${failure.message}): the session ends there by itself`,
    );
  }
  line(io.stdout, `signed out of ${url}`);
  if (environment.token !== undefined)
    line(io.stderr, 'note: MUSTER_TOKEN is still set, and is of no use any more');
  return 0;
}
