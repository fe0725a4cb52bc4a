export { KEY_FILE, PREVIOUS_KEY_FILE, rotateKeyFiles } from './key-files.js';
export { Signer } from './signer.js';
export { type SigningKey, SigningKeys } from './signing-keys.js';
export { SigningModule } from './signing.module.js';
