import type { ImagePreprocessing } from '../../core/image.js';

/**
 * Vicuna 1.1's conversation, which LLaVA-1.5 and MobileVLM were trained on: turns end in a space and in the end-of-sequence token
 * by turns, and a message's pictures come first, each with a line to itself.
 * Source: `conv_vicuna_v1` in haotian-liu/LLaVA (`llava/conversation.py`) and in Meituan-AutoML/MobileVLM.
 */
const VICUNA = [
  "{% if messages[0]['role'] != 'system' %}",
  'A chat between a curious user and an artificial intelligence assistant. ',
  "The assistant gives helpful, detailed, and polite answers to the user's questions. ",
  '{% endif %}{% for message in messages %}',
  "{% if message['role'] != 'system' %}{{ message['role'] | upper }}: {% endif %}",
  "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{{ '\\n' }}{% endif %}{% endfor %}",
  "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}",
  "{% if message['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ ' ' }}{% endif %}",
  '{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}',
].join('');

const TEMPLATES: Record<ImagePreprocessing['kind'], string | null> = { idefics3: null, llava: VICUNA };

/** The chat template of a family whose files often lack one, or null. */
export function defaultChatTemplate(vision: ImagePreprocessing | null): string | null {
  return vision === null ? null : TEMPLATES[vision.kind];
}
