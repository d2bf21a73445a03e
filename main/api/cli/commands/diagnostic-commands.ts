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
  dataFolder: string,
): Promise<{ apiPort: number; containerEndpoint: string | null; problem: string | null }> => {
  const defaults = { apiPort: 9470, containerEndpoint: null, problem: null };
  let text: string;
  try {
    text = await readFile(join(dataFolder, 'config.json'), 'utf8');
  } catch {
    return defaults;
  }
  try {
    const parsed = configSchema.partial().safeParse(JSON.parse(text));
    if (!parsed.success)
      return {
        ...defaults,
        problem:
          `config.json: ${parsed.error.issues[0]?.path.join('.') ?? ''} ${parsed.error.issues[0]?.message ?? 'is not valid'}`.trim(),
      };
    return {
      ...defaults,
      apiPort: parsed.data.apiPort ?? defaults.apiPort,
      containerEndpoint: parsed.data.containerEndpoint ?? null,
    };
  } catch {
    return { ...defaults, problem: 'config.json is not JSON.' };
  }
};

const addDoctor = (program: Command, session: Session): void => {
  const doctor = program
    .command('doctor')
    .description('Check everything that commonly goes wrong; works without a node too')
    .action(async () => {
      const found = await session.find();
      const answer = await found?.client.call('doctor:run', {}).catch(() => null);
      let checks = answer?.ok === true ? answer.value : null;
      if (checks === null) {
        const settings = await readSettings(session.dataFolder);
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
                id: 'config',
                title: 'Settings',
                status: 'ok',
                finding: 'The file can be read, or there is none yet.',
                fix: null,
              }
            : {
                id: 'config',
                title: 'Settings',
                status: 'problem',
                finding: settings.problem,
                fix: `Correct ${join(session.dataFolder, 'config.json')}, or move it away to begin with the defaults.`,
              },
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
  addDerivedCommand(program, session, 'config:get');
  const keys = Object.keys(configSchema.shape).filter((key) => key !== 'version');
  const set = config
    .command('set')
    .description('Change one setting')
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
      session.show('config:set', await session.call('config:set', { [key]: parsed } as Partial<Config>));
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
