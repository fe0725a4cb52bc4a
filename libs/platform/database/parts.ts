import { type Duplex } from 'node:stream';
import pg, { type PoolClient, type QueryResult } from 'pg';

/**
 * Long bytes in parts, as the last value of a statement. Copied together, and again into pg's message, they were half of all memory that
 * long output made the server allocate: a collection of the whole heap for every few megabytes.
 */
export class Parts {
  constructor(readonly parts: readonly Uint8Array[]) {}
}

/** What a query sees of its connection; messages go through its `_send`. */
interface Connection {
  readonly stream: Duplex;
  bind(this: { _send(message: Buffer): void }, values: unknown): void;
}

interface Config {
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
}

/** `prepare` is what pg's queries send their messages with. */
const PgQuery = pg.Query as unknown as new (config: Config) => pg.Query & {
  prepare(connection: Connection): void;
};

const EMPTY = Buffer.alloc(0);
/** Where a Bind message has its own length. */
const LENGTH_AT = 1;
/** It ends with the length of its last value, that value, and the formats of what the statement gives. */
const LENGTH_BYTES = 4;
const FORMATS_BYTES = 4;

/** A query whose last value is empty as far as pg knows; its bytes are sent where they belong in the message. */
class QueryOfParts extends PgQuery {
  constructor(
    config: Config,
    private readonly parts: readonly Uint8Array[],
  ) {
    super(config);
  }

  override prepare(connection: Connection): void {
    const send = (message: Buffer): void => this.send(message, connection.stream);
    const bind = (values: unknown): void => connection.bind.call({ _send: send }, values);
    super.prepare(Object.create(connection, { bind: { value: bind } }) as Connection);
  }

  private send(message: Buffer, stream: Duplex): void {
    const end = message.length - FORMATS_BYTES;
    const length = this.parts.reduce((sum, part) => sum + part.length, 0);
    message.writeInt32BE(message.readInt32BE(LENGTH_AT) + length, LENGTH_AT);
    message.writeInt32BE(length, end - LENGTH_BYTES);
    for (const part of [message.subarray(0, end), ...this.parts, message.subarray(end)]) stream.write(part);
  }
}

/** As `client.query`, with the last value in parts. */
export function queryWithParts(
  client: PoolClient,
  statement: Omit<Config, 'values'>,
  values: readonly unknown[],
  { parts }: Parts,
): Promise<QueryResult> {
  return new Promise((resolve, reject) => {
    const query = new QueryOfParts({ ...statement, values: [...values, EMPTY] }, parts);
    const callback = (error: Error | null, result: QueryResult): void =>
      error ? reject(error) : resolve(result);
    client.query(Object.assign(query, { callback }));
  });
}
