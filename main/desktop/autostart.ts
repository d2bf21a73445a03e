import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { DesktopError } from './errors.ts';

/** Starts the app, hidden, when the owner logs in. */
export interface Autostart {
  /**
   * Makes the system agree with the setting. Does nothing when it agrees already, or when the owner switched the entry
   * off with the desktop's own tool.
   * @throws {DesktopError} `AUTOSTART_NOT_WRITTEN`
   */
  apply(openAtLogin: boolean): void;
}

export interface AutostartInit {
  platform: NodeJS.Platform;
  /** Program and arguments that start the app hidden. */
  command: readonly [string, ...string[]];
  /** `$XDG_CONFIG_HOME` or `~/.config`; used on Linux only. */
  configHome: string;
  /** What macOS and Windows offer through Electron; on Linux that call does nothing. */
  setLoginItem: (openAtLogin: boolean) => void;
}

/**
 * One argument as the Desktop Entry Specification 1.5 wants it in `Exec`: quoted, with `"`, backtick, `$` and `\`
 * escaped, then `\` escaped again as in every string value, and `%` doubled because it starts a field code.
 */
export const quoteExecArgument = (argument: string): string => {
  if (/^[A-Za-z0-9_./:=@+-]+$/.test(argument)) return argument;
  return `"${argument
    .replace(/["`$\\]/g, '\\$&')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')}"`;
};

/** Contents of `~/.config/autostart/hypermesh.desktop`. */
export const autostartEntry = (command: readonly string[]): string =>
  [
    '[Desktop Entry]',
    'Type=Application',
    'Version=1.5',
    'Name=HyperMesh',
    'Comment=Runs the node in the background',
    `Exec=${command.map(quoteExecArgument).join(' ')}`,
    'Icon=hypermesh',
    'Terminal=false',
    `TryExec=${command[0] ?? ''}`,
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n');

/** True for an entry that a desktop's own settings switched off; that choice is the owner's too. */
const isSwitchedOff = (entry: string): boolean => /^(Hidden=true|X-GNOME-Autostart-enabled=false)\s*$/m.test(entry);

export const createAutostart = ({ platform, command, configHome, setLoginItem }: AutostartInit): Autostart => {
  if (platform !== 'linux') return { apply: setLoginItem };
  const path = join(configHome, 'autostart', 'hypermesh.desktop');
  return {
    apply(openAtLogin) {
      try {
        if (!openAtLogin) {
          rmSync(path, { force: true });
          return;
        }
        const wanted = autostartEntry(command);
        const present = existsSync(path) ? readFileSync(path, 'utf8') : null;
        if (present !== null && (present === wanted || isSwitchedOff(present))) return;
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(`${path}.new`, wanted, { mode: 0o644 });
        renameSync(`${path}.new`, path);
      } catch (error) {
        const reason = messageOf(error);
        throw new DesktopError(
          { code: 'AUTOSTART_NOT_WRITTEN', reason },
          `The entry that starts HyperMesh at login could not be changed (${reason}); check that ${dirname(path)} belongs to you and is writable.`,
          { cause: error },
        );
      }
    },
  };
};
