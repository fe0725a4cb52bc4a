/** One complaint. */
export class FieldProblemDto {
  /** The field that it is about; `base` for the request as a whole. */
  name!: string;

  /** What is wrong, and what to do. */
  reason!: string;
}

/** Fleet's error envelope. */
export class ErrorEnvelopeDto {
  /** What kind of error this is. */
  message!: string;

  /** One entry per complaint. */
  errors?: FieldProblemDto[];

  /** Names this very answer, for a support request. */
  uuid?: string;
}
