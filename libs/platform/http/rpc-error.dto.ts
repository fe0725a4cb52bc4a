class RpcProblemDto {
  /**
   * What went wrong, as a word.
   * @example "already_running"
   */
  code!: string;

  /** What went wrong, for people. */
  message!: string;

  /**
   * The param that it is about.
   * @example "pagination.limit"
   */
  field?: string;
}

/** RipEX2's error envelope. */
export class RpcErrorDto {
  error!: RpcProblemDto;
}
