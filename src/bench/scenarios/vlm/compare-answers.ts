import { ANSWER_FINGERPRINT } from '../../../core/record-parts.js';
import type { RunRecord } from '../../../core/run-record.js';

/** How far two runs said the same. */
export interface AnswerAgreement {
  /** Of the pictures that both answered. */
  readonly pictures: number;
  /** The share of them with the same text; null where there are none. */
  readonly share: number | null;
}

type Answered = Pick<RunRecord, 'samples'>;

/** Compares the answers of two runs of one machine about the same pictures, by their fingerprints. */
export function compareAnswers(run: Answered, reference: Answered): AnswerAgreement {
  const theirs = answersOf(reference);
  const pairs = [...answersOf(run)].flatMap(([picture, answer]) => {
    const other = theirs.get(picture);
    return other === undefined ? [] : [answer === other];
  });
  return { pictures: pairs.length, share: pairs.length === 0 ? null : pairs.filter(Boolean).length / pairs.length };
}

/** Fingerprints by picture. */
function answersOf({ samples }: Answered): Map<number, number> {
  const list = (name: string): readonly number[] => samples.find((one) => one.name === name)?.values ?? [];
  const answers = list(ANSWER_FINGERPRINT);
  return new Map(
    list('picture_index').flatMap((picture, at): [number, number][] => {
      const answer = answers[at];
      return answer === undefined ? [] : [[picture, answer]];
    }),
  );
}
