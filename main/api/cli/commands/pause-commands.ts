import type { Command } from 'commander';
import { addDerivedCommand, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import { parseDuration, parseMoment } from '../units.ts';

/** @returns the end of the pause in ms since 1970; null: until resumed */
const parseUntil = (words: readonly string[], nowMs: number): number | null => {
  const text = words.join(' ').trim();
  if (text === '') return null;
  const duration = parseDuration(text.replace(/^for\s+/, ''));
  if (duration !== null) return nowMs + duration;
  const moment = parseMoment(text.replace(/^until\s+/, ''), nowMs);
  if (moment === null)
    throw new CliError(
      { code: 'USAGE' },
      `"${text.slice(0, 40)}" is no time; write 1h, 30m, until tomorrow, until 18:00 or until fri 20:00.`,
    );
  return moment;
};

/** `pause`, `resume`. */
export const addPauseCommands = (program: Command, session: Session): void => {
  const pause = program
    .command('pause')
    .description('Lend nothing for a while, or until resumed')
    .argument('[when...]', '1h, 30m, until tomorrow, until 18:00, until fri 20:00; nothing: until resumed')
    .option('--stop-jobs', 'also end every job and allocation at once')
    .action(async (when: string[], { stopJobs = false }: { stopJobs?: boolean }) => {
      const untilMs = parseUntil(when, session.clock.nowMs());
      if (!stopJobs) return session.show('share:pause', await session.call('share:pause', { untilMs }));
      const ended = await session.call('share:stopEverything', {});
      if (untilMs !== null) await session.call('share:pause', { untilMs });
      session.show('share:stopEverything', ended);
    });
  withExamples(pause, [
    'hypermesh pause 1h',
    'hypermesh pause until tomorrow',
    'hypermesh pause until fri 20:00',
    'hypermesh pause --stop-jobs',
  ]);
  addDerivedCommand(program, session, 'share:resume');
};
