import { DomainError } from '#libs/platform/errors/index';

const MAX_NAME_CHARACTERS = 255;
const EXTENSIONS = ['.sh', '.ps1'];

/**
 * A script's name is a file name without a path.
 * @throws DomainError invalid
 */
export function checkScriptName(name: string, field: string): void {
  const refuse = (reason: string): never => {
    throw new DomainError('invalid', { name: field, reason });
  };
  if (name === '') refuse('The file name must not be empty.');
  // Case matters, as in Fleet; a name that is nothing but an extension has one.
  if (!EXTENSIONS.includes(name.slice(Math.max(0, name.lastIndexOf('.')))))
    refuse('File type not supported. Only .sh and .ps1 file type is allowed.');
  if ([...name].length > MAX_NAME_CHARACTERS)
    refuse(`The file name must have at most ${MAX_NAME_CHARACTERS} characters.`);
  if (name.includes('/')) refuse('The file name must not have a path.');
  // U+FFFD stands where bytes of an upload's file name were no UTF-8.
  if (/[\p{Cc}\p{Cs}\ufffd]/u.test(name))
    refuse('The file name must be plain text without control characters.');
}

/**
 * `Content-Disposition` of a download, in Fleet's form: today's date, no space after the semicolon. A name that does not
 * fit into quotes as it stands follows once more as RFC 6266's `filename*`, beside a safe one.
 * @param now read in the server's time zone, as Fleet does
 */
export function attachment(name: string, now: Date): string {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
  const full = `${date} ${name}`;
  const safe = full.replace(/[^\x20-\x7e]|["\\%]/gu, '_');
  const plain = `attachment;filename="${safe}"`;
  if (safe === full) return plain;
  const encoded = encodeURIComponent(full).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${plain};filename*=UTF-8''${encoded}`;
}
