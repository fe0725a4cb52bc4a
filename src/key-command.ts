import { type Settings } from '#libs/platform/config/index';
import { rotateKeyFiles, SigningKeys } from '#libs/platform/signing/index';

interface Sink {
  write(text: string): unknown;
}

/**
 * `muster server key` and `muster server rotate-key`: what the server signs with. Neither needs the server to run.
 * @returns the exit code
 */
export function keyCommand(
  word: string,
  settings: Pick<Settings, 'dataDir' | 'signingKeys'>,
  out: Sink,
  errors: Sink,
): number {
  const fail = (message: string, code: number): number => {
    errors.write(`muster server: ${message}\n`);
    return code;
  };
  if (word !== 'key' && word !== 'rotate-key')
    return fail(`unknown command "${word}"; there are: key, rotate-key`, 2);
  try {
    if (word === 'rotate-key') {
      if (settings.signingKeys !== null)
        return fail(
          'the key is in MUSTER_SIGNING_KEY: put a new one there, and the present one behind it',
          2,
        );
      rotateKeyFiles(settings.dataDir);
    }
    out.write(described(settings));
    if (word === 'rotate-key')
      out.write('Restart the server to use it. Agents that know the key of before are told by it.\n');
    return 0;
  } catch (error) {
    return fail((error as Error).message, 1);
  }
}

function described(settings: Pick<Settings, 'dataDir' | 'signingKeys'>): string {
  const keys = new SigningKeys(settings);
  keys.load();
  const lines = keys
    .publicKeys()
    .map(
      ({ id, publicKey }, index) =>
        `${id}  ${publicKey.toString('base64')}${index === 0 ? '' : '  (before)'}\n`,
    );
  return lines.join('');
}
