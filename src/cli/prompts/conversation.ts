import type { AblationPrompt, PromptKind, PromptTruth } from '../../bench/scenarios/ablation/ablation-prompt.js';
import type { ChatMessage } from '../../core/generator.js';

/** A prompt with the line that stands for it in a data set's hash. */
export function conversation(kind: PromptKind, messages: readonly ChatMessage[], maxTokens: number, truth: PromptTruth): AblationPrompt {
  const said = messages.map(({ role, content }) => [
    role,
    ...content.map((part) => (part.type === 'text' ? part.text : part.type === 'image' ? part.image.hash : 'picture')),
  ]);
  return { kind, messages, maxTokens, truth, line: `${JSON.stringify({ kind, said, truth })}\n` };
}
