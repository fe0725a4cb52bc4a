import { type Answer, Limits } from '#libs/protocol/index';

type Row = readonly (string | null)[];

/** Why an answer cannot travel, for the person who asked. */
export class AnswerError extends Error {}

/** What a value costs on the wire beside its own bytes, so that a part of nothing but NULLs is bounded too. */
const VALUE_BYTES = 8;
const NAME_CHARACTERS = 1024;
const NAMES_BYTES = Limits.answerPartBytes / 2;
/** What a row alone in its part may have as JSON: the names of the columns need their place too, and may grow sixfold. */
const ROW_JSON_BYTES = Limits.messageBytes - 8 * NAMES_BYTES;

/** Packs the rows of one answer into numbered parts of at most `Limits.answerPartBytes`; a larger row travels alone. */
export class AnswerParts {
  private columns: string[] = [];
  private rows: (string | null)[][] = [];
  private bytes = 0;
  private nameBytes = 0;
  private part = 0;

  constructor(private readonly campaignId: number) {}

  /** Names the columns, once and first. @throws AnswerError */
  name(columns: readonly string[]): void {
    const long = columns.findIndex((name) => name.length > NAME_CHARACTERS);
    if (long >= 0)
      throw new AnswerError(
        `the name of column ${long + 1} is longer than ${NAME_CHARACTERS} characters: give it a shorter one with AS`,
      );
    this.nameBytes = bytesOf(columns);
    if (this.nameBytes > NAMES_BYTES)
      throw new AnswerError(
        `the names of the columns have more than ${NAMES_BYTES} bytes together: select fewer`,
      );
    this.columns = [...columns];
    this.bytes = this.nameBytes;
  }

  /** Takes rows and gives the parts that are full; what is left waits for more. @throws AnswerError */
  *add(rows: readonly Row[]): Iterable<Answer> {
    for (const row of rows) {
      const bytes = bytesOf(row);
      if (this.rows.length > 0 && this.bytes + bytes > Limits.answerPartBytes) yield this.next();
      if (this.nameBytes + bytes > Limits.answerPartBytes) refuseOversized(row);
      this.rows.push([...row]);
      this.bytes += bytes;
    }
  }

  /** The last part, with the rows that are left. One that fails before its first row has no columns either. */
  end(ending: NonNullable<Answer['ending']>): Answer {
    const nothing = this.part === 0 && this.rows.length === 0 && ending.outcome !== 'answered';
    if (nothing) this.columns = [];
    return { ...this.next(), ending };
  }

  private next(): Answer {
    const { campaignId: campaign_id, columns, rows, part } = this;
    this.part += 1;
    this.rows = [];
    this.bytes = this.nameBytes;
    return { campaign_id, part, columns, rows };
  }
}

/** Quotes and control characters grow in JSON, and a message that the server's socket refuses would cost the connection. */
function refuseOversized(row: Row): void {
  const bytes = Buffer.byteLength(JSON.stringify(row));
  if (bytes > ROW_JSON_BYTES)
    throw new AnswerError(
      `a row has ${bytes} bytes as JSON, and can have ${ROW_JSON_BYTES}: select less of it`,
    );
}

function bytesOf(values: Row): number {
  let bytes = 0;
  for (const value of values) bytes += VALUE_BYTES + (value === null ? 0 : Buffer.byteLength(value));
  return bytes;
}
