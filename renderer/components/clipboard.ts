/** For so long a copied address may be pasted. */
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

/** Copies a text and takes it out of the clipboard again after {@link CLEAR_AFTER_MS}, unless something else is there by then. */
export const copyForAMinute = async (clipboard: TextClipboard, text: string): Promise<void> => {
  await clipboard.writeText(text);
  setTimeout(() => {
    if (document.hasFocus()) void clearIfUnchanged(clipboard, text);
    // A page that is not in front may not look; it does as soon as it is again.
    else window.addEventListener('focus', () => void clearIfUnchanged(clipboard, text), { once: true });
  }, CLEAR_AFTER_MS);
};
