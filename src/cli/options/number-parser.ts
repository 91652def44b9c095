import { InvalidArgumentError } from 'commander';

/** Parses an option's value as a whole number from `low` to `high`; anything else is refused, `1e3`, ` 7` and `` too. */
export function wholeNumber(low: number, high: number): (text: string) => number {
  return parser(/^-?\d+$/, 'a whole number', low, high);
}

/** The same for decimal numbers. */
export function decimalNumber(low: number, high: number): (text: string) => number {
  return parser(/^-?(\d+(\.\d*)?|\.\d+)$/, 'a number', low, high);
}

function parser(form: RegExp, kind: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (form.test(text) && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`Expected ${kind} from ${low} to ${high}.`);
  };
}
