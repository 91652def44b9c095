import { expect, it } from 'vitest';

import { html } from './html.js';

it('escapes what is filled in, between tags and in attributes', () => {
  const name = `<script>alert("1")</script>' onload='&amp;`;
  expect(String(html`<p title="${name}">${name}</p>`)).toBe(`<p title="${ESCAPED}">${ESCAPED}</p>`);
});
const ESCAPED = '&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39; onload=&#39;&#38;amp;';

it('does not escape markup twice, alone or in a list', () => {
  const items = ['a & b', 2].map((item) => html`<i>${item}</i>`);
  expect(String(html`<b>${items}${html`!`}</b>`)).toBe('<b><i>a &#38; b</i><i>2</i>!</b>');
});

it.each([
  ['a control character', 'a\u0000b\u001bc', 'a\ufffdb\ufffdc'],
  ['a mark that turns the direction of text', 'gguf\u202egpj', 'gguf\ufffdgpj'],
  ['half of a surrogate pair', 'a\ud800b', 'a\ufffdb'],
])('replaces %s', (_, text, shown) => {
  expect(String(html`${text}`)).toBe(shown);
});

it('keeps line breaks, tabs and letters of any script', () => {
  expect(String(html`${'zwölf\n\t模型 🦜'}`)).toBe('zwölf\n\t模型 🦜');
});
