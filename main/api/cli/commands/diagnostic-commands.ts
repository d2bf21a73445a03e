import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import {
  type Config,
  type LogLine,
  type RequestInputOf,
  config as configSchema,
  logLevel,
  logLine,
} from '../../../../preload/contract/index.ts';
import { isNodeError } from '../../../base/errors.ts';
import type { ConfigSource } from '../../interface.ts';
import { checkWithoutNode } from '../../diagnostics/index.ts';
import { addDerivedCommand, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { formatFields } from '../table.ts';
import { viewLogLine, views } from '../views.ts';

/** The newest log file is at most some MiB; of all files together more than this is never shown. */
const LINES_MAX = 5_000;
const RANK = { debug: 0, info: 1, warn: 2, error: 3 } as const;

/** Lines of the files, for a node that is down: JSON lines, oldest first. */
const readLogFiles = async (folder: string): Promise<LogLine[]> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^hypermesh\.\d+\.log$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
  const lines: LogLine[] = [];
  for (const line of texts.join('\n').split('\n')) {
    if (line === '') continue;
    try {
      const parsed = logLine.safeParse(JSON.parse(line));
      if (parsed.success) lines.push(parsed.data);
    } catch {
      // The last line of a node that was killed may be half of one.
    }
  }
  // Files are numbered by age, but a clock may have jumped.
  return lines.sort((one, other) => one.atMs - other.atMs);
};

const addLogs = (program: Command, session: Session): void => {
  const logs = program
    .command('logs')
    .description('What the node wrote to its log; from its files when it is down')
    .option('--follow', 'go on as lines come, until Ctrl-C')
    .addOption(new Option('--level <level>', 'this level and above').choices(logLevel.options).default('info'))
    .option('--limit <count>', 'that many lines at most', parseNumber, 200)
    .option('--module <name>', 'lines of one module only')
    .action(
      async ({
        follow = false,
        level,
        limit,
        module,
      }: {
        follow?: boolean;
        level: LogLine['level'];
        limit: number;
        module?: string;
      }) => {
        if (!Number.isInteger(limit) || limit < 1 || limit > LINES_MAX)
          throw new CliError({ code: 'USAGE' }, `--limit takes 1 to ${LINES_MAX}.`);
        const wanted = (line: LogLine): boolean =>
          RANK[line.level] >= RANK[level] && (module === undefined || line.module === module);
        const found = await session.find();
        const request = { level, limit, ...(module !== undefined && { module }) } satisfies RequestInputOf<'logs:read'>;
        const answer = await found?.client.call('logs:read', request).catch(() => null);
        if (!follow) {
          const lines =
            answer?.ok === true
              ? answer.value
              : (await readLogFiles(join(session.dataFolder, 'logs'))).filter(wanted).slice(-limit);
          return session.show('logs:read', lines);
        }
        const client = await session.client();
        // One JSON object a line: a list would never end.
        const write = (line: LogLine): void =>
          session.print(session.json ? `${JSON.stringify(line)}\n` : viewLogLine(line, session.style));
        const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
        const stopInterrupt = session.terminal.onInterrupt(interrupt);
        let before: LogLine[] | null = [];
        const stop = client.subscribe('log', (line) => {
          if (!wanted(line)) return;
          if (before === null) write(line);
          else before.push(line);
        });
        await client.subscribed();
        const shown = await session.call('logs:read', request);
        for (const line of shown) write(line);
        // What came between subscribing and reading stands in both.
        const known = new Set(shown.map((line) => JSON.stringify(line)));
        for (const line of before) if (!known.has(JSON.stringify(line))) write(line);
        before = null;
        await Promise.race([interrupted, client.closed]);
        stop();
        stopInterrupt();
      },
    );
  withExamples(logs, [
    'hypermesh logs',
    'hypermesh logs --follow --level warn',
    'hypermesh logs --module runtime --limit 50 --json',
  ]);
};

/** Settings that doctor needs of a node that is down; defaults where the file does not tell. */
const readSettings = async (
  session: Session,
): Promise<{ apiPort: number; containerEndpoint: string | null; problem: CliProblem | null }> => {
  const none = { apiPort: DEFAULT_PORT, containerEndpoint: null };
  try {
    return await session.components.withSettings(session.dataFolder, { forReading: true }, async (config) => {
      const { apiPort, containerEndpoint } = config.get();
      return { apiPort, containerEndpoint, problem: null };
    });
  } catch (error) {
    if (!isNodeError(error)) throw error;
    // Before the first start there is nothing to read, which is as it should be.
    return {
      ...none,
      problem: error.code === 'DATA_FOLDER_MISSING' ? null : { code: error.code, message: error.message },
    };
  }
};
interface CliProblem {
  code: string;
  message: string;
}
/** Of the contract's settings, for a machine that has none yet. */
const DEFAULT_PORT = 9470;

