import type { AblationPrompt } from '../../bench/scenarios/ablation/ablation-prompt.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { generateAlbum, type Album } from '../../data/albums/generate-album.js';
import { generateScene, type Scene } from '../../data/scenes/generate-scene.js';
import type { Split } from '../../data/scenes/vocabulary.js';
import { CAPTION_PROMPT, EVALUATION_LIMITS } from '../commands/evaluation-limits.js';
import { describedObjects } from '../commands/eval-scene-pictures.js';
import { userMessage } from '../user-message.js';
import { albumMessages } from './album-messages.js';
import { conversation } from './conversation.js';
import { preparedPicture } from './prepared-picture.js';

export interface DrawnPromptsOptions {
  readonly split: Split;
  readonly seed: number;
  /** How the model takes pictures; null for one that sees none: then every prompt is text. */
  readonly vision: ImagePreprocessing | null;
}

/** Of ten prompts so many are about a picture by itself and about an album; the rest are text. */
const SCENES = 6;
const ALBUMS = 3;
const ROUND = 10;
/** Prompts about one scene: its caption, and questions. */
const PER_SCENE = 3;
/** Pictures that an album's conversation is followed through before a question about an early one is asked. */
const ALBUM_TURNS = 6;
const TEXT_TOKENS = 64;
const SCENE = { style: 'rich', maxObjects: 4 } as const;

/**
 * Conversations that can be drawn without a file: captions of scenes and questions about them, turns of albums with true captions
 * before them, and text about captions that asks for some of them again. The same options give the same prompts.
 */
export class DrawnPrompts {
  #album: { readonly index: number; readonly album: Album } | undefined;

  constructor(private readonly options: DrawnPromptsOptions) {}

  /** @param index from 0 */
  async prompt(index: number): Promise<AblationPrompt> {
    const { vision } = this.options;
    const [round, at] = [Math.floor(index / ROUND), index % ROUND];
    if (vision === null) return this.#text(index);
    if (at < SCENES) return this.#ofScene(round * (SCENES / PER_SCENE) + Math.floor(at / PER_SCENE), at % PER_SCENE, vision);
    if (at < SCENES + ALBUMS) return this.#ofAlbum(round * ALBUMS + at - SCENES, vision);
    return this.#text(round);
  }

  async #ofScene(index: number, which: number, vision: ImagePreprocessing): Promise<AblationPrompt> {
    const scene = this.#scene(index);
    const { objects, caption, variants, questions } = scene.truth;
    const image = await preparedPicture(scene, vision);
    const question = questions[which - 1];
    if (question === undefined) {
      const truth = { asks: 'caption', objects: describedObjects(objects), right: [caption, ...variants] } as const;
      return conversation('scene', [userMessage([image], CAPTION_PROMPT)], EVALUATION_LIMITS.captionTokens, truth);
    }
    const truth = { asks: 'answer', kind: question.kind, answer: question.answer } as const;
    return conversation('scene', [userMessage([image], question.question)], EVALUATION_LIMITS.answerTokens, truth);
  }

  /** The next turn of an album, or the question after its last. */
  async #ofAlbum(at: number, vision: ImagePreprocessing): Promise<AblationPrompt> {
    const { truth, rasters } = this.#albumOf(Math.floor(at / (ALBUM_TURNS + 1)));
    const turn = at % (ALBUM_TURNS + 1);
    const asked = truth.questions.find(({ picture }) => picture <= ALBUM_TURNS);
    const shown = turn < ALBUM_TURNS ? turn + 1 : ALBUM_TURNS;
    const images = await Promise.all(rasters.slice(0, shown).map((raster) => preparedPicture(raster, vision)));
    const messages = albumMessages(truth, images, turn);
    const picture = truth.pictures[turn];
    if (turn < ALBUM_TURNS && picture !== undefined) {
      const right = [picture.caption, ...picture.variants];
      const expected = { asks: 'caption', objects: describedObjects(picture.objects), right } as const;
      return conversation('album', messages, EVALUATION_LIMITS.captionTokens, expected);
    }
    messages.push(userMessage([], asked?.question ?? 'In which picture was there a circle?'));
    const expected = asked === undefined ? null : ({ asks: 'answer', kind: asked.kind, answer: asked.answer } as const);
    return conversation('album', messages, EVALUATION_LIMITS.answerTokens, expected);
  }

  #text(index: number): AblationPrompt {
    const captions = Array.from({ length: 3 }, (_, i) => this.#scene(3 * index + i).truth.caption);
    const list = captions.map((caption, i) => `${i + 1}. ${caption}`).join('\n');
    const wants = ['Say the second one again.', 'Say all of them again.', 'Which of them is about the most things?'];
    const text = `These are captions of pictures:\n${list}\n${wants[index % wants.length] ?? ''}`;
    return conversation('text', [userMessage([], text)], TEXT_TOKENS, null);
  }

  #scene(index: number): Scene {
    const { split, seed } = this.options;
    return generateScene({ ...SCENE, split, seed, index });
  }

  /** Drawing one takes a while, and its turns follow each other. */
  #albumOf(index: number): Album {
    if (this.#album?.index !== index) {
      const { split, seed } = this.options;
      this.#album = { index, album: generateAlbum({ ...SCENE, split, seed, index, pictures: 12 }) };
    }
    return this.#album.album;
  }
}
