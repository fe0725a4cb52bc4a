export { decodeSecretsKeys } from './secrets-keys.js';
export { decodeSigningKeys } from './signing-keys.js';
export { loadSettings, serverUrl, SETTINGS, SettingsError, type Settings } from './settings.js';
export { VERSION } from './version.js';
