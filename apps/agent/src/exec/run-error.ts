import { type ReasonCode } from '#libs/protocol/index';

/** Why a run could not be started, in the words of the contract. */
export class StartError extends Error {
  constructor(
    readonly reason: ReasonCode,
    message: string,
  ) {
    super(message);
  }
}
