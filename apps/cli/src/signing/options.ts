/** How somebody wants to sign. */
export interface SigningOptions {
  /** true: with the only key that there is; otherwise the key's name. */
  readonly sign?: string | true;
  /** Seconds that the signature is good for. */
  readonly validFor?: number;
  /** File in which what was signed is kept for others to sign, instead of being asked for. */
  readonly signTo?: string;
  /** The hosts that are expected, by name, or how many: then nobody is asked. */
  readonly expectHosts?: number | readonly string[];
  /** Digest of all that is expected, as it was shown: then nobody is asked. */
  readonly statementDigest?: string;
  /** File with what was signed, by several people perhaps. */
  readonly signed?: string;
}

/** Whether a request is to be signed, or comes with what was. */
export function isSigned({ sign, signTo, signed }: SigningOptions): boolean {
  return sign !== undefined || signTo !== undefined || signed !== undefined;
}
