/** A fixed message and what varies, apart: `logger.info('Lease settled', { leaseId, ms })`. */
export interface Logger {
  /** Needs a person. */
  error(message: string, context?: Record<string, unknown>): void;
  /** May come to need one. */
  warn(message: string, context?: Record<string, unknown>): void;
  /** Rare news of the node's state. */
  info(message: string, context?: Record<string, unknown>): void;
  debug(message: string, context?: Record<string, unknown>): void;
  /** A logger whose lines carry `module`. */
  child(module: string): Logger;
}
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export interface LogLine {
  atMs: number;
  level: LogLevel;
  module: string;
  message: string;
  context: Record<string, unknown>;
}

/** Where lines go: rolled files in the data folder, a bounded memory of the newest, listeners, and (headless) stderr. */
export interface LogBook {
  readonly logger: Logger;
  setLevel(level: LogLevel): void;
  /** The newest lines at or above `level`, oldest first, from memory. */
  read(query: { level: LogLevel; limit: number; module?: string | undefined }): LogLine[];
  /** Lines from info upwards, after redaction. */
  onLine(listener: (line: LogLine) => void): () => void;
  /** Writes out what is buffered. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
