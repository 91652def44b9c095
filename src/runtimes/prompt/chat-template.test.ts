import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';

import { ChatTemplate } from './chat-template.js';

const TOKENS = { bos_token: '<s>', eos_token: '</s>' };
const user = (text: string): { role: string; content: string } => ({ role: 'user', content: text });

describe('chat templates', () => {
  it('render messages up to the answer', () => {
    const template = new ChatTemplate(
      "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
      TOKENS,
    );
    expect(template.takesParts).toBe(false);
    expect(template.render([user('Hello.')])).toBe('<s>[user] Hello.\n[assistant]');
  });

  it('are shown typed parts when they read them', () => {
    const template = new ChatTemplate(
      "{% for m in messages %}{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}",
      TOKENS,
    );
    expect(template.takesParts).toBe(true);
    expect(template.render([{ role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What is it?' }] }])).toBe(
      '<image>What is it?',
    );
  });

  it('are tried again where the machine gave them no processor', () => {
    const template = new ChatTemplate("{% for m in messages %}{{ m['content'] }}{% endfor %}", TOKENS);
    let waits = 1;
    const starved = {
      role: 'user',
      get content(): string {
        if (waits-- > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
        return 'Hello.';
      },
    };
    expect(template.render([starved])).toBe('Hello.');
  });

  it('leave no V8 context behind, which only a full collection frees', () => {
    const template = new ChatTemplate('{{ bos_token }}', TOKENS);
    const before = getHeapStatistics().number_of_native_contexts;
    for (let request = 0; request < 10; request++) template.render([user('Hello.')]);
    expect(getHeapStatistics().number_of_native_contexts).toBeLessThanOrEqual(before);
  });

  it.each([
    ['an endless loop', '{% for i in range(10**9) %}{% for j in range(10**9) %}x{% endfor %}{% endfor %}'],
    ['broken syntax', '{% for %}'],
    ['a refusal', "{{ raise_exception('no system messages') }}"],
  ])('fail in time and with a code: %s', (_, source) => {
    expect(() => new ChatTemplate(source, TOKENS).render([user('Hello.')])).toThrow(expect.objectContaining({ code: 'TEMPLATE_FAILED' }));
  });
});
