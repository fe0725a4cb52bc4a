/** hoop's error envelope. */
export class HoopErrorDto {
  /**
   * What happened, and what it is about.
   * @example "connection bash not found"
   */
  message!: string;
}
