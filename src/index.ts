/** The library's public face: load a model, prepare pictures, stream answers. See docs/ARCHITECTURE.md. */
export type { DecodingOptions, DecodingStatistics, DecodingStrategyName } from './core/decoding.js';
export { EdgeVlmError, ERROR_CATALOGUE, type ErrorCode } from './core/errors.js';
export type {
  ChatMessage,
  DetailedDescription,
  DetailedResult,
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  Generator,
  Grammar,
  ImagePart,
  ModelDescription,
  PicturePart,
  SamplingOptions,
  StageTimings,
  TextPart,
} from './core/generator.js';
export type { ImagePreprocessing, ImageTile, PreparedImage } from './core/image.js';
export { findModel, type FoundModel, type ModelRequest } from './catalogue/find-model.js';
export { EngineGenerator } from './runtimes/engine/engine-generator.js';
export type { EngineLoadOptions } from './runtimes/engine/engine-protocol.js';
export { prepareImage } from './vision/prepare-image.js';
export { prepareImages, type PreparedSource, type PrepareImagesOptions } from './vision/prepare-images.js';
