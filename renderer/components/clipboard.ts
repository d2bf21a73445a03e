declare global {
  interface Window {
    /** What only the window can; there in the window only. */
    hypermeshWindow?: { forgetCopied(text: string): void };
  }
}

/** For so long a copied address may be pasted; in the window, main/desktop has the same. */
export const CLEAR_AFTER_MS = 60_000;

/** What is needed of the browser's clipboard. */
type TextClipboard = Pick<Clipboard, 'readText' | 'writeText'>;

/** Empties the clipboard if what was copied still is in it. Where the page may not look, it is left: what is in it may be somebody else's. */
const clearIfUnchanged = async (clipboard: TextClipboard, text: string): Promise<void> => {
  try {
    if ((await clipboard.readText()) === text) await clipboard.writeText('');
  } catch {
    // Not allowed to read, or not in front: see above.
  }
};

/**
 * Copies a text and takes it out of the clipboard again after {@link CLEAR_AFTER_MS}, unless something else is there by then.
 * In the window the program does that, since no page may read the clipboard there, and a closed window could not.
 */
export const copyForAMinute = async (clipboard: TextClipboard, text: string): Promise<void> => {
  await clipboard.writeText(text);
  if (window.hypermeshWindow !== undefined) {
    window.hypermeshWindow.forgetCopied(text);
    return;
  }
  setTimeout(() => {
    if (document.hasFocus()) void clearIfUnchanged(clipboard, text);
    // A page that is not in front may not look; it does as soon as it is again.
    else window.addEventListener('focus', () => void clearIfUnchanged(clipboard, text), { once: true });
  }, CLEAR_AFTER_MS);
};
