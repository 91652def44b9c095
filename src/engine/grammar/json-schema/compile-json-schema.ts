import { EdgeVlmError } from '../../../core/errors.js';
import { ROOT } from '../gbnf.js';
import { gbnfClass, gbnfLiteral, PLAIN } from './character-set.js';
import { checkOneOf, flattenSchema, satisfiable } from './flatten-schema.js';
import {
  countOf,
  numberOf,
  propertiesOf,
  requiredOf,
  restrictions,
  schemaOf,
  schemasOf,
  textOf,
  type Type,
  typeOf,
  TYPES,
  validTypes,
  valuesOf,
  writtenTypes,
} from './keywords.js';
import { areWritable, decimalGrammar, integerGrammar, LARGEST_INTEGER } from './number-grammar.js';
import { otherKeys } from './other-keys.js';
import { patternGrammar } from './pattern-grammar.js';
import { type Schema, SchemaDocument, type SchemaObject, Unsatisfiable } from './schema-document.js';
import { STRING_FORMATS } from './string-formats.js';

/** Bounds what a schema may grow to; `parseGbnf` allows as much. */
const MAX_RULES = 10_000;
const MAX_DEPTH = 200;
/** Longest string and list that is written where the schema allows more; as much as `parseGbnf` repeats. */
const MAX_REPETITIONS = 1000;

/** Rules of JSON itself, RFC 8259; numbers keep to what doubles hold. */
const JSON_RULES: Readonly<Record<string, string>> = {
  space: '" "?',
  character: `${gbnfClass(PLAIN)} | "\\\\" (["\\\\/bfnrt] | "u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))`,
  string: '"\\"" character* "\\""',
  integer: '"-"? ("0" | [1-9] [0-9]{0,14})',
  number: '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?',
  boolean: '"true" | "false"',
  null: '"null"',
  value: 'object | array | string | number | boolean | null',
  array: '"[" space (value space ("," space value space)*)? "]"',
  object: '"{" space (member ("," space member)*)? "}"',
  member: 'string ":" space value space',
};

/**
 * Makes a GBNF grammar of a JSON Schema (2020-12, and draft 7 where both agree): every text of the grammar is JSON that is valid
 * under the schema. Not every valid text is written: properties come in the order of the schema, other properties only where
 * `additionalProperties` says so, strings and lists end at 1000.
 * @throws SCHEMA_INVALID, SCHEMA_UNSUPPORTED, each with a JSON pointer; GRAMMAR_LIMIT
 */
export function compileJsonSchema(schema: unknown): string {
  const document = new SchemaDocument(schema);
  return new Compiler(document).compile(document.schema(schema, '#'));
}

class Compiler {
  /** Names of rules and what they are, those of JSON itself apart. */
  #rules = new Map<string, string>();
  #names = new Map<object, string>();
  #depth = 0;
  #made = 0;

  constructor(private readonly document: SchemaDocument) {}

  compile(schema: Schema): string {
    const root = this.#of(schema);
    const rules = [...Object.entries(JSON_RULES), ...this.#rules, [ROOT, root]];
    return rules.map(([name, body]) => `${name} ::= ${body}\n`).join('');
  }

  /** An expression for a schema. */
  #of(schema: Schema): string {
    if (schema === true) return 'value';
    if (schema === false) throw new Unsatisfiable('a schema', 'it is false');
    const known = this.#names.get(schema);
    if (known !== undefined) return known;
    const [only, ...others] = restrictions(schema, this.document);
    if (only === undefined) return 'value';
    if (only === '$ref' && others.length === 0) return this.#of(this.#target(schema));
    const name = this.#newName();
    this.#names.set(schema, name);
    if (++this.#depth > MAX_DEPTH)
      throw new EdgeVlmError('GRAMMAR_LIMIT', `${this.document.pointer(schema)}: the schema unfolds without end`);
    const body = this.#bodyOf(schema, others.length === 0 ? only : undefined);
    this.#depth--;
    this.#rules.set(name, body);
    return name;
  }

  /** @param only the keyword that the schema consists of, if it is one */
  #bodyOf(schema: SchemaObject, only: string | undefined): string {
    const { document } = this;
    const pointer = document.pointer(schema);
    const oneOf = schemasOf(schema, 'oneOf', document) ?? [];
    if (only === 'anyOf' || only === 'oneOf') {
      if (only === 'oneOf') checkOneOf(oneOf, pointer, document);
      const options = only === 'oneOf' ? oneOf : (schemasOf(schema, 'anyOf', document) ?? []);
      return this.#alternatives(
        options.map((option) => () => this.#of(option)),
        pointer,
      );
    }
    const flat = flattenSchema(schema, document);
    return this.#alternatives(
      flat.map((one) => () => this.#flat(one)),
      pointer,
    );
  }

