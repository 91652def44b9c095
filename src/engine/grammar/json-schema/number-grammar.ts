/** Where nothing is said, numbers keep to what doubles hold exactly. */
export const LARGEST_INTEGER = 999_999_999_999_999;
const LARGEST_DECIMAL = 999_999_999;
/** Digits that may follow those that a bound needs. */
const FREE_DIGITS = 8;

/** Bounds of a number; both ends belong to it unless it says otherwise. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

/** Integers within bounds; undefined when there are none. */
export function integerGrammar(bounds: NumberBounds): string | undefined {
  const { exclusiveMinimum: above, exclusiveMaximum: below } = bounds;
  const low = Math.max(
    bounds.minimum === undefined ? -Infinity : Math.ceil(bounds.minimum),
    above === undefined ? -Infinity : Math.floor(above) + 1,
  );
  const high = Math.min(
    bounds.maximum === undefined ? Infinity : Math.floor(bounds.maximum),
    below === undefined ? Infinity : Math.ceil(below) - 1,
  );
  return signed(Math.max(low, -LARGEST_INTEGER), Math.min(high, LARGEST_INTEGER), (from, to) => naturals(from, to, 0));
}

/**
 * Decimal numbers within bounds, without exponents: with as many decimals as the bounds have (two more beside an end that does not
 * belong), and more where they cannot step over an end. Undefined when there are none.
 */
export function decimalGrammar(bounds: NumberBounds): string | undefined {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = bounds;
  const decimals = decimalsFor(bounds);
  const scale = 10 ** decimals;
  const scaled = (value: number): number => Math.round(value * scale);
  const low = Math.max(minimum === undefined ? -Infinity : scaled(minimum), above === undefined ? -Infinity : scaled(above) + 1);
  const high = Math.min(maximum === undefined ? Infinity : scaled(maximum), below === undefined ? Infinity : scaled(below) - 1);
  const largest = Math.min(LARGEST_DECIMAL * scale, LARGEST_INTEGER);
  const bounded = (from: number, to: number): string => {
    // More digits move a number away from 0, by less than one step; at its far end an inclusive range has none left.
    const parts = from < to ? [`(${naturals(from, to - 1, decimals)}) [0-9]{0,${FREE_DIGITS}}`] : [];
    return [...parts, naturals(to, to, decimals)].join(' | ');
  };
  return signed(Math.max(low, -largest), Math.min(high, largest), bounded);
}

/** Whether doubles hold the bounds exactly with all the digits that are counted with. */
export function areWritable(bounds: NumberBounds): boolean {
  return endsOf(bounds).every((end) => Math.abs(end) * 10 ** decimalsFor(bounds) <= LARGEST_INTEGER);
}

function endsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: NumberBounds): number[] {
  return [minimum, maximum, exclusiveMinimum, exclusiveMaximum].filter((end) => end !== undefined);
}

function decimalsFor(bounds: NumberBounds): number {
  const open = bounds.exclusiveMinimum !== undefined || bounds.exclusiveMaximum !== undefined;
  return Math.max(1, ...endsOf(bounds).map((end) => decimalsOf(end) + (open ? 2 : 0)));
}

function decimalsOf(value: number): number {
  const [, decimals = '', exponent = '0'] = /^-?\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  return Math.max(0, decimals.length - Number(exponent));
}

function signed(low: number, high: number, magnitudes: (from: number, to: number) => string): string | undefined {
  if (low > high) return undefined;
  const parts = [
    ...(low < 0 ? [`"-" (${magnitudes(Math.max(-high, 1), -low)})`] : []),
    ...(high >= 0 ? [magnitudes(Math.max(low, 0), high)] : []),
  ];
  return parts.join(' | ');
}

/** Whole numbers from 0 with their last `decimals` digits behind a point. */
function naturals(low: number, high: number, decimals: number): string {
  const digits = (value: number): string => {
    const text = value.toFixed(0).padStart(decimals + 1, '0');
    return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
  };
  const parts: string[] = [];
  for (let from = low; from <= high;) {
    const whole = from.toFixed(0).padStart(decimals + 1, '0').length;
    const to = Math.min(high, 10 ** whole - 1);
    parts.push(between(digits(from), digits(to)));
    from = to + 1;
  }
  return parts.join(' | ');
}

/** Texts of digits, of one length, from `low` to `high`. */
function between(low: string, high: string): string {
  if (low === '') return '';
  if (low === high) return `"${low}"`;
  if (/^[0.]*$/.test(low) && /^[9.]*$/.test(high)) return anyDigits(low);
  const [first = '', last = ''] = [low[0], high[0]];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) return `"${first}" ${group(between(lowRest, highRest))}`;
  const parts: string[] = [];
  let [from, to] = [Number(first), Number(last)];
  if (!/^[0.]*$/.test(lowRest)) {
    parts.push(`"${first}" ${group(between(lowRest, lowRest.replace(/\d/g, '9')))}`);
    from++;
  }
  let end: string | undefined;
  if (!/^[9.]*$/.test(highRest)) {
    end = `"${last}" ${group(between(highRest.replace(/\d/g, '0'), highRest))}`;
    to--;
  }
  if (from <= to) parts.push(`${from === to ? `"${from}"` : `[${from}-${to}]`} ${anyDigits(lowRest)}`.trimEnd());
  return [...parts, ...(end === undefined ? [] : [end])].join(' | ');
}

function group(expression: string): string {
  return expression.includes(' | ') ? `(${expression})` : expression;
}

/** Any digits in place of the digits of `form`, its point kept. */
function anyDigits(form: string): string {
  const [whole = '', decimals] = form.split('.');
  const run = (length: number): string => (length === 0 ? '' : length === 1 ? '[0-9]' : `[0-9]{${length}}`);
  return [run(whole.length), ...(decimals === undefined ? [] : ['"."', run(decimals.length)])].filter((part) => part !== '').join(' ');
}
