import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CollectedOutput } from '../output/collected-output.js';
import { followOutput } from '../output/follow-output.js';
import { describeOutcome } from '../output/outcome.js';
import { OutputWriter } from '../output/output-writer.js';
import { storedOutput } from '../output/stored-output.js';
import { line } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';

export interface LogsOptions extends ConnectionOptions {
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function logs(context: Context, executionId: string, options: LogsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const progress = new Progress(io, options.json === true);
    const execution = await api.execution(executionId);
    const writer = new OutputWriter(io, execution);
    const collected = new CollectedOutput();

    const chunks = options.follow
      ? followOutput(api, executionId, {
          onDrop: () => progress.show('connection lost, trying again…'),
          onResume: () => progress.clear(),
        })
      : storedOutput(api, executionId);
    for await (const chunk of chunks) {
      progress.clear();
      if (options.json) collected.add(chunk);
      else await writer.write(chunk);
    }
    progress.clear();

    const final = await api.execution(executionId);
    if (options.json) line(io.stdout, JSON.stringify(collected.attachTo(final), null, 2));
    else for (const text of final.targets.map(describeOutcome)) if (text !== undefined) progress.note(text);
    return 0;
  });
}
