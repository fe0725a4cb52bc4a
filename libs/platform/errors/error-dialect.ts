import { type DomainError } from './domain-error.js';

/** An answer to an error, ready to be sent. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** One dialect's envelope: which paths speak it, and how it words each code. */
export interface ErrorDialect {
  readonly name: string;
  speaks(path: string): boolean;
  answer(error: DomainError): ErrorAnswer;
}
