import { Limits, type Query } from '#libs/protocol/index';
import { type Behaviour } from '../config/options.js';

type Limited = Pick<Query['queries'][number], 'limits'>;

/** What every answer has as its cost on the host. */
const STATS = '{"wall_time_ms":1,"user_time":1,"system_time":0,"memory":1048576,"warnings":[]}';

/**
 * Answers as JSON text, all but the campaign's number made in advance: writing 10,000 answers of one row with JSON.stringify
 * took 30 ms of CPU, joining these strings takes 5.
 */
export class AnswerTexts {
  /** `columns` and `rows` of each part. */
  private readonly parts: readonly string[];

  constructor(private readonly behaviour: Pick<Behaviour, 'rows' | 'rowBytes'>) {
    this.parts = partsOf(behaviour);
  }

  /** The parts of a full answer; the last one carries the ending. */
  get count(): number {
    return this.parts.length;
  }

  /** @param part from 0, below `count` */
  rows(campaignId: number, part: number): string {
    const ending = part === this.parts.length - 1 ? endingOf('answered', 'null') : '';
    return `{"campaign_id":${campaignId},"part":${part},${this.parts[part] ?? ''}${ending}}`;
  }

  /** An answer without rows. */
  failure(campaignId: number, outcome: 'error' | 'killed' | 'timed_out', message: string): string {
    return `{"campaign_id":${campaignId},"part":0,"columns":[],"rows":[]${endingOf(outcome, JSON.stringify(message))}}`;
  }

  /** Why a real agent would end this query: null when its answer keeps to the limits. */
  brokenLimit(
    { limits }: Limited,
    delayMs: number,
  ): { outcome: 'killed' | 'timed_out'; message: string } | null {
    if (delayMs > limits.milliseconds)
      return { outcome: 'timed_out', message: `the query took longer than ${limits.milliseconds} ms` };
    if (this.behaviour.rows > limits.rows)
      return { outcome: 'killed', message: `the query returned more than ${limits.rows} rows` };
    return null;
  }
}

function endingOf(outcome: string, error: string): string {
  return `,"ending":{"outcome":"${outcome}","error":${error},"stats":${STATS}}`;
}

function partsOf({ rows, rowBytes }: Pick<Behaviour, 'rows' | 'rowBytes'>): string[] {
  const columns = '"columns":["row","value"]';
  const perPart = Math.max(1, Math.floor(Limits.answerPartBytes / Math.max(1, rowBytes)));
  const parts: string[] = [];
  for (let from = 0; from < rows || parts.length === 0; from += perPart) {
    const texts: string[] = [];
    for (let row = from; row < Math.min(rows, from + perPart); row++) texts.push(rowOf(row, rowBytes));
    parts.push(`${columns},"rows":[${texts.join(',')}]`);
  }
  return parts;
}

/** Its number, and as many `x` as are missing. */
function rowOf(row: number, bytes: number): string {
  const number = String(row).slice(0, bytes);
  return `["${number}","${'x'.repeat(bytes - number.length)}"]`;
}
