import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, UsageError } from '../errors.js';
import { identity } from '../specs/document.js';
import { type Item, type Listing, LISTINGS } from '../specs/listings.js';
import { line, printable, write } from '../terminal/io.js';
import { renderTable } from '../terminal/table.js';

export interface GetOptions extends ConnectionOptions {
  /** A team's name. */
  readonly team?: string;
  readonly yaml?: boolean;
  readonly json?: boolean;
}

const WITH_TEAMS = ['queries', 'policies', 'hosts'];
const WITHOUT_NAMES = ['config', 'enroll_secrets'];

/** The objects of a kind, or those of one name: a table, or documents that `muster apply` takes. */
export async function get(
  context: Context,
  kind: string,
  name: string | undefined,
  options: GetOptions,
): Promise<number> {
  const [plural, { one, read }] = listingOf(kind);
  if (options.yaml && options.json) throw new UsageError('--yaml or --json: one of them');
  if (options.team !== undefined && !WITH_TEAMS.includes(plural))
    throw new UsageError(`${plural} belong to no team: leave out --team`);
  if (name !== undefined && WITHOUT_NAMES.includes(plural))
    throw new UsageError(`${plural} is read as a whole: leave out the name`);
  return withApi(context, options, async (api) => {
    const { io } = context;
    const listing = await read(api, { team: options.team, name });
    const items = itemsOf(listing, name);
    if (name !== undefined && items.length === 0) throw new CliError(`there is no ${one} "${name}"`);
    if (options.yaml || options.json) await print(context, listing, items, options.json === true);
    else if (items.length === 0)
      line(io.stderr, printable(`no ${one} ${options.team ? `of team ${options.team}` : 'yet'}`));
    else
      line(
        io.stdout,
        renderTable(
          io,
          listing.columns,
          items.map(({ row }) => row),
        ),
      );
    return 0;
  });
}

async function print(
  { io }: Context,
  { document }: Listing,
  items: readonly Item[],
  json: boolean,
): Promise<void> {
  const documents = document ? [document(items)] : items.flatMap((item) => item.document ?? []);
  const { toJson, toYaml } = await import('../specs/write-documents.js');
  for (const each of documents) await write(io.stdout, json ? toJson(each) : toYaml(each));
}

function itemsOf({ items }: Listing, name: string | undefined): readonly Item[] {
  return name === undefined ? items : items.filter((item) => identity(item.name) === identity(name));
}

/** @param kind plural or singular, with `-` or `_` */
function listingOf(kind: string): [string, (typeof LISTINGS)[string]] {
  const asked = kind.toLowerCase().replace(/-/g, '_');
  const entry = Object.entries(LISTINGS).find(([plural, { one }]) => [plural, one].includes(asked));
  if (entry) return entry;
  throw new UsageError(`unknown kind "${kind}": one of ${Object.keys(LISTINGS).join(', ')}`);
}
