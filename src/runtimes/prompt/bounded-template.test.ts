import { describe, expect, it } from 'vitest';
import { BoundedTemplate } from './bounded-template.js';

const render = (source: string, variables: Record<string, unknown> = {}): string => new BoundedTemplate(source).render(variables);

describe('a template within bounds', () => {
  it('renders as any other, with the globals that chat templates use', () => {
    expect(render('{% for i in range(1, 8, 3) %}{{ i }}{% endfor %}{{ range(3) | join }}{{ range(2, 0, -1) | join }}')).toBe('14701221');
    expect(render('{{ True and not none }} {{ name ~ [1] | length }}', { name: 'a' })).toBe('true a1');
    expect(render("{{ strftime_now('%Y') }}")).toMatch(/^\d{4}$/);
    expect(() => render("{{ raise_exception('no tools') }}")).toThrow('no tools');
  });

  it('may read a long text many times', () => {
    const text = 'x'.repeat(4_000_000);
    expect(render('{% if text and text and text and text and text and text %}{{ text }}{% endif %}', { text })).toHaveLength(4_000_000);
  });
});

it.each([
  ['a string that doubles', '{% set ns = namespace(x="a") %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}'],
  ['a list that doubles', '{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}'],
  ['a list of a billion numbers', '{{ range(1000000000) | length }}'],
  ['a list of tiny steps', '{{ range(0, 1, 0.000000001) | length }}'],
  ['steps of nothing', '{{ range(0, 1, 0) }}'],
  ['an indent of a gigabyte', '{{ "a\nb" | indent(500000000) }}'],
  [
    'a replacement that multiplies',
    '{% set ns = namespace(x="ab") %}{% for i in range(19) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x.replace("a", ns.x) }}',
  ],
])('fails instead of filling the memory: %s', (_, source) => {
  const before = process.memoryUsage.rss();
  expect(() => render(source)).toThrow(RangeError);
  expect(process.memoryUsage.rss() - before).toBeLessThan(1e9);
});
