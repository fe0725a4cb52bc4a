/** The values of one statement: what came from outside stands here, never in its text. */
export class Parameters {
  readonly values: unknown[] = [];

  /** @returns what stands for the value in the text */
  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}
