import { join } from 'node:path';
import { app, clipboard, dialog, powerMonitor, session } from 'electron';
import type { Dispatcher, WindowControl } from '../api/interface.ts';
import { messageOf } from '../base/errors.ts';
import type { ApprovalDialog } from '../apps/satchel/index.ts';
import type { Clock, Logger } from '../base/index.ts';
import type { GpuProbe } from '../kernel/assets/adapters/index.ts';
import type { PresenceSource } from '../kernel/monitor/index.ts';
import type { GpuMultiplier } from '../kernel/prover/index.ts';
import type { Config } from '../../preload/contract/index.ts';
import { createApprovalDialog } from './approval.ts';
import { type Autostart, createAutostart } from './autostart.ts';
import { PAGE_URL, SLEEP_NOTICE_S } from './constants.ts';
import { createCopiedText } from './copied-text.ts';
import { createGpuWindow } from './gpu-window.ts';
import { createIpc } from './ipc.ts';
import { installMenu } from './menu.ts';
import { createPresenceSource } from './presence.ts';
import { servePage } from './protocol.ts';
import { securePages, secureSession } from './security.ts';
import { createDesktopTray } from './tray.ts';
import { createMainWindow } from './window.ts';

/** Everything of the app that needs a screen: window, tray, menu, start at login, and what the node asks a desktop for. */
export interface Desktop {
  /** What the node is built with. */
  readonly gpuProbe: GpuProbe;
  readonly gpuMultiplier: GpuMultiplier;
  readonly presence: PresenceSource;
  readonly windowControl: WindowControl;
  /** Asks before anything is signed in the owner's name. */
  readonly approval: ApprovalDialog;
  /** Connects the node, once it is ready, to the page, the tray, the theme and start at login. */
  attach(dispatcher: Dispatcher): Promise<void>;
  /** The node could not start: calls of the page are answered with `STOPPING` instead of waiting for ever. */
  abandon(reason: unknown): void;
  /** Shows one sentence that the owner must read. Resolves with the number of the button. */
  tell(message: { title: string; message: string; detail: string; buttons: readonly string[] }): Promise<number>;
  /** Lets window and tray go. May be called twice. */
  close(): void;
}
export interface DesktopComponents {
  clock: Clock;
  logger: Logger;
}
export interface DesktopInit {
  /** Folder of the built page. */
  pageFolder: string;
  /** The built bridge. */
  preloadPath: string;
  /** Folder with the icons of window and tray. */
  iconFolder: string;
  /** Folder for what only the desktop remembers. */
  stateFolder: string;
  /** Address of the development server, or null to show the built page. */
  developmentUrl: string | null;
  /** Program and arguments that start the app hidden. */
  autostartCommand: readonly [string, ...string[]];
  configHome: string;
  platform: NodeJS.Platform;
  /** Why presence cannot be read in this session, or null. */
  presenceBlindReason: string | null;
  onQuit: () => void;
  onPainted: () => void;
}

const caller = { face: 'window' } as const;

/** Call once, when Electron is ready. */
export const createDesktop = ({ clock, logger }: DesktopComponents, init: DesktopInit): Desktop => {
  const developmentOrigin = init.developmentUrl === null ? null : new URL(init.developmentUrl).origin;
  securePages(logger, { developmentOrigin });
  secureSession(session.defaultSession, logger, { developmentOrigin });
  servePage(session.defaultSession, init.pageFolder);
  installMenu({ platform: init.platform, development: developmentOrigin !== null, onQuit: init.onQuit });

  const { promise: ready, resolve: setReady, reject: setFailed } = Promise.withResolvers<Dispatcher>();
  const copiedText = createCopiedText(clock, clipboard);
  const ipc = createIpc({ dispatcher: ready, copiedText, logger }, { developmentOrigin });
  let dispatcher: Dispatcher | null = null;
  let unsubscribe: (() => void) | null = null;

  const autostart: Autostart = createAutostart({
    platform: init.platform,
    command: init.autostartCommand,
    configHome: init.configHome,
    setLoginItem: (openAtLogin) =>
      app.setLoginItemSettings({
        openAtLogin,
        openAsHidden: true,
        path: init.autostartCommand[0],
        args: init.autostartCommand.slice(1),
      }),
  });

  const window = createMainWindow(
    { clock, logger, ipc },
    {
      pageUrl: init.developmentUrl ?? PAGE_URL,
      preloadPath: init.preloadPath,
      iconPath: join(init.iconFolder, '256.png'),
      statePath: join(init.stateFolder, 'window.json'),
      development: developmentOrigin !== null,
      onPainted: init.onPainted,
      onQuit: init.onQuit,
      async closeHintShown() {
        if (dispatcher === null) return true;
        const config = await dispatcher.call('config:get', {}, caller);
        return !config.ok || config.value.closeHintShown;
      },
      onCloseHintShown() {
        dispatcher
          ?.call('config:set', { closeHintShown: true }, caller)
          .then((reply) => {
            if (!reply.ok) logger.warn('The hint about closing will be shown again', { code: reply.error.code });
          })
          .catch((error: unknown) =>
            logger.warn('The hint about closing will be shown again', { reason: messageOf(error) }),
          );
      },
    },
  );
  const tray = createDesktopTray(
    { clock, logger },
    { iconFolder: init.iconFolder, onOpen: () => window.show(), onQuit: init.onQuit },
  );

  const applyConfig = (config: Config): void => {
    window.setTheme(config.theme);
    try {
      autostart.apply(config.openAtLogin);
    } catch (error) {
      logger.error('Start at login could not be changed', { reason: messageOf(error) });
    }
  };

  /** The machine falls asleep in a moment: whoever has work here hears of it now, in place of finding it silent later. */
  const sendAway = (): void => {
    dispatcher
      ?.call('queue:drain', { seconds: SLEEP_NOTICE_S }, caller)
      .then((reply) => {
        if (reply.ok) logger.info('The machine sleeps', reply.value);
        else logger.warn('Borrowers do not know that the machine sleeps', { code: reply.error.code });
      })
      .catch((error: unknown) =>
        logger.warn('Borrowers do not know that the machine sleeps', { reason: messageOf(error) }),
      );
  };

  const gpuWindow = createGpuWindow({ clock, logger }, { pageFolder: init.pageFolder });

  return {
    gpuProbe: gpuWindow,
    gpuMultiplier: gpuWindow,
    presence: createPresenceSource({ blindReason: init.presenceBlindReason }),
    windowControl: { show: () => window.show() },
    approval: createApprovalDialog({
      logger,
      show: () => window.show(),
      current: () => window.current(),
      showMessageBox: (above, options) => dialog.showMessageBox(above, options),
    }),
    async attach(attached) {
      dispatcher = attached;
      setReady(attached);
      unsubscribe = attached.subscribe('config', applyConfig);
      const config = await attached.call('config:get', {}, caller);
      if (config.ok) applyConfig(config.value);
      await tray.attach(attached);
      powerMonitor.on('suspend', sendAway);
    },
    abandon(reason) {
      setFailed(reason);
    },
    async tell({ title, message, detail, buttons }) {
      const { response } = await dialog.showMessageBox({
        type: 'warning',
        title,
        message,
        detail,
        buttons: [...buttons],
        defaultId: 0,
        cancelId: buttons.length - 1,
        noLink: true,
      });
      return response;
    },
    close() {
      unsubscribe?.();
      unsubscribe = null;
      powerMonitor.off('suspend', sendAway);
      tray.close();
      window.close();
      ipc.close();
      copiedText.close();
    },
  };
};
