import { Global, Module } from '@nestjs/common';
import { Signer } from './signer.js';
import { SigningKeys } from './signing-keys.js';

/** The server's own keys, for every domain. */
@Global()
@Module({
  providers: [SigningKeys, { provide: Signer, useExisting: SigningKeys }],
  exports: [SigningKeys, Signer],
})
export class SigningModule {}
