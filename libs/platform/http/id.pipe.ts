import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { DomainError } from '../errors/index.js';

/** PostgreSQL's integer; what has a larger id does not exist. */
export const MAX_ID = 2_147_483_647;

/** A numeric path id. Paths whose `id` is none never come here (`numericIds`); digits that overflow → malformed. */
@Injectable()
export class IdPipe implements PipeTransform<string, number> {
  transform(value: string, metadata: ArgumentMetadata): number {
    if (!/^\d+$/.test(value))
      throw new DomainError('not_found', `there is nothing here whose ${metadata.data ?? 'id'} is no number`);
    const id = Number(value);
    if (id > MAX_ID)
      throw new DomainError('malformed', {
        name: metadata.data ?? 'id',
        reason: `must be at most ${MAX_ID}`,
      });
    return id;
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True for any uuid, whatever its version. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}
