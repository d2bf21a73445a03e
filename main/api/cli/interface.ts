import type {
  ChainVerification,
  LeaseVerdict,
  ProofVerdict,
  ReceiptVerdict,
  ResultVerdict,
} from '../../../preload/contract/index.ts';
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
  /** Whether a person sits at both ends: what is asked is read, and what is shown is seen by nobody's file. */
  readonly interactive: boolean;
  /** Asks for one line without echoing it; null where there is no terminal. Ctrl-C ends the command as ever. */
  readSecret(prompt: string): Promise<string | null>;
  /** Asks for one line; null where there is no terminal, and at the end of input. */
  readLine(prompt: string): Promise<string | null>;
  /** Takes what was shown off the screen, and out of what can be scrolled back to. Nothing happens without a terminal. */
  clearScreen(): void;
  /** Ctrl-C and the system's request to end. While nobody listens, either ends the command with 130. */
  onInterrupt(listener: () => void): () => void;
}

/** How a node runs in this process: given by the entry, which alone loads that half of the program, when asked. */
export type RunHeadless = (
  init: { dataFolder: string; apiPort: number | null; passphrase: string | null },
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

/**
 * Checks a proof file with what it holds and nothing else. Given by the entry, which loads that half of the program when
 * asked.
 *
 * @param options - `nonce`: what the file must answer, 32 bytes, or null; `whole`: the whole chain of time, in threads
 * @throws {ProofFileError} `PROOF_UNREADABLE`
 */
export type VerifyProofFile = (
  file: Uint8Array,
  options: { nonce: Uint8Array | null; whole: boolean; signal: AbortSignal; onProgress: (percent: number) => void },
) => Promise<ProofVerdict>;

/**
 * Checks an exported chain with what it holds and nothing else. Given by the entry, which loads that half of the program
 * when asked.
 *
 * @throws {BlockError} `CHAIN_FILE_UNREADABLE` | `CHAIN_FILE_NEWER` | `CHAIN_FILE_TOO_LARGE`
 */
export type VerifyChainFile = (
  path: string,
  options: { signal: AbortSignal; onProgress: (checked: number, total: number) => void },
) => Promise<Extract<ChainVerification, { status: 'done' }>>;

/**
 * Checks the file of a lease with what it holds and nothing else. Given by the entry, which loads that half of the program when asked.
 *
 * @throws {LeaseFormatError} when it is no such file
 */
export type VerifyLeaseFile = (file: Uint8Array) => Promise<LeaseVerdict>;

/**
 * Checks a receipt with what it holds and nothing else. Given by the entry, which loads that half of the program when asked.
 *
 * @throws {ReceiptError} `RECEIPT_MALFORMED` | `RECEIPT_NEWER`
 */
export type VerifyReceiptFile = (file: Uint8Array) => Promise<ReceiptVerdict>;

/** Checks the signed result of a job with what it holds and nothing else. @throws {RuntimeError} `RESULT_MALFORMED` when it is no such file */
export type VerifyJobResult = (file: Uint8Array) => Promise<ResultVerdict>;

export interface CliComponents {
  terminal: Terminal;
  clock: Clock;
  runHeadless: RunHeadless;
  openDesktop: OpenDesktop;
  withSettings: WithSettings;
  verifyProofFile: VerifyProofFile;
  verifyLeaseFile: VerifyLeaseFile;
  verifyReceiptFile: VerifyReceiptFile;
  verifyJobResult: VerifyJobResult;
  verifyChainFile: VerifyChainFile;
}
export interface CliInit {
  /** Where the data folder lies unless `--data` says otherwise. */
  dataFolder: string;
  version: string;
  /** File in which the service manager hands over the passphrase; null where there is none. */
  passphraseCredential: string | null;
}
