import { writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import openRollingFile, { type RollingFile } from 'pino-roll';
import { Emitter } from '../events.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../outside.ts';
import { COMPLAINT_INTERVAL_MS, FILE_MIB_MAX, FILES_KEPT, LINES_KEPT, WAITING_BYTES_MAX } from './constants.ts';
import type { LogBook, Logger, LogLevel, LogLine } from './interface.ts';
import { NewestKept } from './line-memory.ts';
import { createRedactor } from './redact.ts';

export interface LogBookComponents {
  clock: Clock;
}
export interface LogBookInit {
  /** Where files are written, as `hypermesh.1.log` and so on. It must exist. Null: memory only. */
  folder: string | null;
  level: LogLevel;
  /** Whether lines also go to the terminal, in a form for people. */
  stderr: boolean;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A line as a person reads it in a terminal: time, level, module, message, and the context as JSON if there is one. */
export const formatLogLine = (line: LogLine): string => {
  const context = Object.keys(line.context).length === 0 ? '' : ` ${JSON.stringify(line.context)}`;
  return `${new Date(line.atMs).toISOString()} ${line.level.padEnd(5)} ${line.module}: ${line.message}${context}`;
};

/**
 * Opens the book. It never fails: when the folder cannot be written to, lines stay in memory and one of them says so.
 * Names and bounds of the files are in docs/formats/data-folder.md.
 */
export const createLogBook = async (components: LogBookComponents, init: LogBookInit): Promise<LogBook> => {
  const book = new RollingLogBook(components.clock, init);
  if (init.folder !== null) await book.openFile(init.folder);
  return book;
};

class RollingLogBook implements LogBook {
  readonly logger: Logger;
  readonly #clock: Clock;
  readonly #redactor = createRedactor(homedir());
  readonly #memory = new NewestKept<LogLine>(LINES_KEPT);
  readonly #lines = new Emitter<{ line: LogLine }>();
  readonly #stderr: boolean;
  #level: LogLevel;
  #file: RollingFile | null = null;
  #fileLogger: pino.Logger | null = null;
  /** True while listeners hear of a line, so that one that logs does not call itself. */
  #telling = false;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  constructor(clock: Clock, init: LogBookInit) {
    this.#clock = clock;
    this.#level = init.level;
    this.#stderr = init.stderr;
    this.logger = this.#loggerOf('node');
  }

  async openFile(folder: string): Promise<void> {
    try {
      const file = await openRollingFile({
        file: join(folder, 'hypermesh'),
        extension: '.log',
        size: FILE_MIB_MAX,
        // It counts the files before the new one exists.
        limit: { count: FILES_KEPT - 1, removeOtherLogFiles: true },
        mode: 0o600,
        maxLength: WAITING_BYTES_MAX,
        // With 0, its default, `flush` reports success without waiting for the disk.
        minLength: 1,
      });
      // Opened, or not: the stream tells by event.
      await new Promise<void>((resolve, reject) => {
        file.once('ready', resolve);
        file.once('error', reject);
      });
      file.on('error', (error: Error) => {
        this.#complain(error);
      });
      file.on('drop', () => {
        this.#leftOut += 1;
      });
      this.#file = file;
      this.#fileLogger = pino(
        {
          level: 'debug',
          base: null,
          timestamp: false,
          messageKey: 'message',
          formatters: { level: (label) => ({ level: label }) },
        },
        file,
      );
    } catch (error) {
      this.#complain(error);
    }
  }

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  read(query: { level: LogLevel; limit: number; module?: string | undefined }): LogLine[] {
    return this.#memory.newest(
      query.limit,
      (line) => RANK[line.level] >= RANK[query.level] && (query.module === undefined || line.module === query.module),
    );
  }

  onLine(listener: (line: LogLine) => void): () => void {
    return this.#lines.on('line', listener);
  }

  flush(): Promise<void> {
    const file = this.#file;
    if (file === null) return Promise.resolve();
    // An error of the disk has been reported by then; whoever flushes can do nothing about it.
    return new Promise((resolve) => {
      file.flush(() => {
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#fileLogger = null;
    if (file === null) return;
    await new Promise<void>((resolve) => {
      file.once('close', resolve);
      file.once('error', () => {
        resolve();
      });
      file.end();
    });
  }

  #loggerOf(module: string): Logger {
    const log =
      (level: LogLevel) =>
      (message: string, context?: Record<string, unknown>): void => {
        if (RANK[level] >= RANK[this.#level]) this.#write(level, module, message, context);
      };
    return {
      error: log('error'),
      warn: log('warn'),
      info: log('info'),
      debug: log('debug'),
      child: (name) => this.#loggerOf(name),
    };
  }

  #write(level: LogLevel, module: string, message: string, context: Record<string, unknown> | undefined): void {
    const line: LogLine = {
      atMs: this.#clock.nowMs(),
      level,
      module,
      message: this.#redactor.text(message),
      context: context === undefined ? {} : this.#redactor.context(context),
    };
    this.#fileLogger?.[level]({ atMs: line.atMs, module, context: line.context }, line.message);
    this.#publish(line);
    if (this.#leftOut > 0 && this.#clock.monotonicMs() - this.#complainedAtMs >= COMPLAINT_INTERVAL_MS) {
      const count = this.#leftOut;
      this.#leftOut = 0;
      this.#complain(new Error(`${count} lines came faster than the disk could take them`));
    }
  }

  /** To everywhere but the file. */
  #publish(line: LogLine): void {
    this.#memory.add(line);
    if (this.#stderr) writeToTerminal(`${formatLogLine(line)}\n`);
    if (this.#telling || RANK[line.level] < RANK.info) return;
    this.#telling = true;
    this.#lines.emit('line', line);
    this.#telling = false;
  }

  /** Says, not too often, that the file misses lines. */
  #complain(error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#complainedAtMs < COMPLAINT_INTERVAL_MS) return;
    this.#complainedAtMs = nowMs;
    this.#publish({
      atMs: this.#clock.nowMs(),
      level: 'error',
      module: 'logging',
      message: 'Log file not written; check the space and the permissions of the logs folder',
      context: this.#redactor.context({ reason: messageOf(error) }),
    });
  }
}

const writeToTerminal = (text: string): void => {
  try {
    writeSync(2, text);
  } catch {
    // A terminal that was closed, or a pipe that is full, is no reason to stop the node. File and memory have the line.
  }
};
