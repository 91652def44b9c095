import { Option } from 'commander';

/** An option that may be given several times; its value is the list, empty by default. */
export function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`)
    .argParser((text, list: readonly string[]) => [...list, text])
    .default([], 'none');
}
