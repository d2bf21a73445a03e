import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isNodeError, messageOf } from '../../base/errors.ts';
import { CliError } from './errors.ts';
import type { Terminal } from './interface.ts';

/** Far above any passphrase or phrase. */
const SECRET_BYTES_MAX = 8 * 1024;
/** A backup file has some 300 bytes; the node checks the rest. */
const BACKUP_BYTES_MAX = 48 * 1024;
/** Others than the owner of a file: group and everybody. */
const OTHERS = 0o077;

const unreadable = (path: string, why: string): CliError =>
  new CliError({ code: 'FILE_UNREADABLE', path }, `${path} cannot be read (${why}); check the name.`);

const readSmall = async (path: string, bytesMax: number, secret: boolean): Promise<Uint8Array> => {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const found = await file.stat();
      if (found.isDirectory()) throw unreadable(path, 'it is a folder');
      // A pipe, such as a shell's `<(…)`, has no permissions of its own worth looking at.
      if (secret && process.platform !== 'win32' && found.isFile() && (found.mode & OTHERS) !== 0)
        throw new CliError(
          { code: 'SECRET_FILE_OPEN', path },
          `${path} can be read by others than its owner, so what is in it is no secret; run \`chmod 600\` on it, and choose another passphrase if others use this machine.`,
        );
      const parts: Buffer[] = [];
      let size = 0;
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(4096));
        if (bytesRead === 0) break;
        size += bytesRead;
        if (size > bytesMax) throw unreadable(path, 'it is too large');
        parts.push(buffer.subarray(0, bytesRead));
      }
      return Buffer.concat(parts);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isNodeError(error)) throw error;
    throw unreadable(path, (error as NodeJS.ErrnoException).code ?? messageOf(error));
  }
};

const textOf = (bytes: Uint8Array, from: string): string => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError({ code: 'USAGE' }, `${from} holds no UTF-8 text.`);
  }
  // Editors end a file with a line feed, which is no part of the secret.
  return text.replace(/\r?\n$/, '');
};

/**
 * A passphrase or phrase from a file that only its owner can read.
 *
 * @param trusted - given by the service manager, whose files have permissions of its own making
 * @throws {CliError} `FILE_UNREADABLE` | `SECRET_FILE_OPEN` | `USAGE`
 */
export const readSecretFile = async (path: string, trusted = false): Promise<string> => {
  const text = textOf(await readSmall(path, SECRET_BYTES_MAX, !trusted), path);
  if (text === '') throw new CliError({ code: 'USAGE' }, `${path} is empty; write the secret into it.`);
  return text;
};

/** @throws {CliError} `FILE_UNREADABLE` */
export const readBackup = (path: string): Promise<Uint8Array> => readSmall(path, BACKUP_BYTES_MAX, false);

/** What was piped to the command, or null. @throws {CliError} `USAGE` */
export const readPipedSecret = async (terminal: Terminal): Promise<string | null> => {
  const bytes = await terminal.readInput(SECRET_BYTES_MAX);
  if (bytes === null || bytes.length === 0) return null;
  if (bytes.length > SECRET_BYTES_MAX) throw new CliError({ code: 'USAGE' }, 'The input is too large to be a secret.');
  return textOf(bytes, 'The input');
};

/** What a command says that has nobody to ask. */
export const terminalNeeded = (instead: string): CliError =>
  new CliError({ code: 'TERMINAL_NEEDED' }, `There is no terminal to ask at; ${instead}.`);

/** @throws {CliError} `TERMINAL_NEEDED` | `INTERRUPTED` */
export const askSecret = async (terminal: Terminal, prompt: string, instead: string): Promise<string> => {
  const answer = await terminal.readSecret(prompt);
  if (answer === null) throw terminalNeeded(instead);
  return answer;
};

/** Asks twice: a new passphrase that was mistyped locks its owner out. @throws {CliError} as {@link askSecret} does, and `USAGE` */
export const askNewPassphrase = async (
  terminal: Terminal,
  what: string,
  instead: string,
  charsMin = 8,
): Promise<string> => {
  const first = await askSecret(terminal, `${what} (${charsMin} characters at least): `, instead);
  const again = await askSecret(terminal, 'The same again: ', instead);
  if (first !== again) throw new CliError({ code: 'USAGE' }, 'The two were not the same; nothing was done. Try again.');
  return first;
};
