import type { Clock, RunningNode } from '../../base/index.ts';
import type { ConfigSource } from '../interface.ts';

/** The terminal, or the pipes in its place, that a command talks to. */
export interface Terminal {
  /** Results. */
  writeOut(text: string | Uint8Array): void;
  /** Errors, progress and what a job writes to its stderr. */
  writeError(text: string | Uint8Array): void;
  /** Width for tables; 80 where it is not known. */
  readonly columns: number;
  /** Whether results may carry colour: a terminal, and `NO_COLOR` is not set. */
  readonly colour: boolean;
  /** Whether a line of progress may be written over. */
  readonly progress: boolean;
  /** Input that was piped or redirected to the command; null from a keyboard and where there is none. */
  readInput(bytesMax: number): Promise<Uint8Array | null>;
  /** Ctrl-C and the system's request to end. While nobody listens, either ends the command with 130. */
  onInterrupt(listener: () => void): () => void;
}

/** How a node runs in this process: given by the entry, which alone loads that half of the program, when asked. */
export type RunHeadless = (
  init: { dataFolder: string; apiPort: number | null },
  onReady: (running: RunningNode) => void,
) => Promise<void>;

/** Tries to start the installed desktop app with this data folder. */
export type OpenDesktop = (dataFolder: string) => Promise<{ opened: true } | { opened: false; reason: string }>;

/**
 * Opens the settings of a data folder in which no node runs, and gives the folder back afterwards. `forReading`: creates
 * nothing and takes no lock.
 *
 * @throws {DataFolderError} when the folder is in use, missing (for reading), or not ours
 * @throws {ConfigError} when the file cannot be understood
 */
export type WithSettings = <T>(
  dataFolder: string,
  options: { forReading: boolean },
  work: (config: ConfigSource) => Promise<T>,
) => Promise<T>;

export interface CliComponents {
  terminal: Terminal;
  clock: Clock;
  runHeadless: RunHeadless;
  openDesktop: OpenDesktop;
  withSettings: WithSettings;
}
export interface CliInit {
  /** Where the data folder lies unless `--data` says otherwise. */
  dataFolder: string;
  version: string;
}
