/** Success without payload. */
export class EmptyDto {}
