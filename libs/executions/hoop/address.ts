import { type Request } from 'express';

/** Where the caller reaches this server. */
export function baseOf(request: Request): string {
  return `${request.protocol}://${request.get('host') ?? ''}`;
}
