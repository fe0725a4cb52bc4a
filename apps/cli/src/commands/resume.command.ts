import { type Share } from '../api/commands-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { ExitCode } from '../errors.js';
import { line, printable } from '../terminal/io.js';

export interface ResumeOptions extends ConnectionOptions {
  /** Of hosts, from now on. */
  readonly maxFailures?: Share;
  readonly json?: boolean;
}

/** Goes on with an execution that was halted between two waves. */
export function resume(context: Context, executionId: string, options: ResumeOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { id, rollout, raw } = await api.resume(executionId, options.maxFailures);
    if (options.json) {
      line(context.io.stdout, JSON.stringify(raw, null, 2));
    } else {
      const where = rollout ? ` in wave ${rollout.wave} of ${rollout.waves}` : '';
      line(context.io.stdout, printable(`it goes on${where}: \`muster logs ${id} --follow\``));
    }
    return ExitCode.ok;
  });
}
