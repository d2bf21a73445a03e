import { Menu, type MenuItemConstructorOptions } from 'electron';

export interface MenuInit {
  platform: NodeJS.Platform;
  /** Adds reload and the developer tools, which a package has no use for. */
  development: boolean;
  onQuit: () => void;
}

/** The application menu: mostly there for its accelerators. On Linux and Windows it shows while Alt is held. */
export const installMenu = ({ platform, development, onQuit }: MenuInit): void => {
  const quit: MenuItemConstructorOptions = { label: 'Quit HyperMesh', accelerator: 'CmdOrCtrl+Q', click: onQuit };
  const template: MenuItemConstructorOptions[] = [
    ...(platform === 'darwin'
      ? [
          {
            label: 'HyperMesh',
            submenu: [
              { role: 'about' },
              { type: 'separator' },
              { role: 'hide' },
              { role: 'hideOthers' },
              { role: 'unhide' },
              { type: 'separator' },
              quit,
            ],
          } satisfies MenuItemConstructorOptions,
        ]
      : []),
    { label: '&File', submenu: [{ role: 'close', label: 'Close window' }, ...(platform === 'darwin' ? [] : [quit])] },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        ...(development
          ? ([
              { role: 'reload' },
              { role: 'toggleDevTools' },
              { type: 'separator' },
            ] satisfies MenuItemConstructorOptions[])
          : []),
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
      ],
    },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
};
