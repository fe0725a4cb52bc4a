import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { UsageError } from '../errors.js';
import { checkDocuments } from '../specs/check-documents.js';
import { FleetApply } from '../specs/fleet-apply.js';
import { readSources } from '../specs/read-files.js';
import { readYaml } from '../specs/read-yaml.js';

export interface ApplyOptions extends ConnectionOptions {
  /** Files, directories, or `-`. */
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/**
 * Makes the fleet what files say. They are read and checked as a whole before anything is sent.
 * @returns 0 when all of it was applied
 */
export async function apply(context: Context, options: ApplyOptions): Promise<number> {
  const sources = await readSources(options.file, context.io.stdin);
  const documents = checkDocuments(sources.flatMap(({ file, text }) => readYaml(text, file)));
  if (documents.length === 0)
    throw new UsageError(`${sources.map(({ file }) => file).join(', ')}: no document to apply`);
  return withApi(context, options, (api) => new FleetApply(context.io, api.specs, options).run(documents));
}
