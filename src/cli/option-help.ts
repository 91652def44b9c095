import type { Option } from 'commander';

/** What `--help` says of an option: what it does, its choices, its default, and whether it must be given. */
export function optionHelp(option: Option): string {
  const { description, argChoices, mandatory } = option;
  const value = option.required ? defaultText(option) : '';
  const facts = [
    ...(argChoices === undefined ? [] : [`choices: ${argChoices.join(', ')}`]),
    ...(value === '' ? [] : [`default: ${value}`]),
    ...(mandatory ? ['required'] : []),
  ];
  return facts.length === 0 ? description : `${description} (${facts.join('; ')})`;
}

/** Empty where the description has to tell it. */
function defaultText({ defaultValue, defaultValueDescription }: Option): string {
  const value: unknown = defaultValue;
  if (defaultValueDescription !== undefined) return defaultValueDescription;
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
