import { describe, expect, it } from 'vitest';

import { elementsOf, parsePage } from '../../../test/report/parse-page.js';
import { asBytes, asQuantity, asShare, orNone } from './figures.js';
import { htmlTable, markdownTable, type ReportTable } from './table.js';

const TABLE: ReportTable = {
  caption: 'Sizes & scores',
  columns: ['file', 'size', 'score', 'remark'],
  rows: [
    ['a|b<i>.gguf', asBytes(1536), { figure: asShare(0.5), low: asShare(0.4), high: asShare(0.625) }, 'none'],
    ['c', '–', '–', ['of ', asQuantity(3)]],
  ],
};

describe('a table', () => {
  const page = parsePage(String(htmlTable(TABLE)));
  const texts = (...tags: string[]): string[] => elementsOf(page, ...tags).map(({ text }) => text.trim());

  it('has a caption and names its columns and rows', () => {
    expect(texts('caption')).toEqual(['Sizes & scores']);
    const scopes = elementsOf(page, 'th').map(({ attributes, text }) => [attributes.get('scope'), text]);
    expect(scopes.filter(([scope]) => scope === 'col').map(([, text]) => text)).toEqual(TABLE.columns);
    expect(scopes.filter(([scope]) => scope === 'row').map(([, text]) => text)).toEqual(['a|b<i>.gguf', 'c']);
  });

  it('shows every figure as it is read, with the number itself beside it', () => {
    const data = elementsOf(page, 'data').map(({ attributes, text }) => [Number(attributes.get('value')), text]);
    expect(data).toEqual([
      [1536, '1.50 KiB'],
      [0.5, '50.0%'],
      [0.4, '40.0%'],
      [0.625, '62.5%'],
      [3, '3'],
    ]);
  });

  it('sets columns of figures to the right, unless it is a table of text', () => {
    const right = (table: ReportTable): string[] =>
      elementsOf(parsePage(String(htmlTable(table))), 'th')
        .filter(({ attributes }) => attributes.get('class') === 'number')
        .map(({ text }) => text);
    expect(right(TABLE)).toEqual(['size', 'score']);
    expect(right({ ...TABLE, align: 'text' })).toEqual([]);
  });

  it('is the same in Markdown, where a name cannot break a row', () => {
    const [head, line, first, second] = markdownTable(TABLE);
    expect(head).toMatch(/^\| file +\| size +\| score +\| remark \|$/);
    expect(line).toMatch(/^\|-+\|-+\|-+\|-+\|$/);
    expect(first).toBe('| a\\|b\\<i>.gguf | 1.50 KiB | 50.0% (40.0% – 62.5%) | none   |');
    expect(second).toMatch(/^\| c +\| – +\| – +\| of 3 +\|$/);
  });
});

describe('figures', () => {
  it.each([
    [0, '0'],
    [7, '7'],
    [0.00123, '0.0012'],
    [2.849, '2.85'],
    [50.28, '50.3'],
    [12_063.6, '12,064'],
  ])('%d is read as %s', (value, text) => {
    expect(asQuantity(value)).toEqual({ value, text });
  });

  it('what is not there is a dash, zero is not', () => {
    expect([orNone(null, asBytes), orNone(undefined, asBytes), orNone(0, asBytes)]).toEqual(['–', '–', asBytes(0)]);
  });
});
