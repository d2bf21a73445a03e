import { open } from 'node:fs/promises';
import { assert, messageOf } from '../errors.ts';
import { Emitter } from '../events.ts';
import { writeFileAtomically } from '../files/index.ts';
import type { Logger } from '../logging/index.ts';
import { ConfigError } from './errors.ts';
import type { ConfigChange, ConfigEvents, ConfigFormat, ConfigStore } from './interface.ts';

/** The file has some 300 bytes. What is larger is not ours. */
const FILE_BYTES_MAX = 64 * 1024;
/** Changes that wait for the disk. A face sends one at a time. */
const CHANGES_WAITING_MAX = 64;

export interface ConfigComponents {
  logger?: Logger;
}
export interface ConfigInit<T extends { version: number }> {
  path: string;
  format: ConfigFormat<T>;
}

/**
 * Reads the file, or takes the defaults when there is none; the first change creates it. A file that is refused is left
 * as it is, and one of an older version is written in the present one with the first change.
 *
 * @throws {ConfigError} `CONFIG_MALFORMED` | `CONFIG_UNKNOWN_KEY` | `CONFIG_INVALID` | `CONFIG_NEWER` | `CONFIG_UNREADABLE`
 */
export const createConfigStore = async <T extends { version: number }>(
  components: ConfigComponents,
  init: ConfigInit<T>,
): Promise<ConfigStore<T>> => {
  const { path, format } = init;
  const text = await readText(path);
  return new FileConfigStore(components, init, text === null ? format.defaults : parseConfig(text, path, format));
};

/** @returns null when there is no file */
const readText = async (path: string): Promise<string | null> => {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > FILE_BYTES_MAX) throw new Error(`it has ${size} bytes, and ${FILE_BYTES_MAX} at most are read`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConfigError(
      { code: 'CONFIG_UNREADABLE', path, reason: messageOf(error) },
      `The settings ${path} cannot be read (${messageOf(error)}); make the file readable for your user, or move it away to start with the defaults.`,
      { cause: error },
    );
  }
};

/** Text of a file into settings of the present version. Pure. @throws {ConfigError} */
export const parseConfig = <T extends { version: number }>(text: string, path: string, format: ConfigFormat<T>): T => {
  const given = parseObject(text, path);
  const knownVersion = format.defaults.version;
  const foundVersion = given['version'];
  if (typeof foundVersion !== 'number' || !Number.isSafeInteger(foundVersion) || foundVersion < 1) {
    throw invalid(path, 'version', 'it must be a whole number from 1 up');
  }
  if (foundVersion > knownVersion) {
    throw new ConfigError(
      { code: 'CONFIG_NEWER', path, foundVersion, knownVersion },
      `The settings ${path} were written by a newer version of HyperMesh (${foundVersion}, this version knows ${knownVersion}), so they were left alone; install the newer version again, or move the file away to start with the defaults.`,
    );
  }
  let settings = given;
  for (let version = foundVersion; version < knownVersion; version++) {
    const step = format.migrations.find(({ from }) => from === version);
    assert(step !== undefined, `There must be a step from version ${version} of the settings.`);
    settings = { ...step.up(settings), version: version + 1 };
  }
  return check({ ...format.defaults, ...settings }, path, format);
};

const parseObject = (text: string, path: string): Record<string, unknown> => {
  // Windows' own editor begins a file with a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw malformed(path, lineOf(messageOf(error), json), 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(path, 1, 'it is not an object in braces');
  return value as Record<string, unknown>;
};

/** V8 tells the position within the text, or that the text ended too early. */
const lineOf = (message: string, json: string): number => {
  const position = /position (\d+)/.exec(message)?.[1];
  return json.slice(0, position === undefined ? json.length : Number(position)).split('\n').length;
};

const check = <T extends { version: number }>(
  settings: Record<string, unknown>,
  path: string,
  format: ConfigFormat<T>,
): T => {
  const unknownKey = Object.keys(settings).find((key) => !Object.hasOwn(format.defaults, key));
  if (unknownKey !== undefined) {
    throw new ConfigError(
      { code: 'CONFIG_UNKNOWN_KEY', path, key: unknownKey },
      `There is no setting ${JSON.stringify(unknownKey)} (${path}); take it out. Known are ${Object.keys(format.defaults).join(', ')}.`,
    );
  }
  const found = format.findInvalid(settings);
  if (found !== null) throw invalid(path, found.key, found.reason);
  return settings as T;
};

const malformed = (path: string, line: number, reason: string): ConfigError =>
  new ConfigError(
    { code: 'CONFIG_MALFORMED', path, line, reason },
    `The settings ${path} cannot be understood (line ${line}: ${reason}), so they were left alone; correct the file, or move it away to start with the defaults.`,
  );
const invalid = (path: string, key: string, reason: string): ConfigError =>
  new ConfigError(
    { code: 'CONFIG_INVALID', path, key, reason },
    `The setting ${JSON.stringify(key)} has a value that it cannot have (${path}: ${reason}); correct it, or take it out to have its default.`,
  );

class FileConfigStore<T extends { version: number }> implements ConfigStore<T> {
  readonly #emitter = new Emitter<ConfigEvents<T>>();
  readonly #logger: Logger | undefined;
  readonly #path: string;
  readonly #format: ConfigFormat<T>;
  #config: T;
  /** Resolves when the change before is on disk or refused. */
  #last: Promise<unknown> = Promise.resolve();
  #waitingCount = 0;

  constructor(components: ConfigComponents, init: ConfigInit<T>, config: T) {
    this.#logger = components.logger?.child('config');
    this.#path = init.path;
    this.#format = init.format;
    this.#config = config;
  }

  get(): T {
    return this.#config;
  }

  on<K extends keyof ConfigEvents<T>>(name: K, listener: (payload: ConfigEvents<T>[K]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  onChange(listener: (config: T) => void): () => void {
    return this.on('changed', listener);
  }

  async set(change: ConfigChange<T>): Promise<T> {
    if (this.#waitingCount >= CHANGES_WAITING_MAX)
      throw this.#notWritten(`${CHANGES_WAITING_MAX} changes wait for the disk already`, undefined);
    this.#waitingCount += 1;
    const done = this.#last.then(() => this.#apply(change));
    this.#last = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#waitingCount -= 1;
    }
  }

  async #apply(change: ConfigChange<T>): Promise<T> {
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const next = check({ ...this.#config, ...given, version: this.#format.defaults.version }, this.#path, this.#format);
    const changedKeys = Object.keys(given).filter(
      (key) => JSON.stringify(next[key as keyof T]) !== JSON.stringify(this.#config[key as keyof T]),
    );
    if (changedKeys.length === 0) return this.#config;
    try {
      await writeFileAtomically(this.#path, `${JSON.stringify(next, null, 2)}\n`);
    } catch (error) {
      throw this.#notWritten(messageOf(error), error);
    }
    this.#config = next;
    this.#logger?.info('Settings changed', { changed: changedKeys });
    this.#emitter.emit('changed', next);
    return next;
  }

  #notWritten(reason: string, cause: unknown): ConfigError {
    return new ConfigError(
      { code: 'CONFIG_NOT_WRITTEN', path: this.#path, reason },
      `The settings ${this.#path} could not be written (${reason}) and are as they were; make room on the disk and the folder writable, then try again.`,
      { cause },
    );
  }
}
