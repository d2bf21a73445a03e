import { BrowserWindow, dialog, nativeTheme, screen } from 'electron';
import { messageOf } from '../base/errors.ts';
import type { Clock, Logger } from '../base/index.ts';
import type { Config } from '../../preload/contract/index.ts';
import { WINDOW_HEIGHT_MIN, WINDOW_SHOW_DEADLINE_MS, WINDOW_STATE_DELAY_MS, WINDOW_WIDTH_MIN } from './constants.ts';
import type { Ipc } from './ipc.ts';
import { type Bounds, clampBounds, readWindowState, writeWindowState } from './window-state.ts';

/**
 * The one window. Closed means gone: a hidden page would keep a process of some 100 MB for nothing, and making a new
 * one takes less than a second. The node runs on either way.
 */
export interface MainWindow {
  /** Brings the window to the front, making it if there is none. */
  show(): void;
  /** The page to show a dialog above, or null while there is none. */
  current(): BrowserWindow | null;
  /** Paints everything in this theme, now and at the next start. */
  setTheme(theme: Config['theme']): void;
  /** Lets the window go without asking or saying anything. */
  close(): void;
}
export interface MainWindowComponents {
  clock: Clock;
  logger: Logger;
  ipc: Ipc;
}
export interface MainWindowInit {
  pageUrl: string;
  preloadPath: string;
  iconPath: string;
  /** File in which size, place and theme are remembered. */
  statePath: string;
  development: boolean;
  /** A page was painted and can be seen. */
  onPainted: () => void;
  /**
   * The owner closed the window. Resolves with true once the sentence "the node keeps running" need not be said any
   * more, because it was said before or because there is no node to speak of.
   */
  closeHintShown: () => Promise<boolean>;
  /** The sentence was said now. */
  onCloseHintShown: () => void;
  onQuit: () => void;
}

/** Colours of the page before it is there: the same as its own, so that nothing flashes. */
const BACKGROUND = { light: '#f6f7f9', dark: '#14161a' } as const;

export const createMainWindow = ({ clock, logger, ipc }: MainWindowComponents, init: MainWindowInit): MainWindow => {
  let state = readWindowState(init.statePath);
  let window: BrowserWindow | null = null;
  let cancelSave: (() => void) | null = null;
  let hintOpen = false;
  nativeTheme.themeSource = state.theme;

  const background = (): string => (nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light);
  nativeTheme.on('updated', () => window?.setBackgroundColor(background()));

  const save = (): void => {
    cancelSave?.();
    cancelSave = null;
    try {
      writeWindowState(init.statePath, state);
    } catch (error) {
      // The owner can drag the window again; a full disk is reported by the parts that keep data.
      logger.debug('Place of the window not kept', { reason: messageOf(error) });
    }
  };

  const remember = (from: BrowserWindow): void => {
    state = { ...state, bounds: from.getNormalBounds(), maximized: from.isMaximized() };
    cancelSave?.();
    cancelSave = clock.after(WINDOW_STATE_DELAY_MS, save);
  };

  /** Says once that closing the window does not stop the node. A dialog, because not every desktop shows notifications. */
  const sayHint = async (parent: BrowserWindow): Promise<void> => {
    hintOpen = true;
    try {
      const { response } = await dialog.showMessageBox(parent, {
        type: 'info',
        title: 'HyperMesh',
        message: 'HyperMesh keeps running without its window',
        detail:
          'The node goes on lending what your limits allow. Start HyperMesh again, or use its icon in the tray, to bring the window back. This is said only once.',
        buttons: ['Close the window', 'Quit HyperMesh'],
        defaultId: 0,
        cancelId: 0,
        noLink: true,
      });
      init.onCloseHintShown();
      if (response === 1) init.onQuit();
      else parent.destroy();
    } finally {
      hintOpen = false;
    }
  };

  const open = (): void => {
    const [first, ...rest] = [screen.getPrimaryDisplay(), ...screen.getAllDisplays()].map(
      (display): Bounds => display.workArea,
    );
    const created = new BrowserWindow({
      ...clampBounds(state.bounds, [first as Bounds, ...rest]),
      minWidth: WINDOW_WIDTH_MIN,
      minHeight: WINDOW_HEIGHT_MIN,
      show: false,
      title: 'HyperMesh',
      icon: init.iconPath,
      autoHideMenuBar: true,
      backgroundColor: background(),
      webPreferences: {
        preload: init.preloadPath,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        spellcheck: false,
        devTools: init.development,
        // Timers and drawing rest while nobody can see them.
        backgroundThrottling: true,
        navigateOnDragDrop: false,
        safeDialogs: true,
      },
    });
    window = created;
    ipc.admit(created.webContents);
    const present = (): void => {
      cancelDeadline();
      if (created.isDestroyed() || created.isVisible()) return;
      if (state.maximized) created.maximize();
      created.show();
    };
    const cancelDeadline = clock.after(WINDOW_SHOW_DEADLINE_MS, present);
    created.once('ready-to-show', () => {
      present();
      init.onPainted();
    });
    for (const event of ['resize', 'move', 'maximize', 'unmaximize'] as const) {
      // Each has its own overload; all of them carry nothing that is needed.
      created.on(event as 'resize', () => remember(created));
    }
    created.on('close', (event) => {
      if (created.isDestroyed()) return;
      // Nothing is decided before the setting was read, so the first close of a session is always held back.
      event.preventDefault();
      if (hintOpen) return;
      init
        .closeHintShown()
        .then(async (shown) => {
          if (created.isDestroyed()) return;
          if (shown) created.destroy();
          else await sayHint(created);
        })
        .catch((error: unknown) => {
          logger.error('The window could not be closed as usual', { reason: messageOf(error) });
          if (!created.isDestroyed()) created.destroy();
        });
    });
    created.on('closed', () => {
      cancelDeadline();
      if (cancelSave !== null) save();
      window = null;
    });
    created.webContents.on('render-process-gone', (_event, { reason }) => {
      logger.error('The page ended unexpectedly; it is loaded again', { reason });
      if (reason !== 'clean-exit' && !created.isDestroyed())
        clock.after(WINDOW_STATE_DELAY_MS, () => !created.isDestroyed() && created.reload());
    });
    created
      .loadURL(init.pageUrl)
      .catch((error: unknown) => logger.error('The page could not be loaded', { reason: messageOf(error) }));
  };

  return {
    show() {
      if (window === null) {
        open();
        return;
      }
      if (window.isMinimized()) window.restore();
      // Before it has painted it shows itself.
      if (window.isVisible()) window.show();
      window.focus();
    },
    current: () => window,
    setTheme(theme) {
      if (state.theme === theme && nativeTheme.themeSource === theme) return;
      state = { ...state, theme };
      nativeTheme.themeSource = theme;
      save();
    },
    close() {
      window?.destroy();
    },
  };
};
