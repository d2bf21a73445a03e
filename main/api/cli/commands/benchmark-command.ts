import { type Command } from 'commander';
import { type BenchmarkState, benchmarkParts } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, withExamples } from '../derive.ts';
import { AnswerError, CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';

const BAR_CHARS = 24;

const progressLine = (state: Extract<BenchmarkState, { status: 'running' }>): string => {
  const done = Math.round((state.progressPercent / 100) * BAR_CHARS);
  return `[${'#'.repeat(done)}${'.'.repeat(BAR_CHARS - done)}] ${String(state.progressPercent).padStart(3)} %  ${state.part}`;
};

/** `benchmark`, `benchmark show`, `benchmark cancel`. */
export const addBenchmarkCommands = (program: Command, session: Session): void => {
  const benchmark = program
    .command('benchmark')
    .description('Measure processor, memory, disk and graphics (under 20 s)')
    .action(async () => {
      const client = await session.client();
      const { promise: ended, resolve: end } = Promise.withResolvers<BenchmarkState>();
      const seen = new Set<string>();
      const widest = progressLine({
        status: 'running',
        part: 'diskWrite',
        progressPercent: 100,
        startedAtMs: 0,
        partial: [],
      }).length;
      const stopListening = client.subscribe('benchmark', (state) => {
        if (state.status !== 'running') return end(state);
        if (session.terminal.progress) session.terminal.writeError(`\r${progressLine(state).padEnd(widest)}`);
        else if (!session.json && !seen.has(state.part))
          session.note(`${seen.add(state.part).size} of ${benchmarkParts.length}: ${state.part}`);
      });
      await client.subscribed();
      const started = await client.call('benchmark:start', {});
      if (!started.ok) throw new AnswerError(started.error);
      // It may be over before the first push.
      if (started.value.status !== 'running') end(started.value);
      let interrupted = false;
      const stopInterrupt = session.terminal.onInterrupt(() => {
        interrupted = true;
        void client.call('benchmark:cancel', {}).catch(() => undefined);
      });
      const lost = client.closed.then(() => {
        throw new CliError(
          { code: 'NO_NODE' },
          'The node went away during the benchmark; start it again with `hypermesh start`.',
        );
      });
      try {
        const state = await Promise.race([ended, lost]);
        if (session.terminal.progress) session.terminal.writeError(`\r${' '.repeat(widest)}\r`);
        session.show('benchmark:get', state);
        session.exitCode = interrupted ? EXIT.interrupted : state.status === 'done' ? EXIT.ok : EXIT.failed;
      } finally {
        lost.catch(() => undefined);
        stopInterrupt();
        stopListening();
      }
    });
  withExamples(benchmark, ['hypermesh benchmark', 'hypermesh benchmark --json']).addHelpText(
    'after',
    '\nCtrl-C cancels it.',
  );
  addDerivedCommand(program, session, 'benchmark:get');
  addDerivedCommand(program, session, 'benchmark:cancel');
};
