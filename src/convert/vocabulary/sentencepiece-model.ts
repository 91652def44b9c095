import { isUtf8 } from 'node:buffer';
import { EdgeVlmError } from '../../core/errors.js';
import { protobufFields } from './protobuf.js';

export interface SentencePiece {
  readonly text: string;
  readonly score: number;
  /** As `ModelProto.SentencePiece.Type`: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. */
  readonly type: number;
}

/** `TrainerSpec.ModelType` of byte-pair encoding; the default when nothing is written is 1, unigram. */
const BPE = 2;
const UNIGRAM = 1;

/**
 * The pieces of a tokenizer.model, by id.
 * Format: `sentencepiece_model.proto` of SentencePiece.
 * @throws EdgeVlmError CHECKPOINT_INVALID where it is no such file, CHECKPOINT_UNSUPPORTED for other models than BPE.
 */
export function sentencePieces(path: string, file: Buffer): SentencePiece[] {
  const pieces: SentencePiece[] = [];
  let modelType = UNIGRAM;
  try {
    for (const field of protobufFields(file)) {
      if (field.kind !== 'bytes') continue;
      if (field.number === 1) pieces.push(piece(field.bytes));
      if (field.number === 2) modelType = trainedModelType(field.bytes);
    }
  } catch (error) {
    throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} is no SentencePiece model`, { cause: error });
  }
  if (pieces.length === 0) throw new EdgeVlmError('CHECKPOINT_INVALID', `${path} holds no pieces`);
  if (modelType !== BPE)
    throw new EdgeVlmError(
      'CHECKPOINT_UNSUPPORTED',
      `${path} is a SentencePiece model of the type ${modelType}, only BPE (2) can be converted`,
    );
  return pieces;
}

function piece(message: Buffer): SentencePiece {
  let [text, score, type] = ['', 0, 1];
  for (const field of protobufFields(message)) {
    if (field.number === 1 && field.kind === 'bytes') {
      if (!isUtf8(field.bytes)) throw new RangeError('a piece is not text');
      text = field.bytes.toString('utf8');
    } else if (field.number === 2 && field.kind === 'fixed32') {
      score = field.bytes.readFloatLE();
    } else if (field.number === 3 && field.kind === 'varint') {
      type = field.value;
    }
  }
  return { text, score, type };
}

function trainedModelType(message: Buffer): number {
  let type = UNIGRAM;
  for (const field of protobufFields(message)) {
    if (field.number === 3 && field.kind === 'varint') type = field.value;
  }
  return type;
}
