import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { type Execution, isFinal, type Target } from '../api/shapes.js';
import { CliError } from '../errors.js';
import { line, printable } from '../terminal/io.js';

export interface CancelOptions extends ConnectionOptions {
  readonly host?: string;
}

export function cancel(context: Context, executionId: string, options: CancelOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const execution = await api.execution(executionId);
    const meant = options.host === undefined ? execution.targets : [targetOn(execution, options.host)];
    const open = meant.filter((target) => !isFinal(target.state));
    if (open.length === 0) {
      const states = [...new Set(meant.map((target) => target.state.replaceAll('_', ' ')))].join(', ');
      line(context.io.stdout, `nothing to cancel: it has ended already (${printable(states)})`);
      return 0;
    }
    await api.cancel(executionId, options.host === undefined ? undefined : open[0]?.uuid);
    const names = open.slice(0, 3).map((target) => target.host.hostname || `host ${target.host.id}`);
    const rest = open.length > names.length ? ` and ${open.length - names.length} more` : '';
    line(context.io.stdout, printable(`asked to cancel on ${names.join(', ')}${rest}`));
    return 0;
  });
}

/** By id, uuid or hostname, as everywhere. */
function targetOn(execution: Execution, host: string): Target {
  const found = execution.targets.filter((target) => {
    const { id, uuid, hostname } = target.host;
    return (
      String(id) === host || uuid === host.toLowerCase() || hostname.toLowerCase() === host.toLowerCase()
    );
  });
  const [target, ...others] = found;
  if (!target) throw new CliError(`execution ${execution.id} has no host ${host}`);
  if (others.length > 0) {
    throw new CliError(
      `several hosts are called ${host}: use one of the ids ${found.map((each) => each.host.id).join(', ')}`,
    );
  }
  return target;
}
