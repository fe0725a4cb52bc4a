import { type ArgumentMetadata, Injectable, SetMetadata, ValidationPipe } from '@nestjs/common';
import { type ValidationError } from 'class-validator';
import { DomainError, type FieldProblem } from '../errors/index.js';

const OPTIONAL_BODY = 'muster:optional-body';

/** A request without a body is one with an empty object. */
export const OptionalBody = (): ClassDecorator => SetMetadata(OPTIONAL_BODY, true);

function mayBeAbsent(metatype: unknown): boolean {
  return typeof metatype === 'function' && Reflect.getMetadata(OPTIONAL_BODY, metatype) === true;
}

/** Checks DTOs; what is missing or of the wrong type or shape is answered as `malformed`, naming each field. */
@Injectable()
export class DtoPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      exceptionFactory: (errors) => new DomainError('malformed', problems(errors)),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'query') refuseNul(value);
    // Ids in paths have pipes of their own: Nest would make 1 of `0x1` before they look.
    if (metadata.type === 'param') return value;
    if (metadata.type === 'body' && value === undefined && mayBeAbsent(metadata.metatype))
      return super.transform({}, metadata);
    if (metadata.type === 'body' && metadata.metatype && !isObject(value)) {
      throw new DomainError(
        'malformed',
        value === undefined ? 'Expected JSON Body' : 'json decoder error: expected a JSON object',
      );
    }
    return super.transform(value, metadata);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problems(errors: readonly ValidationError[], path = ''): FieldProblem[] {
  return errors.flatMap((error) => {
    const name = path === '' ? error.property : `${path}.${error.property}`;
    const own = Object.values(error.constraints ?? {}).map((reason) => ({ name, reason }));
    // Decorators apply from the bottom up: the rule that is written first, the type, comes last.
    return [...own.slice(-1), ...problems(error.children ?? [], name)];
  });
}

/** No filter holds a NUL, and PostgreSQL's text cannot. */
function refuseNul(value: unknown, name = 'base'): void {
  if (typeof value === 'string' && value.includes('\0')) {
    throw new DomainError('malformed', { name, reason: 'must not contain a NUL character' });
  }
  if (isObject(value)) for (const [key, item] of Object.entries(value as object)) refuseNul(item, key);
}
