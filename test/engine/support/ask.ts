import { createHash } from 'node:crypto';
import type { ChatMessage, DetailedResult, ImagePart, TextPart } from '../../../src/core/generator.js';
import type { PreparedImage } from '../../../src/core/image.js';
import { findModel } from '../../../src/catalogue/find-model.js';
import { generateScene } from '../../../src/data/scenes/generate-scene.js';
import type { EngineOptions } from '../../../src/engine/engine-options.js';
import type { PreparedMessage, PreparedRequest } from '../../../src/runtimes/prompt/prepared-request.js';
import { TextEngine } from '../../../src/runtimes/engine/text-engine.js';
import { preprocessImage } from '../../../src/vision/prepare-image.js';

/** The model in the box, in this process. */
export async function loadShapes(options: Partial<EngineOptions> = {}): Promise<TextEngine> {
  return TextEngine.load({ ...(await findModel({ model: 'shapes' })), threads: 1, ...options });
}

/** A generated scene as the model takes it, with questions about it. */
export async function sceneFor(engine: TextEngine, index: number): Promise<{ image: PreparedImage; questions: string[] }> {
  const { vision } = engine.description;
  if (vision === null) throw new Error('the model has no vision half');
  const { side, pixels, truth } = generateScene({ split: 'test', seed: 4, index, maxObjects: 3 });
  const hash = createHash('sha256').update(pixels).digest('hex');
  const image = await preprocessImage({ width: side, height: side, rgb: pixels, hash }, vision);
  return { image, questions: truth.questions.map(({ question }) => question) };
}

export const user = (text: string, ...images: PreparedImage[]): ChatMessage<TextPart | ImagePart> => ({
  role: 'user',
  content: [...images.map((image) => ({ type: 'image' as const, image })), { type: 'text', text }],
});

export const assistant = (text: string): PreparedMessage => ({ role: 'assistant', content: [{ type: 'text', text }] });

/** A whole answer with its tokens. */
export async function ask(
  engine: TextEngine,
  messages: readonly PreparedMessage[],
  options: Partial<PreparedRequest> = {},
  signal?: AbortSignal,
): Promise<DetailedResult & { tokens: number[] }> {
  const tokens: number[] = [];
  for await (const event of engine.generate({ input: { messages }, maxTokens: 40, ...options }, signal)) {
    if (event.type === 'done') return { ...event.result, tokens };
    tokens.push(event.token);
  }
  throw new Error('the generation ended without a result');
}
