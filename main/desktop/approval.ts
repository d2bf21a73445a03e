import type { BrowserWindow, MessageBoxOptions } from 'electron';
import type { ApprovalDialog } from '../apps/satchel/index.ts';
import type { Logger } from '../base/index.ts';
import { messageOf } from '../base/errors.ts';

/** Longest text of a line: a dialog that grows beyond the screen hides its buttons. */
const VALUE_LENGTH_MAX = 1500;
const LINES_MAX = 24;
/** Which button signs. Escape, Enter and closing the dialog mean the other. */
const SIGN = 0;
const DECLINE = 1;

export interface ApprovalComponents {
  logger: Logger;
  /** Brings the window up, so that the dialog has something to stand above. */
  show: () => void;
  /** The page, or null while there is none. */
  current: () => BrowserWindow | null;
  /** Electron's; it stands above the window and holds it until it is answered. */
  showMessageBox: (window: BrowserWindow, options: MessageBoxOptions) => Promise<{ response: number }>;
}

/** Marks that turn writing round, join or hide: what is shown has to be what is signed. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const visible = (text: string): string =>
  text.replaceAll(HIDDEN, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
/** The beginning and how much more there is. Nothing is left out silently. */
const shortened = (text: string): string =>
  text.length <= VALUE_LENGTH_MAX
    ? text
    : `${text.slice(0, VALUE_LENGTH_MAX)}… (${text.length - VALUE_LENGTH_MAX} more characters)`;

/**
 * Asks the owner in a dialog of the main process, which no page can answer, draw over or press. One at a time: a second question
 * is declined, so that nobody presses a button twice and agrees to what they never read.
 */
export const createApprovalDialog = ({ logger, show, current, showMessageBox }: ApprovalComponents): ApprovalDialog => {
  let open = false;
  return {
    async ask({ title, lines, warnings }) {
      if (open) return false;
      open = true;
      try {
        show();
        const window = current();
        if (window === null || window.isDestroyed()) return false;
        const shown = lines.slice(0, LINES_MAX).map(({ label, value }) => `${label}: ${shortened(visible(value))}`);
        if (lines.length > LINES_MAX) return false;
        const { response } = await showMessageBox(window, {
          type: warnings.length > 0 ? 'warning' : 'question',
          title: 'HyperMesh',
          message: visible(title),
          detail: [shown.join('\n'), ...warnings.map((warning) => `! ${visible(warning)}`)].join('\n\n'),
          buttons: ['Sign', 'Don’t sign'],
          defaultId: DECLINE,
          cancelId: DECLINE,
          noLink: true,
          // Otherwise a letter of a label presses it on some systems.
          normalizeAccessKeys: false,
        });
        // Electron answers a dialog whose window went away with its cancel button; nothing is left to chance.
        return response === SIGN && !window.isDestroyed();
      } catch (error) {
        logger.warn('The question could not be shown, so nothing was signed', { reason: messageOf(error) });
        return false;
      } finally {
        open = false;
      }
    },
  };
};
