/** osapi's error envelope; each field is always there. */
export class OsapiErrorDto {
  /**
   * What happened.
   * @example "target agent \"web-01\" not found"
   */
  error!: string;

  /**
   * What it is about, or what to do.
   * @example "target: target agent \"web-01\" not found"
   */
  details!: string;

  /**
   * The status once more.
   * @example 400
   */
  code!: number;
}
