import type { AblationPrompt } from '../../bench/scenarios/ablation/ablation-prompt.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { generateAlbum, type AlbumOptions } from '../../data/albums/generate-album.js';
import { describedObjects } from '../commands/eval-scene-pictures.js';
import { EVALUATION_LIMITS } from '../commands/evaluation-limits.js';
import { userMessage } from '../user-message.js';
import { albumMessages } from './album-messages.js';
import { conversation } from './conversation.js';
import { preparedPicture } from './prepared-picture.js';

/** Every turn of an album's conversation, behind what is true of the turns before: a caption of each picture, then each question. */
export async function albumTurns(options: AlbumOptions, vision: ImagePreprocessing): Promise<AblationPrompt[]> {
  const { truth, rasters } = generateAlbum(options);
  const images = await Promise.all(rasters.map((raster) => preparedPicture(raster, vision)));
  const captions = truth.pictures.map(({ objects, caption, variants }, turn) => {
    const expected = { asks: 'caption', objects: describedObjects(objects), right: [caption, ...variants] } as const;
    return conversation('album', albumMessages(truth, images.slice(0, turn + 1), turn), EVALUATION_LIMITS.captionTokens, expected);
  });
  const shown = albumMessages(truth, images, images.length);
  const answers = truth.questions.map(({ kind, question, answer }, at) => {
    const before = truth.questions
      .slice(0, at)
      .flatMap((earlier) => [
        userMessage([], earlier.question),
        { role: 'assistant', content: [{ type: 'text', text: earlier.answer }] } as const,
      ]);
    const messages = [...shown, ...before, userMessage([], question)];
    return conversation('album', messages, EVALUATION_LIMITS.answerTokens, { asks: 'answer', kind, answer });
  });
  return [...captions, ...answers];
}