  /** Alternatives without those that contradict themselves, whose rules are forgotten. */
  #alternatives(makers: readonly (() => string)[], pointer: string): string {
    const made = satisfiable(
      makers.map((make) => () => {
        const [rules, names, depth] = [new Map(this.#rules), new Map(this.#names), this.#depth];
        try {
          return make();
        } catch (thrown) {
          if (thrown instanceof Unsatisfiable) [this.#rules, this.#names, this.#depth] = [rules, names, depth];
          throw thrown;
        }
      }),
      pointer,
    );
    return [...new Set(made)].join(' | ');
  }

  /** An expression for a schema that combines no others. */
  #flat(schema: SchemaObject): string {
    const { document } = this;
    const pointer = document.pointer(schema);
    const values = valuesOf(schema, document);
    if (values !== undefined) return this.#values(schema, values);
    const types = writtenTypes(schema, document);
    if (types.size === TYPES.length && restrictions(schema, document).length === 0) return 'value';
    const written = TYPES.filter((type) => types.has(type) && !(type === 'integer' && types.has('number')));
    return this.#alternatives(
      written.map((type) => () => this.#ofType(type, schema)),
      pointer,
    );
  }

  #values(schema: SchemaObject, values: readonly unknown[]): string {
    const { document } = this;
    const types = validTypes(schema, document);
    const beside = restrictions(schema, document).find((keyword) => !['type', 'enum', 'const'].includes(keyword));
    if (beside !== undefined) {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${document.pointer(schema)}/${beside}: beside a list of values`);
    }
    const valid = values.filter((value) => types.has(typeOf(value)));
    if (valid.length === 0) throw new Unsatisfiable(document.pointer(schema), 'no value of the list is of the type');
    return valid.map((value) => gbnfLiteral(JSON.stringify(value))).join(' | ');
  }

  #ofType(type: Type, schema: SchemaObject): string {
    switch (type) {
      case 'null':
      case 'boolean':
        return type;
      case 'integer':
      case 'number':
        return this.#number(type, schema);
      case 'string':
        return this.#string(schema);
      case 'array':
        return this.#array(schema);
      case 'object':
        return this.#object(schema);
    }
  }

  #number(type: 'integer' | 'number', schema: SchemaObject): string {
    const { document } = this;
    // A bound beyond all that is written says nothing.
    const bound = (keyword: string, beyond: (value: number) => boolean): number | undefined => {
      const value = numberOf(schema, keyword, document);
      return value === undefined || beyond(value) ? undefined : value;
    };
    const low = (value: number): boolean => value <= -LARGEST_INTEGER;
    const high = (value: number): boolean => value >= LARGEST_INTEGER;
    const bounds = {
      minimum: bound('minimum', low),
      maximum: bound('maximum', high),
      exclusiveMinimum: bound('exclusiveMinimum', low),
      exclusiveMaximum: bound('exclusiveMaximum', high),
    };
    if (Object.values(bounds).every((bound) => bound === undefined)) return type;
    const pointer = document.pointer(schema);
    if (!areWritable(bounds)) throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${pointer}: the bounds have more than 15 digits`);
    const ways = [integerGrammar(bounds), type === 'number' ? decimalGrammar(bounds) : undefined].filter((way) => way !== undefined);
    if (ways.length === 0) throw new Unsatisfiable(pointer, 'there is no number between its bounds');
    return this.#rule(ways.join(' | '));
  }

