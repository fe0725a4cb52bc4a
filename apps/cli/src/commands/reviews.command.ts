import { type Decision } from '../api/reviews-api.js';
import { readAnswer } from '../api/read.js';
import { type MusterApi } from '../api/muster-api.js';
import { type Review, type ReviewInput } from '../api/session-shapes.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { ExitCode } from '../errors.js';
import { amount } from '../query/standing.js';
import { describeNeeds, describeRefusal } from '../sessions/describe.js';
import { type SigningOptions } from '../signing/options.js';
import { type Io, line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface ReviewsOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export interface ListReviewsOptions extends ReviewsOptions {
  readonly status?: string;
  readonly limit?: number;
  readonly offset?: number;
}

export interface ApproveOptions extends ReviewsOptions, SigningOptions {
  readonly window?: Decision['window'];
  readonly force?: boolean;
  /** Of what was looked at; absent: of what there is. */
  readonly digest?: string;
}

export interface RefuseOptions extends ReviewsOptions {
  readonly reason?: string;
}

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'STATUS' },
  { title: 'WHAT', least: 8 },
  { title: 'BY', least: 5 },
  { title: 'NEEDS', least: 8 },
];

/** Newest first. */
export function listReviews(context: Context, options: ListReviewsOptions): Promise<number> {
  const { status, limit, offset, json } = options;
  return withApi(context, options, async (api) => {
    const { io } = context;
    const reviews = await api.reviews.list(status?.toUpperCase(), limit, offset);
    if (json)
      line(
        io.stdout,
        JSON.stringify(
          reviews.map(({ raw }) => raw),
          null,
          2,
        ),
      );
    else if (reviews.length === 0) line(io.stderr, 'no review');
    else
      line(
        io.stdout,
        renderTable(
          io,
          columns,
          reviews.map((review) => [
            review.id,
            review.status.toLowerCase(),
            whatOf(review),
            review.owner,
            review.status === 'PENDING' ? describeNeeds(review) : '',
          ]),
        ),
      );
    return ExitCode.ok;
  });
}

function whatOf({ kind, connection, hosts }: Review): string {
  if (connection !== '') return connection;
  return `${kind} on ${hosts === 1 ? '1 host' : `${amount(hosts)} hosts`}`;
}

export function getReview(context: Context, id: string, options: ReviewsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { review, input } = await api.reviews.get(id);
    if (options.json) line(context.io.stdout, JSON.stringify(review.raw, null, 2));
    else tellReview(context.io, review, input);
    return ExitCode.ok;
  });
}

function tellReview(io: Io, review: Review, input: ReviewInput): void {
  const { id, session, status, owner, created, expires, window, digest, votes } = review;
  const env = Object.entries(input.env).map(([name, value]) => `${name}=${value}`);
  const facts: [string, string | undefined][] = [
    ['review', id],
    ['session', session],
    ['what', whatOf(review)],
    ['asked for', `${created} by ${owner}`],
    ['hosts', input.hostnames.join(', ')],
    ['status', describeRefusal(review) ?? status.toLowerCase()],
    ['needs', describeNeeds(review)],
    [
      'votes',
      votes.flatMap((vote) => (vote.by ? [`${vote.by}: ${vote.status.toLowerCase()}`] : [])).join(', '),
    ],
    ['until', status === 'PENDING' ? expires : undefined],
    ['may run', window && `${window} UTC`],
    ['digest', digest],
    ['arguments', input.args.length > 0 ? JSON.stringify(input.args) : undefined],
    ['variables', env.join(' ')],
  ];
  for (const [name, value] of facts) if (value) line(io.stdout, `${name.padEnd(10)}  ${printable(value)}`);
  line(io.stdout);
  for (const each of input.text.trimEnd().split('\n')) line(io.stdout, `  ${printable(each)}`);
  if (input.truncated) line(io.stderr, 'there is more of it than is shown');
}

export function approve(context: Context, id: string, options: ApproveOptions): Promise<number> {
  const { window, force, digest } = options;
  const decision = { status: 'APPROVED', window, force, ...(digest && { digest }) } as const;
  return decide(context, id, options, decision, (api) => signed(context, api, id, options));
}

export function reject(context: Context, id: string, options: RefuseOptions): Promise<number> {
  return decide(context, id, options, { status: 'REJECTED', reason: options.reason });
}

export function revoke(context: Context, id: string, options: RefuseOptions): Promise<number> {
  return decide(context, id, options, { status: 'REVOKED', reason: options.reason });
}

/** What the reviewer signs: what they are shown, and say yes to, and nothing that only the server says about it. */
async function signed(
  context: Context,
  api: MusterApi,
  id: string,
  options: ApproveOptions,
): Promise<Decision['statement']> {
  if (options.sign === undefined) return undefined;
  const { signedAlong } = await import('../signing/sign.js');
  const { readSignable } = await import('../signing/bundle.js');
  const { raw, signed: before } = await api.reviews.statement(id);
  const what = readAnswer(api.url, () => readSignable(raw, 'statement'));
  return signedAlong(context, options, what, before);
}

/** @param id of the review, or of the session */
function decide(
  context: Context,
  id: string,
  options: ReviewsOptions,
  decision: Omit<Decision, 'digest'> & { readonly digest?: string },
  statementOf: (api: MusterApi) => Promise<Decision['statement']> = () => Promise.resolve(undefined),
): Promise<number> {
  return withApi(context, options, async (api) => {
    const { review: before } = await api.reviews.get(id);
    const statement = await statementOf(api);
    const review = await api.reviews.decide(before.id, { digest: before.digest, ...decision, statement });
    line(context.io.stdout, options.json ? JSON.stringify(review.raw, null, 2) : printable(standing(review)));
    return ExitCode.ok;
  });
}

function standing(review: Review): string {
  const what = `${whatOf(review)} of ${review.owner}`;
  if (review.status === 'PENDING') return `${what}: still needs ${describeNeeds(review)}`;
  const window = review.window && review.status === 'APPROVED' ? ` for ${review.window} UTC` : '';
  return `${what}: ${describeRefusal(review) ?? review.status.toLowerCase()}${window}`;
}
