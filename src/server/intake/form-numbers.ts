import { InvalidField } from '../invalid-field.js';
import type { PictureForm } from './read-form.js';

/** A field as a whole number; undefined when it is absent. @throws REQUEST_INVALID */
export function wholeNumber({ fields }: Pick<PictureForm, 'fields'>, name: string, low: number, high: number): number | undefined {
  return read(fields, name, /^\d{1,10}$/, 'a whole number', low, high);
}

/** The same for decimal numbers. */
export function decimalNumber({ fields }: Pick<PictureForm, 'fields'>, name: string, low: number, high: number): number | undefined {
  return read(fields, name, /^(\d{1,10}(\.\d{0,20})?|\.\d{1,20})$/, 'a number', low, high);
}

function read(
  fields: ReadonlyMap<string, string>,
  name: string,
  form: RegExp,
  kind: string,
  low: number,
  high: number,
): number | undefined {
  const text = fields.get(name)?.trim();
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!form.test(text) || value < low || value > high) throw new InvalidField(name, `must be ${kind} from ${low} to ${high}`);
  return value;
}
