import { join } from 'node:path';
import { Menu, type MenuItemConstructorOptions, nativeImage, Tray } from 'electron';
import type { Dispatcher } from '../api/interface.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock, Logger } from '../base/index.ts';
import { TRAY_REFRESH_MS } from './constants.ts';
import { levelLine, startOfTomorrowMs, type TrayFacts, type TrayIcon, trayIcon } from './tray-text.ts';

/** The icon in the notification area. On a desktop that has none, everything it offers is in the window too. */
export interface DesktopTray {
  /** Shows what the node says from now on. */
  attach(dispatcher: Dispatcher): Promise<void>;
  close(): void;
}
export interface DesktopTrayComponents {
  clock: Clock;
  logger: Logger;
}
export interface DesktopTrayInit {
  /** Folder with `tray-<icon>.png` and their `@2x` versions. */
  iconFolder: string;
  onOpen: () => void;
  onQuit: () => void;
}

const HOUR_MS = 3_600_000;

export const createDesktopTray = (
  { clock, logger }: DesktopTrayComponents,
  { iconFolder, onOpen, onQuit }: DesktopTrayInit,
): DesktopTray => {
  const facts: TrayFacts = { status: null, levels: null, pause: null };
  const image = (icon: TrayIcon): Electron.NativeImage =>
    nativeImage.createFromPath(join(iconFolder, `tray-${icon}.png`));
  const undo: (() => void)[] = [];
  let dispatcher: Dispatcher | null = null;
  let tray: Tray | null = null;
  let shownIcon: TrayIcon = 'starting';
  let shownMenu = '';
  try {
    tray = new Tray(image('starting'));
    tray.on('click', onOpen);
  } catch (error) {
    // No notification area: the window and a second start remain.
    logger.info('There is no tray here', { reason: messageOf(error) });
  }

  const ask = (name: 'share:pause' | 'share:resume', request: object): void => {
    dispatcher
      ?.call(name, request, { face: 'window' })
      .then((reply) => {
        if (!reply.ok) logger.warn('The tray could not change the pause', { code: reply.error.code });
      })
      .catch((error: unknown) => logger.error('The tray could not change the pause', { reason: messageOf(error) }));
  };

  const render = (): void => {
    if (tray === null) return;
    const line = levelLine(facts, clock.nowMs());
    const ready = facts.pause !== null && dispatcher !== null;
    const paused = facts.pause?.paused === true;
    const icon = trayIcon(facts);
    if (icon !== shownIcon) {
      shownIcon = icon;
      tray.setImage(image(icon));
    }
    // Some desktops close an open menu when it is set again, so it is set only when its words change.
    const words = JSON.stringify([line, ready, paused]);
    if (words === shownMenu) return;
    shownMenu = words;
    tray.setToolTip(`HyperMesh: ${line}`);
    const template: MenuItemConstructorOptions[] = [
      { label: line, enabled: false },
      { type: 'separator' },
      { label: 'Open HyperMesh', click: onOpen },
      {
        label: 'Pause for 1 hour',
        enabled: ready,
        click: () => ask('share:pause', { untilMs: clock.nowMs() + HOUR_MS }),
      },
      {
        label: 'Pause until tomorrow',
        enabled: ready,
        click: () => ask('share:pause', { untilMs: startOfTomorrowMs(clock.nowMs()) }),
      },
      { label: 'Resume', enabled: ready && paused, click: () => ask('share:resume', {}) },
      { type: 'separator' },
      { label: 'Quit HyperMesh', click: onQuit },
    ];
    tray.setContextMenu(Menu.buildFromTemplate(template));
  };

  let cancelRender: (() => void) | null = null;
  const renderSoon = (): void => {
    cancelRender ??= clock.after(TRAY_REFRESH_MS, () => {
      cancelRender = null;
      render();
    });
  };

  render();
  return {
    async attach(attached) {
      dispatcher = attached;
      undo.push(
        attached.subscribe('node', (status) => {
          facts.status = status;
          renderSoon();
        }),
        attached.subscribe('levels', (levels) => {
          facts.levels = levels;
          renderSoon();
        }),
        attached.subscribe('share', (share) => {
          facts.pause = share.pause;
          renderSoon();
        }),
      );
      const caller = { face: 'window' } as const;
      const [status, levels, share] = await Promise.all([
        attached.call('node:status', {}, caller),
        attached.call('share:levels', {}, caller),
        attached.call('share:get', {}, caller),
      ]);
      if (status.ok) facts.status ??= status.value;
      if (levels.ok) facts.levels ??= levels.value;
      if (share.ok) facts.pause ??= share.value.pause;
      render();
    },
    close() {
      for (const end of undo.splice(0)) end();
      cancelRender?.();
      tray?.destroy();
      tray = null;
    },
  };
};
