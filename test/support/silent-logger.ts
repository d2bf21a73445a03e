import type { Logger, LogLevel } from '../../main/base/index.ts';

/** A logger that prints nothing and, if asked, keeps what was logged so that a test can look at it. */
export const createSilentLogger = (
  kept: { level: LogLevel; module: string; message: string; context: Record<string, unknown> }[] = [],
  module = 'test',
): Logger => {
  const log =
    (level: LogLevel) =>
    (message: string, context: Record<string, unknown> = {}): void => {
      kept.push({ level, module, message, context });
    };
  return {
    error: log('error'),
    warn: log('warn'),
    info: log('info'),
    debug: log('debug'),
    child: (name) => createSilentLogger(kept, name),
  };
};