const addDoctor = (program: Command, session: Session): void => {
  const doctor = program
    .command('doctor')
    .description('Check everything that commonly goes wrong; works without a node too')
    .action(async () => {
      const found = await session.find();
      const answer = await found?.client.call('doctor:run', {}).catch(() => null);
      let checks = answer?.ok === true ? answer.value : null;
      if (checks === null) {
        const settings = await readSettings(session);
        checks = [
          {
            id: 'node',
            title: 'Node',
            status: 'warning',
            finding: 'No node runs; only what can be seen without one was checked.',
            fix: 'Start it: hypermesh start',
          },
          settings.problem === null
            ? {
                id: 'settings',
                title: 'Settings',
                status: 'ok',
                finding: 'They can be read, or there are none yet.',
                fix: null,
              }
            : { id: 'settings', title: 'Settings', status: 'problem', finding: settings.problem.message, fix: null },
          ...(await checkWithoutNode({ clock: session.clock }, { dataFolder: session.dataFolder, ...settings })),
        ];
      }
      session.show('doctor:run', checks);
      session.exitCode = checks.some(({ status }) => status === 'problem') ? EXIT.failed : EXIT.ok;
    });
  withExamples(doctor, ['hypermesh doctor', 'hypermesh doctor --json']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when there is a problem.`,
  );
};

const addConfig = (program: Command, session: Session): void => {
  const config = program.command('config').description('Settings, and where they and everything else lie');
  withExamples(config, ['hypermesh config get', 'hypermesh config set apiPort 9471']);
  const get = config
    .command('get')
    .description('Settings; from their file when no node runs')
    .action(async () => {
      const reply = await (await session.find())?.client.call('config:get', {});
      if (reply?.ok === true) return session.show('config:get', reply.value);
      const read = async (source: ConfigSource): Promise<Config> => source.get();
      session.show('config:get', await session.components.withSettings(session.dataFolder, { forReading: true }, read));
    });
  withExamples(get, ['hypermesh config get', 'hypermesh config get --json']);
  const keys = Object.keys(configSchema.shape).filter((key) => key !== 'version' && key !== 'network');
  const set = config
    .command('set')
    .description('Change one setting; in its file when no node runs')
    .argument('<key>', keys.join(', '))
    .argument('<value>', 'true, false, a number, a word, or null')
    .action(async (key: string, value: string) => {
      if (!keys.includes(key))
        throw new CliError(
          { code: 'USAGE' },
          `There is no setting "${key.slice(0, 40)}"; there are ${keys.join(', ')}.`,
        );
      let parsed: unknown = value;
      try {
        parsed = JSON.parse(value);
      } catch {
        // Words need no quotes.
      }
      const change = { [key]: parsed } as Partial<Config>;
      if ((await session.find()) !== null) return session.show('config:set', await session.call('config:set', change));
      // A port that is in use keeps the node from starting, so it must be possible to change it without one.
      const write = (source: ConfigSource): Promise<Config> => source.set(change);
      session.show(
        'config:set',
        await session.components.withSettings(session.dataFolder, { forReading: false }, write),
      );
    });
  withExamples(set, [
    'hypermesh config set apiPort 9471',
    'hypermesh config set theme dark',
    'hypermesh config set containerEndpoint /run/user/1000/docker.sock',
  ]);
  const path = config
    .command('path')
    .description('Where everything lies; works without a node')
    .action(() => {
      const paths = {
        dataFolder: session.dataFolder,
        config: join(session.dataFolder, 'config.json'),
        database: join(session.dataFolder, 'hypermesh.db'),
        logs: join(session.dataFolder, 'logs'),
      };
      if (session.json) session.printJson(paths);
      else
        session.print(
          formatFields(
            [
              ['Data', paths.dataFolder],
              ['Settings', paths.config],
              ['Database', paths.database],
              ['Logs', paths.logs],
            ],
            { ...session.style, columns: Number.POSITIVE_INFINITY },
          ),
        );
    });
  withExamples(path, ['hypermesh config path']);
  addDerivedCommand(program, session, 'disk:ledger');
};

const addBundle = (program: Command, session: Session): void => {
  const bundle = program.command('bundle').description('A support bundle for whoever helps you');
  withExamples(bundle, ['hypermesh bundle preview', 'hypermesh bundle create']);
  addDerivedCommand(program, session, 'bundle:preview');
  const create = bundle
    .command('create')
    .description('Write the bundle (.tar.gz), with exactly what a preview just before has shown')
    .action(async () => {
      if (session.terminal.progress && !session.json) session.note('Collecting…');
      session.print(
        session.json
          ? `${JSON.stringify(await session.call('bundle:create', {}), null, 2)}\n`
          : views['bundle:create'](await session.call('bundle:create', {}), session.style),
      );
    });
  withExamples(create, ['hypermesh bundle create']);
};

/** `hardware …`, `logs`, `doctor`, `config …`, `bundle …`. */
export const addDiagnosticCommands = (program: Command, session: Session): void => {
  for (const name of ['hardware:inventory', 'hardware:detect', 'hardware:assets', 'hardware:live'] as const)
    addDerivedCommand(program, session, name);
  addLogs(program, session);
  addDoctor(program, session);
  addConfig(program, session);
  addBundle(program, session);
};
