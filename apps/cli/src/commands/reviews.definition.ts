import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Decision } from '../api/reviews-api.js';
import { type Context } from '../connect.js';
import { example, seconds, server, statementDigest, wholeNumber } from '../definition.js';
import {
  type ApproveOptions,
  type ListReviewsOptions,
  type RefuseOptions,
  type ReviewsOptions,
} from './reviews.command.js';

const REVIEW = '0b7c2a52-1f3e-4a5f-9d43-7f6f0c7f7c11';
const STATUSES = ['pending', 'approved', 'rejected', 'revoked', 'processing', 'executed'];
const ID = 'of the review, or of the session';

/** `muster reviews …`, as it can be typed. */
export function addReviews(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./reviews.command.js');
  const reviews = program
    .command('reviews')
    .description('what waits for approval, of any kind')
    .helpCommand(false)
    .addHelpText(
      'after',
      example('muster reviews list --status pending', `muster reviews approve ${REVIEW}`),
    );

  server(reviews.command('list', { isDefault: true }).description('the newest first'))
    .addOption(new Option('--status <status>', 'of this status only').choices(STATUSES))
    .option('--limit <number>', 'at most so many (default: 100)', wholeNumber)
    .option('--offset <number>', 'without so many of the newest', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster reviews list --status pending'))
    .action(async (options: ListReviewsOptions) => done(await (await code()).listReviews(context, options)));

  server(reviews.command('get').description('all that would run, and who has said what'))
    .argument('<id>', ID)
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster reviews get ${REVIEW}`))
    .action(async (id: string, options: ReviewsOptions) =>
      done(await (await code()).getReview(context, id, options)),
    );

  server(reviews.command('approve').description('let it run'))
    .argument('<id>', ID)
    .option('--window <start-end>', 'only at this time of day, UTC: 22:00-04:00', window)
    .option('--force', 'be enough by itself, where the connection says so')
    .option('--digest <digest>', 'only if it is still what `reviews get` showed')
    .option('--sign [key]', 'sign it, for hosts that ask (see `muster keys`)')
    .option('--valid-for <seconds>', 'sign it for so long, if nobody has (default: 3600)', seconds)
    .addOption(statementDigest())
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster reviews approve ${REVIEW}`))
    .action(async (id: string, options: ApproveOptions) =>
      done(await (await code()).approve(context, id, options)),
    );

  server(reviews.command('reject').description('keep it from running'))
    .argument('<id>', ID)
    .option('--reason <text>', 'why; whoever asked for it is told')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster reviews reject ${REVIEW} --reason 'no'`))
    .action(async (id: string, options: RefuseOptions) =>
      done(await (await code()).reject(context, id, options)),
    );

  server(reviews.command('revoke').description('take an approval back, or a request'))
    .argument('<id>', ID)
    .option('--reason <text>', 'why')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster reviews revoke ${REVIEW} --reason 'no'`))
    .action(async (id: string, options: RefuseOptions) =>
      done(await (await code()).revoke(context, id, options)),
    );
}

/** An option's value. */
function window(value: string): Decision['window'] {
  const [, start, end] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.test(value)
    ? (/^(.{5})-(.{5})$/.exec(value) ?? [])
    : [];
  if (start === undefined || end === undefined || start === end)
    throw new InvalidArgumentError('two times of day in UTC are meant: 22:00-04:00.');
  return { start, end };
}
