/** What is wrong with an expression, and where: the position counts characters from 0. */
export class XPathError extends Error {
  constructor(
    message: string,
    readonly position: number,
  ) {
    super(message);
  }
}
