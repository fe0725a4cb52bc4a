import { type Caller } from './caller.js';

/** Port: turns a token into the caller that it stands for. Implemented where tokens are kept. */
export abstract class Authenticator {
  /** False until the first user exists: the API then answers 404, except for what is `@BeforeSetup()`. */
  abstract isSetUp(): Promise<boolean>;

  /** @throws DomainError credentials_invalid */
  abstract authenticate(token: string, address: string): Promise<Caller>;
}
