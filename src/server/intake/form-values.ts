import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { InvalidField } from '../invalid-field.js';
import type { PictureForm } from './read-form.js';

const NUMBER = /^-?(\d{1,10}(\.\d{0,20})?|\.\d{1,20})$/;

/**
 * Fields of a form as their schemas have them: numbers, `true` and `false`, and lists as `8,12`. Empty and absent fields are left out.
 * @throws REQUEST_INVALID
 */
export function formValues<Fields extends TProperties>({ fields }: Pick<PictureForm, 'fields'>, schemas: Fields): Static<TObject<Fields>> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const text = fields.get(name)?.trim() ?? '';
    if (text === '') continue;
    const readings = readingsOf(text);
    values[name] = readings.find((reading) => Value.Check(schema, reading));
    if (values[name] === undefined) throw new InvalidField(name, problemOf(schema, readings[0]));
  }
  const all = Type.Object(schemas);
  if (!Value.Check(all, values)) throw new InvalidField('the form', 'lacks a field');
  return values;
}

/** What a text may mean, the likeliest first. */
function readingsOf(text: string): unknown[] {
  if (NUMBER.test(text)) return [Number(text), [Number(text)], text];
  if (text === 'true' || text === 'false') return [text === 'true', text];
  const items = text.split(',').map((item) => item.trim());
  return items.every((item) => NUMBER.test(item)) ? [items.map(Number), text] : [text];
}

function problemOf(schema: TSchema, value: unknown): string {
  const errors = Value.Errors(schema, value);
  const [error] = errors;
  if (error === undefined || errors.some(({ keyword }) => keyword === 'anyOf')) return 'is not what GET /openapi.json describes';
  return error.keyword === 'enum' ? `must be one of ${error.params.allowedValues.join(', ')}` : error.message;
}
