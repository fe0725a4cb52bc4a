import { type IncomingMessage } from 'node:http';

/** The network address at the other end; an IPv4 one is written as such. */
export function addressOfPeer({ remoteAddress }: { readonly remoteAddress?: string | undefined }): string {
  return remoteAddress?.replace(/^::ffff:/, '') ?? '';
}

/**
 * Whether the request comes from a page of this very server, or from no page at all. Browsers let any page open a WebSocket
 * anywhere; the origin is what tells them apart.
 */
export function sameOrigin({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host?.toLowerCase();
}
