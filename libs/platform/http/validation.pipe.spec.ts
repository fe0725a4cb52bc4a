import { Type } from 'class-transformer';
import { IsArray, IsOptional, IsString, ValidateNested } from 'class-validator';
import { type DomainError } from '../errors/index.js';
import { DtoPipe } from './validation.pipe.js';

class Inner {
  @IsOptional()
  @IsString()
  name?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Inner)
  inner?: Inner;
}

class Outer {
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true, message: 'items must be an array of {name}' })
  @Type(() => Inner)
  items?: Inner[];

  @IsOptional()
  @ValidateNested()
  @Type(() => Inner)
  one?: Inner;
}

const transform = (body: unknown): Promise<unknown> =>
  new DtoPipe().transform(body, { type: 'body', metatype: Outer });

it.each([
  [{ items: [[]] }, 'items', 'items must be an array of {name}'],
  [{ items: [{ name: 'a' }, [[]]] }, 'items', 'items must be an array of {name}'],
  [{ one: [] }, 'one', 'one must be an object'],
  [{ one: { inner: [] } }, 'one.inner', 'one.inner must be an object'],
  [{ items: [{ inner: [] }] }, 'items.0.inner', 'items.0.inner must be an object'],
])('refuses a list where an object belongs: %j', async (body, name, reason) => {
  const error: unknown = await transform(body).catch((refused: unknown) => refused);
  expect((error as DomainError).problems).toEqual([{ name, reason }]);
});

it.each([{}, { items: [] }, { items: [{ name: 'a' }, {}] }, { one: { inner: { name: 'b' } } }])(
  'takes %j',
  async (body) => {
    expect(await transform(body)).toEqual(body);
  },
);
