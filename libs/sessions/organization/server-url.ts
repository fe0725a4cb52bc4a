import { DomainError } from '#libs/platform/errors/index';

/**
 * @param name of the field that holds it
 * @throws DomainError invalid
 */
export function checkServerUrl(text: string | undefined, name = 'server_url'): string {
  if (text !== undefined && /^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new DomainError('invalid', { name, reason: 'must be a URL that begins with http:// or https://' });
}
