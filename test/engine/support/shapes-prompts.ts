import { createHash } from 'node:crypto';
import { generateAlbum } from '../../../src/data/albums/generate-album.js';
import type { TextEngine } from '../../../src/runtimes/engine/text-engine.js';
import type { PreparedMessage } from '../../../src/runtimes/prompt/prepared-request.js';
import { preprocessImage } from '../../../src/vision/prepare-image.js';
import { assistant, sceneFor, user } from './ask.js';

/** What the model was never shown a picture for; it answers all the same. */
const TEXTS = [
  'Describe the picture.',
  'What color is the circle?',
  'Where is the star?',
  'How many objects are there?',
  'Hello!',
] as const;
/** Pictures that an album's conversation is followed through. */
const ALBUM_PICTURES = 6;

/** Conversations that end with a question: of scenes, of albums, and of no picture. */
export async function shapesPrompts(
  engine: TextEngine,
  { scenes, albums }: { scenes: number; albums: number },
): Promise<PreparedMessage[][]> {
  const prompts: PreparedMessage[][] = TEXTS.map((text) => [user(text)]);
  for (let index = 0; index < scenes; index++) {
    const { image, questions } = await sceneFor(engine, index);
    for (const question of ['Describe the picture.', ...questions.slice(0, 2)]) prompts.push([user(question, image)]);
  }
  for (let index = 0; index < albums; index++) prompts.push(...(await albumPrompts(engine, index)));
  return prompts;
}

async function albumPrompts(engine: TextEngine, index: number): Promise<PreparedMessage[][]> {
  const { vision } = engine.description;
  if (vision === null) throw new Error('the model has no vision half');
  const { truth, rasters } = generateAlbum({ split: 'test', seed: 4, index, pictures: 12 });
  const prompts: PreparedMessage[][] = [];
  const past: PreparedMessage[] = [];
  for (const [at, { prompt, caption }] of truth.pictures.slice(0, ALBUM_PICTURES).entries()) {
    const raster = rasters[at];
    if (raster === undefined) throw new Error('the album lacks a picture');
    const hash = createHash('sha256').update(raster.pixels).digest('hex');
    const image = await preprocessImage({ width: raster.side, height: raster.side, rgb: raster.pixels, hash }, vision);
    past.push(user(prompt, image));
    prompts.push([...past]);
    past.push(assistant(caption));
  }
  const question = truth.questions[0]?.question ?? 'In which picture was there a star?';
  return [...prompts, [...past, user(question)]];
}
