import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from './program.js';
import { Terminal } from './terminal.js';

const commands: { readonly path: string; readonly command: Command }[] = [];

function collect(command: Command, path: string): void {
  commands.push({ path, command });
  for (const one of command.commands) collect(one, `${path} ${one.name()}`);
}

beforeAll(async () => {
  const terminal = new Terminal({ json: false, onOutputClosed: () => undefined });
  collect(await createProgram({ terminal, signal: new AbortController().signal }, []), 'edgevlm');
});

describe('the help of every command', () => {
  test('says in a sentence what it does', () => {
    expect(commands.length).toBeGreaterThan(40);
    const unlike = commands.filter(({ command }) => !/^[A-Z].*[.…]$/s.test(command.description()));
    expect(unlike.map(({ path }) => path)).toEqual([]);
  });

  test('describes each option and argument, not in sentences', () => {
    const unlike = commands.flatMap(({ path, command }) =>
      [...command.options, ...command.registeredArguments]
        .filter(({ description }) => description.length < 3 || description.endsWith('.'))
        .map((one) => `${path} ${one.name()}`),
    );
    expect(unlike).toEqual([]);
  });

  test('shows defaults as one would type them, and what must be given', () => {
    const shown = commands.map(({ command }) => command.helpInformation()).join('\n');
    expect(shown).not.toMatch(/default:\s+(?:\{|\[|"|false|true|undefined|null)/);
    expect(helpOf('edgevlm data scenes').replace(/\s+/g, ' ')).toContain('--count <n> how many pictures (required)');
    expect(helpOf('edgevlm keys create').replace(/\s+/g, ' ')).toContain('(default: infer)');
  });
});

function helpOf(path: string): string {
  return commands.find((one) => one.path === path)?.command.helpInformation() ?? '';
}
