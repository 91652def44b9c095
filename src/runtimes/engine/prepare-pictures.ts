import { EdgeVlmError } from '../../core/errors.js';
import type { ContentPart, GenerateRequest } from '../../core/generator.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { prepareImage } from '../../vision/prepare-image.js';
import type { PreparedMessage, PreparedPart, PreparedRequest } from '../prompt/prepared-request.js';

/**
 * Decodes the pictures of a request and cuts them to the model's size.
 * @param vision null for a model without a vision half @param wantsPixels also of pictures that were seen before
 * @throws MMPROJ_MISSING; as `prepareImage`
 */
export async function preparePictures(
  request: GenerateRequest,
  vision: ImagePreprocessing | null,
  wantsPixels = request.reuse === false,
): Promise<PreparedRequest> {
  const { input } = request;
  if ('prompt' in input) return { ...request, input };
  const messages = input.messages.map(async ({ role, content }): Promise<PreparedMessage> => ({
    role,
    content: await Promise.all(content.map((part) => preparePart(part, vision, wantsPixels))),
  }));
  return { ...request, input: { messages: await Promise.all(messages) } };
}

async function preparePart(part: ContentPart, vision: ImagePreprocessing | null, wantsPixels: boolean): Promise<PreparedPart> {
  switch (part.type) {
    case 'text':
    case 'image':
      return part;
    case 'seen-image':
      return { type: 'image', image: wantsPixels ? await part.pixels() : part.image };
    case 'picture':
      if (vision === null) throw new EdgeVlmError('MMPROJ_MISSING', 'this model was loaded without its vision half');
      return { type: 'image', image: await prepareImage(part.bytes, vision) };
  }
}
