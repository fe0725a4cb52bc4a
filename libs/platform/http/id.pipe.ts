import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { DomainError } from '../errors/index.js';

const MAX_ID = 2_147_483_647;

/** The path is none of this route's, whose id is a number; another route may serve it for other methods. */
export class NotAnIdError extends DomainError {
  constructor(name: string) {
    super('not_found', `there is nothing at this address: ${name} must be a number`);
  }
}

/** A numeric path id: not digits → not found (there is no such page); digits that overflow → malformed. */
@Injectable()
export class IdPipe implements PipeTransform<string, number> {
  transform(value: string, metadata: ArgumentMetadata): number {
    if (!/^\d+$/.test(value)) throw new NotAnIdError(metadata.data ?? 'id');
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
