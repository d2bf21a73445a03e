import type { Logger, LogLevel } from '../base/index.ts';

/** A logger for the time before the node has opened its logs. */
export interface EarlyLogger {
  readonly logger: Logger;
  /** Hands over what was said so far; what comes later goes there at once. */
  forwardTo(logger: Logger): void;
}

/** Start-up says a dozen lines; more would be a loop. */
const LINES_MAX = 200;

export const createEarlyLogger = (): EarlyLogger => {
  let target: Logger | null = null;
  const early: { module: string; level: LogLevel; message: string; context: Record<string, unknown> | undefined }[] =
    [];
  const children = new Map<string, Logger>();

  const childOf = (module: string): Logger => {
    let child = children.get(module);
    if (child === undefined) children.set(module, (child = (target as Logger).child(module)));
    return child;
  };
  const create = (module: string): Logger => {
    const say =
      (level: LogLevel) =>
      (message: string, context?: Record<string, unknown>): void => {
        if (target !== null) childOf(module)[level](message, context);
        else if (early.length < LINES_MAX) early.push({ module, level, message, context });
      };
    return { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug'), child: create };
  };

  return {
    logger: create('desktop'),
    forwardTo(logger) {
      target = logger;
      for (const { module, level, message, context } of early.splice(0)) childOf(module)[level](message, context);
    },
  };
};
