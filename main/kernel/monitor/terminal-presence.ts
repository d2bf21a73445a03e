import { readdir, stat } from 'node:fs/promises';
import type { Outside } from '../../base/index.ts';
import type { PresenceSource } from './interface.ts';
import { known, unknown } from './readings.ts';

export interface TerminalPresenceInit {
  /** @default '/dev' */
  devicePath?: string;
}

/** A stamp this far in the future means that the wall clock was set back; it says nothing about a person. */
const FUTURE_MS_MAX = 60_000;
/** More terminals than this are not looked at. */
const TERMINALS_MAX = 1024;

/**
 * Presence without a screen: the time of the last read from any terminal, as `w` shows it. Pseudo-terminals (ssh, tmux)
 * all count; a console counts once somebody has logged in on it, which is when it is given to a user other than root.
 * Linux moves the stamp in steps of 8 s (kernel: drivers/tty/tty_io.c).
 */
export const createTerminalPresence = (
  components: { outside: Outside },
  init: TerminalPresenceInit = {},
): PresenceSource => {
  const devicePath = init.devicePath ?? '/dev';
  const list = (path: string): Promise<string[]> => readdir(path).catch(() => []);
  return {
    idleMs: async () => {
      if (process.platform === 'win32') return unknown('Windows tells a program without a window nothing about input');
      const pseudo = (await list(`${devicePath}/pts`))
        .filter((name) => /^\d+$/.test(name))
        .map((name) => ({ path: `${devicePath}/pts/${name}`, console: false }));
      const consoles = (await list(devicePath))
        .filter((name) => /^(tty\d{1,2}|ttyS\d+|ttys\d{3})$/.test(name))
        .map((name) => ({ path: `${devicePath}/${name}`, console: true }));
      const nowMs = components.outside.clock.nowMs();
      let newestMs = -Infinity;
      for (const terminal of [...pseudo, ...consoles].slice(0, TERMINALS_MAX)) {
        const found = await stat(terminal.path).catch(() => null);
        if (found === null || (terminal.console && found.uid === 0)) continue;
        if (found.atimeMs <= nowMs + FUTURE_MS_MAX) newestMs = Math.max(newestMs, found.atimeMs);
      }
      return newestMs === -Infinity
        ? unknown('nobody is logged in at a terminal, and without a window there is no other way to tell')
        : known(Math.max(0, nowMs - newestMs));
    },
  };
};
