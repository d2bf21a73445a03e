import type { Clock } from '../base/index.ts';
import { COPIED_TEXT_LENGTH_MAX, COPIED_TEXT_MS } from './constants.ts';

/** The system's clipboard, as far as it is needed. */
export interface TextClipboard {
  readText(): string;
  clear(): void;
}
/**
 * Takes what the page has copied out of the clipboard again after {@link COPIED_TEXT_MS}. The page may not read the clipboard, and
 * is not told what was in it: this compares and clears, and answers nothing.
 */
export interface CopiedText {
  /** @param text - as the page has copied it; anything else is ignored */
  forget(text: unknown): void;
  /** Takes it out now, if it still is there. */
  close(): void;
}

export const createCopiedText = (clock: Clock, clipboard: TextClipboard): CopiedText => {
  let waiting: { text: string; cancel: () => void } | null = null;
  const clear = (): void => {
    if (waiting === null) return;
    const { text, cancel } = waiting;
    waiting = null;
    cancel();
    // Whatever else is there by then is somebody else's.
    if (clipboard.readText() === text) clipboard.clear();
  };
  return {
    forget: (text) => {
      if (typeof text !== 'string' || text === '' || text.length > COPIED_TEXT_LENGTH_MAX) return;
      waiting?.cancel();
      waiting = { text, cancel: clock.after(COPIED_TEXT_MS, clear) };
    },
    close: clear,
  };
};
