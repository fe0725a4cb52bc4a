import { type ArgumentMetadata, Injectable, SetMetadata, ValidationPipe } from '@nestjs/common';
import { getMetadataStorage, type ValidationError } from 'class-validator';
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
    const dto: unknown = await super.transform(value, metadata);
    const misshapen = listsForObjects(dto);
    if (misshapen.length > 0) throw new DomainError('malformed', misshapen);
    return dto;
  }
}

/**
 * Lists where a nested DTO belongs: `[]` for an object, `[[]]` for a list of objects. class-validator looks into a list for what it holds, and an empty
 * one holds nothing that could be wrong.
 */
function listsForObjects(dto: unknown, path = ''): FieldProblem[] {
  if (!isObject(dto)) return [];
  const { constructor: type } = dto as object;
  if (type === Object || typeof type !== 'function') return [];
  return nestedOf(type).flatMap(({ property, each, message }) => {
    const value = (dto as Record<string, unknown>)[property];
    const name = path === '' ? property : `${path}.${property}`;
    const items = each && Array.isArray(value) ? (value as unknown[]) : [value];
    if (items.some((item) => Array.isArray(item)))
      return [
        {
          name,
          reason: message ?? (each ? `each value in ${name} must be an object` : `${name} must be an object`),
        },
      ];
    return items.flatMap((item, i) => listsForObjects(item, each ? `${name}.${i}` : name));
  });
}

interface Nested {
  readonly property: string;
  readonly each: boolean;
  /** The property's own words, where it has some. */
  readonly message: string | null;
}

const nestedProperties = new WeakMap<object, readonly Nested[]>();

function nestedOf(type: object): readonly Nested[] {
  const known = nestedProperties.get(type);
  if (known) return known;
  const found = getMetadataStorage()
    .getTargetValidationMetadatas(type as () => unknown, '', false, false)
    .filter((metadata) => metadata.type === 'nestedValidation')
    .map(({ propertyName, each, message }) => ({
      property: propertyName,
      each,
      // The library's own has a placeholder in it.
      message: typeof message === 'string' && !message.includes('$property') ? message : null,
    }));
  nestedProperties.set(type, found);
  return found;
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