  #string(schema: SchemaObject): string {
    const { document } = this;
    const pointer = document.pointer(schema);
    const min = countOf(schema, 'minLength', 0, document);
    const max = countOf(schema, 'maxLength', Infinity, document);
    if (min > max) throw new Unsatisfiable(pointer, 'minLength is more than maxLength');
    const [pattern, format] = [textOf(schema, 'pattern', document), textOf(schema, 'format', document)];
    if (pattern === undefined && format === undefined) {
      return min === 0 && max === Infinity ? 'string' : `"\\"" character${repetition(min, max, pointer)} "\\""`;
    }
    if (pattern !== undefined && format !== undefined) {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${pointer}/pattern: beside format, it cannot be made a grammar`);
    }
    const inner = pattern === undefined ? STRING_FORMATS.get(format ?? '') : patternGrammar(pattern, `${pointer}/pattern`);
    if (inner === undefined) {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${pointer}/format: of formats ${[...STRING_FORMATS.keys()].join(', ')} are known`);
    }
    if (inner.shortest < min || inner.longest > max) {
      throw new EdgeVlmError(
        'SCHEMA_UNSUPPORTED',
        `${pointer}: its ${pattern === undefined ? 'format' : 'pattern'} allows other lengths than it does`,
      );
    }
    return `"\\"" ${this.#rule(inner.gbnf)} "\\""`;
  }

  #array(schema: SchemaObject): string {
    const { document } = this;
    const pointer = document.pointer(schema);
    if (Array.isArray(schema.items)) {
      throw new EdgeVlmError('SCHEMA_UNSUPPORTED', `${pointer}/items: a list of schemas is called prefixItems since 2020-12`);
    }
    const prefix = schemasOf(schema, 'prefixItems', document) ?? [];
    const items = schemaOf(schema, 'items', document);
    const min = countOf(schema, 'minItems', 0, document);
    // What comes after the first ones is only written where the schema speaks of it.
    const written = items === false || (items === undefined && prefix.length > min) ? prefix.length : Infinity;
    const max = Math.min(countOf(schema, 'maxItems', Infinity, document), written);
    if (min > max) throw new Unsatisfiable(pointer, 'minItems is more than there can be');
    if (max === 0) return '"[" space "]"';
    const separate = (index: number): string => (index === 0 ? '' : '"," space ');
    let tail = '';
    if (max > prefix.length) {
      const item = `${this.#of(items ?? true)} space`;
      const [low, high] = [Math.max(min - prefix.length, 0), max - prefix.length];
      const more = `("," space ${item})`;
      if (prefix.length > 0) tail = `${more}${repetition(low, high, pointer)}`;
      else if (high === 1) tail = item;
      else tail = `${item} ${more}${repetition(Math.max(low - 1, 0), high - 1, pointer)}`;
      if (prefix.length === 0 && low === 0) tail = `(${tail})?`;
    }
    for (let i = Math.min(prefix.length, max) - 1; i >= 0; i--) {
      const rest = tail === '' ? '' : ` ${this.#rule(tail)}`;
      tail = `${separate(i)}${this.#of(prefix[i] ?? true)} space${rest}`;
      if (i >= min) tail = `(${tail})?`;
    }
    return `"[" space ${tail} "]"`;
  }

  #object(schema: SchemaObject): string {
    const { document } = this;
    const pointer = document.pointer(schema);
    const properties = propertiesOf(schema, document);
    const required = new Set(requiredOf(schema, document));
    const additional = schemaOf(schema, 'additionalProperties', document) ?? (properties.size === 0 && required.size === 0);
    // Required properties that are not described come last.
    for (const name of required)
      if (!properties.has(name)) properties.set(name, schemaOf(schema, 'additionalProperties', document) ?? true);
    const written = [...properties].flatMap(([name, property]): { name: string; optional: boolean; member: string }[] => {
      const member = (): string => `${gbnfLiteral(JSON.stringify(name))} ":" space ${this.#of(property)} space`;
      if (required.has(name)) return [{ name, optional: false, member: member() }];
      const [possible] = this.#possible(member, pointer);
      return possible === undefined ? [] : [{ name, optional: true, member: possible }];
    });
    let more: string | undefined;
    if (additional !== false) {
      const key = otherKeys([...properties.keys()], (gbnf) => this.#rule(gbnf));
      more = this.#rule(`"\\"" ${key} "\\":" space ${this.#of(additional)} space`);
    }
    // What follows once a member was written, and what does where none was: the former with commas.
    let after = more === undefined ? '' : `("," space ${more})*`;
    let first = more === undefined ? '' : `(${more} ("," space ${more})*)?`;
    for (const { optional, member } of written.toReversed()) {
      const name = this.#rule(member);
      const rest = after === '' ? '' : ` ${this.#rule(after)}`;
      const skipped = first === '' ? '""' : this.#rule(first);
      first = optional ? `${name}${rest} | ${skipped}` : `${name}${rest}`;
      after = optional ? `("," space ${name})?${rest}` : `"," space ${name}${rest}`;
    }
    return `"{" space ${first === '' ? '' : this.#rule(first)} "}"`;
  }

  /** What can be made, as a list of one; none when it contradicts itself. */
  #possible(make: () => string, pointer: string): string[] {
    try {
      return [this.#alternatives([make], pointer)];
    } catch (thrown) {
      if (thrown instanceof Unsatisfiable) return [];
      throw thrown;
    }
  }

  #target(schema: SchemaObject): Schema {
    const { document } = this;
    const followed = new Set<Schema>();
    let target: Schema = schema;
    while (typeof target === 'object' && '$ref' in target && restrictions(target, document).length === 1) {
      if (followed.has(target)) throw new EdgeVlmError('SCHEMA_INVALID', `${document.pointer(target)}/$ref leads back to itself`);
      followed.add(target);
      target = document.resolve(target.$ref, `${document.pointer(target)}/$ref`);
    }
    return target;
  }

  #rule(body: string): string {
    const name = this.#newName();
    this.#rules.set(name, body);
    return name;
  }

  #newName(): string {
    if (++this.#made > MAX_RULES) throw new EdgeVlmError('GRAMMAR_LIMIT', `the schema makes more than ${MAX_RULES} rules`);
    return `r${this.#made}`;
  }
}

/** @throws GRAMMAR_LIMIT where fewer than `min` can be repeated; a higher maximum is cut */
function repetition(min: number, max: number, pointer: string): string {
  if (min > MAX_REPETITIONS) throw new EdgeVlmError('GRAMMAR_LIMIT', `${pointer} wants more than ${MAX_REPETITIONS} of something`);
  return `{${min},${max === Infinity ? '' : Math.min(max, MAX_REPETITIONS)}}`;
}
