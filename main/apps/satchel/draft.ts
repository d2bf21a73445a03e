import type { Clock, Random } from '../../base/index.ts';
import { ENTROPY_BYTES, PHRASE_WORDS, phraseOf } from '../../base/crypto/index.ts';
import { DRAFT_ASKS, DRAFT_LIFE_MS, DRAFT_TRIES } from './constants.ts';
import { IdentityError } from './errors.ts';

/** 16 bytes as hex: nobody guesses which draft is open. */
const DRAFT_ID_BYTES = 16;

const draftUnknown = (): IdentityError =>
  new IdentityError(
    { code: 'DRAFT_UNKNOWN' },
    'This phrase is no longer waiting to be confirmed: too much time has passed, or another one was made since. Begin again, and throw away what you wrote down.',
  );

const plain = (word: string): string => word.normalize('NFKD').trim().toLowerCase();

/** The one phrase that was made and not yet confirmed. It is in memory and nowhere else. */
export class Draft {
  readonly #clock: Clock;
  readonly #random: Random;
  #open: { id: string; entropy: Uint8Array; ask: number[]; tries: number; cancel: () => void } | null = null;

  constructor({ clock, random }: { clock: Clock; random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  begin(): { draftId: string; words: string[]; ask: number[]; expiresAtMs: number } {
    this.forget();
    const entropy = this.#random.bytes(ENTROPY_BYTES);
    const id = Buffer.from(this.#random.bytes(DRAFT_ID_BYTES)).toString('hex');
    const ask = new Set<number>();
    while (ask.size < DRAFT_ASKS) ask.add(this.#random.below(PHRASE_WORDS) + 1);
    const places = [...ask].sort((one, other) => one - other);
    // By the monotonic clock: a wall clock that jumps neither ends a draft nor keeps it.
    const cancel = this.#clock.after(DRAFT_LIFE_MS, () => this.forget());
    this.#open = { id, entropy, ask: places, tries: DRAFT_TRIES, cancel };
    return { draftId: id, words: phraseOf(entropy), ask: places, expiresAtMs: this.#clock.nowMs() + DRAFT_LIFE_MS };
  }

  /**
   * @returns a copy of the entropy; the draft stays until it is forgotten, so that a full disk costs no phrase
   * @throws {IdentityError} `DRAFT_UNKNOWN` | `WORDS_WRONG`
   */
  check(draftId: string, words: readonly string[]): Uint8Array {
    const open = this.#open;
    if (open === null || open.id !== draftId) throw draftUnknown();
    const all = phraseOf(open.entropy);
    const right =
      words.length === open.ask.length &&
      open.ask.every((place, index) => plain(words[index] ?? '') === all[place - 1]);
    if (right) return open.entropy.slice();
    open.tries--;
    const triesLeft = open.tries;
    if (triesLeft === 0) this.forget();
    throw new IdentityError(
      { code: 'WORDS_WRONG', triesLeft },
      triesLeft === 0
        ? 'These are not the words at the places that were asked for, three times over, so this phrase is forgotten; begin again with a new one.'
        : `These are not the words at the places that were asked for; compare your note and try again (${triesLeft === 1 ? 'one try is' : `${triesLeft} tries are`} left).`,
    );
  }

  forget(): void {
    const open = this.#open;
    this.#open = null;
    open?.cancel();
    open?.entropy.fill(0);
  }
}
