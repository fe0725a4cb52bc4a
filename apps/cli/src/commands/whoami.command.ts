import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { line, printable } from '../terminal/io.js';

export interface WhoamiOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export function whoami(context: Context, options: WhoamiOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const user = await api.me();
    if (options.json) line(context.io.stdout, JSON.stringify({ url: api.url, user: user.raw }, null, 2));
    else
      line(
        context.io.stdout,
        printable(`${user.email} (${user.roles.join(', ') || 'no role'}) at ${api.url}`),
      );
    return 0;
  });
}
