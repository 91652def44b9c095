import { LONGEST_QUESTION } from '../default-prompts.js';
import { InvalidField } from '../invalid-field.js';
import type { PictureForm } from './read-form.js';

/** The question of a form. @throws REQUEST_INVALID */
export function requireQuestion({ fields }: PictureForm): string {
  const question = fields.get('question')?.trim() ?? '';
  if (question === '') throw new InvalidField('question', 'is missing');
  if (question.length > LONGEST_QUESTION) throw new InvalidField('question', `must have at most ${LONGEST_QUESTION} characters`);
  return question;
}
