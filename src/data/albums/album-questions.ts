import { withArticle } from '../scenes/captions.js';
import type { Random } from '../scenes/random.js';
import { fits, TELLING, told } from '../scenes/rich/references.js';
import { nounPhrase } from '../scenes/rich/describe.js';
import { richQuestions } from '../scenes/rich/questions.js';
import type { SceneQuestion } from '../scenes/truth.js';
import type { AlbumPicture, AlbumQuestion } from './album-truth.js';

/** In which of the pictures something was that was in no other; null if no `early` object can be told so. */
function whichPicture(early: readonly AlbumPicture[], pictures: readonly AlbumPicture[], random: Random): AlbumQuestion | null {
  const { number, objects } = random.pick(early);
  const phrases = objects
    .flatMap((object) => TELLING.slice(1).flatMap((names) => told(object, names) ?? []))
    .filter((wanted) => pictures.filter((picture) => picture.objects.some((object) => fits(object, wanted))).length === 1)
    .map((wanted) => withArticle(nounPhrase(wanted)));
  if (phrases.length === 0) return null;
  return { kind: 'picture', picture: number, question: `In which picture was there ${random.pick(phrases)}?`, answer: String(number) };
}

/** Takes one of a picture's questions out of `pool`, every kind being equally likely; null if there is none left. */
function takeQuestion(picture: number, pool: SceneQuestion[], random: Random): AlbumQuestion | null {
  if (pool.length === 0) return null;
  const kind = random.pick([...new Set(pool.map((question) => question.kind))]);
  const chosen = random.pick(pool.filter((question) => question.kind === kind));
  pool.splice(pool.indexOf(chosen), 1);
  return { kind, picture, question: chosen.question, answer: chosen.answer };
}

/**
 * Questions about the first half of an album, as many as there are: in each round one about every picture, and one that asks for
 * a picture. The same question is not asked twice.
 */
export function* albumQuestions(pictures: readonly AlbumPicture[], random: Random): Generator<AlbumQuestion, void> {
  const early = random.sample(pictures.slice(0, Math.floor(pictures.length / 2)), pictures.length);
  const asked = new Set<string>();
  const pools = new Map(
    early.map(({ number, objects }) => [
      number,
      richQuestions(objects, random, { is: 'was', are: 'were', where: ` in picture ${number}` }),
    ]),
  );
  for (;;) {
    for (const turn of random.sample([...pools.entries(), null], pools.size + 1)) {
      const question = turn === null ? whichPicture(early, pictures, random) : takeQuestion(...turn, random);
      // Only the pools run dry, and before they repeat themselves.
      if (turn !== null && question === null) return;
      if (question === null || asked.has(question.question)) continue;
      asked.add(question.question);
      yield question;
    }
  }
}
