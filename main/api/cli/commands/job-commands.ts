import { open } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { type Command, Option } from 'commander';
import { type JobView, MODULE_BYTES_MAX, type ResponseOf } from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { addDerivedCommand, parseNumber, withExamples } from '../derive.ts';
import { AnswerError, CliError } from '../errors.ts';
import { EXIT, RUN_EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { parseBytes, parseDuration } from '../units.ts';

/** As much input as a job takes. */
const STDIN_BYTES_MAX = 1024 * 1024;
/** Pushes tell when there is output; this only covers one that was lost with a connection. */
const LOOK_AGAIN_MS = 2_000;
/** WebAssembly binary format, 5.5.16: every module begins so. */
const WASM_MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

const readModule = async (path: string): Promise<Buffer> => {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      // Not even read: half a gigabyte would only be refused by the node.
      if (size > MODULE_BYTES_MAX)
        throw new CliError(
          { code: 'MODULE_TOO_LARGE', bytes: size, bytesMax: MODULE_BYTES_MAX },
          `${path} has ${Math.ceil(size / 1024 / 1024)} MiB; a job's module may have ${MODULE_BYTES_MAX / 1024 / 1024} MiB at most.`,
        );
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(
      { code: 'FILE_UNREADABLE', path },
      `${path} cannot be read (${messageOf(error)}); check the name.`,
    );
  }
};

/** By content, and by name where content says nothing: a `.wasm` that is text is for the node to refuse. */
const kindOf = (path: string, module: Buffer): 'wasm' | 'javascript' =>
  module.subarray(0, 4).equals(WASM_MAGIC) || extname(path).toLowerCase() === '.wasm' ? 'wasm' : 'javascript';

/** What `run` ends with: the job's own code, or one that says why it did not end by itself. */
export const runExitCode = ({ end }: JobView): number => {
  if (end === null) return EXIT.failed;
  if (end.why === 'exited') return end.exitCode & 0xff;
  return end.why === 'limit' ? RUN_EXIT[end.limit] : RUN_EXIT[end.why];
};

/** Writes a job's output as it comes, until it has ended and all of it was written. */
const followOutput = async (
  session: Session,
  id: string,
  chunkWritten: (chunk: ResponseOf<'job:output'>['chunks'][number]) => void,
): Promise<void> => {
  const client = await session.client();
  let wake = Promise.withResolvers<void>();
  const stops = [
    client.subscribe('jobOutput', (chunk) => chunk.id === id && wake.resolve()),
    client.subscribe('job', (job) => job.id === id && job.state === 'ended' && wake.resolve()),
  ];
  try {
    await client.subscribed();
    let offset = 0;
    for (;;) {
      wake = Promise.withResolvers<void>();
      const { chunks, nextOffset, ended } = await session.call('job:output', { id, offset });
      for (const chunk of chunks) chunkWritten(chunk);
      const more = nextOffset > offset;
      offset = nextOffset;
      if (ended && !more) return;
      if (!more) {
        const timeout = new AbortController();
        await Promise.race([wake.promise, session.clock.sleep(LOOK_AGAIN_MS, timeout.signal).catch(() => undefined)]);
        timeout.abort(new Error('woken'));
      }
    }
  } finally {
    for (const stop of stops) stop();
  }
};

interface RunFlags {
  name?: string;
  cpu?: number;
  memory?: number;
  timeout?: number;
  output?: number;
  scratch?: number;
  detach?: true;
  kind?: 'wasm' | 'javascript';
  stdin: boolean;
}

const amount = (text: string): number => {
  const bytes = parseBytes(text);
  if (bytes === null) throw new CliError({ code: 'USAGE' }, `"${text.slice(0, 20)}" is no amount; write 64MiB or 1GB.`);
  return bytes;
};
const duration = (text: string): number => {
  const ms = parseDuration(text);
  if (ms === null)
    throw new CliError({ code: 'USAGE' }, `"${text.slice(0, 20)}" is no duration; write 30s, 10m or 1h30m.`);
  return ms;
};

const addRun = (program: Command, session: Session): void => {
  const run = program
    .command('run')
    .description('Run a WebAssembly (WASI) program or a JavaScript file as a job, and show what it writes')
    .argument('<file>', 'the program; WebAssembly is told by its content, anything else is JavaScript')
    .argument('[args...]', 'arguments for the program')
    .option(
      '--cpu <percent>',
      'share of one core, 1 to 100; what is free, up to a whole core, when left out',
      parseNumber,
    )
    .option('--memory <amount>', 'memory limit, such as 64MiB', amount)
    .option('--timeout <duration>', 'time limit, such as 30s', duration)
    .option('--output <amount>', 'output limit, such as 1MiB', amount)
    .option('--scratch <amount>', 'room for files in memory, such as 16MiB', amount)
    .option('--name <name>', "name in lists; the file's name otherwise")
    .addOption(new Option('--kind <kind>', 'instead of telling by content').choices(['wasm', 'javascript']))
    .option('--detach', "do not wait: print the job's id")
    .option('--no-stdin', 'do not pass on what is piped in')
    .passThroughOptions()
    .action(async (path: string, args: string[], flags: RunFlags) => {
      const module = await readModule(path);
      const client = await session.client();
      const stdin = flags.stdin ? await session.terminal.readInput(STDIN_BYTES_MAX) : null;
      const started = await session.call('job:start', {
        name: flags.name ?? (basename(path).slice(0, 128) || 'job'),
        kind: flags.kind ?? kindOf(path, module),
        module: module.toString('base64'),
        args,
        ...(stdin !== null && { stdin: Buffer.from(stdin).toString('base64') }),
        ...(flags.cpu !== undefined && { cpuPercent: flags.cpu }),
        ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
        ...(flags.timeout !== undefined && { timeMsMax: flags.timeout }),
        ...(flags.output !== undefined && { outputBytesMax: flags.output }),
        ...(flags.scratch !== undefined && { scratchBytesMax: flags.scratch }),
      });
      const { id } = started;
      if (flags.detach) return session.json ? session.printJson(started) : session.print(`${id}\n`);
      const stopInterrupt = session.terminal.onInterrupt(
        () => void client.call('job:cancel', { id }).catch(() => undefined),
      );
      const collected: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
      try {
        await followOutput(session, id, ({ stream, data }) => {
          const bytes = Buffer.from(data, 'base64');
          if (session.json) collected[stream].push(bytes);
          else if (stream === 'stdout') session.terminal.writeOut(bytes);
          else session.terminal.writeError(bytes);
        });
      } finally {
        stopInterrupt();
      }
      const job = await session.call('job:get', { id });
      if (session.json)
        session.printJson({
          job,
          stdout: Buffer.concat(collected.stdout).toString('base64'),
          stderr: Buffer.concat(collected.stderr).toString('base64'),
        });
      else if (job.end !== null && job.end.why !== 'exited')
        session.note('message' in job.end ? `The job ended: ${job.end.message}` : 'The job was cancelled.');
      session.exitCode = runExitCode(job);
    });
  withExamples(run, [
    'hypermesh run hello.wasm',
    'hypermesh run --cpu 30 --memory 64MiB count.js 1000',
    'echo 5 | hypermesh run --timeout 30s fib.wasm',
    'hypermesh run --detach long.wasm',
  ]).addHelpText(
    'after',
    `\nEnds with the job's own exit code; ${RUN_EXIT.time} when its time was over, ${RUN_EXIT.memory} when it wanted more memory, ${RUN_EXIT.output} when it wrote too much,\n${RUN_EXIT.crashed} when it crashed, ${RUN_EXIT.owner} when the owner's limits ended it, ${RUN_EXIT.lost} when the node went down, ${RUN_EXIT.cancelled} when it was cancelled. Ctrl-C cancels it.`,
  );
};

/** `run`, `jobs …`. */
export const addJobCommands = (program: Command, session: Session): void => {
  addRun(program, session);
  addDerivedCommand(program, session, 'job:list');
  for (const name of ['job:get', 'job:cancel', 'job:remove'] as const) addDerivedCommand(program, session, name);
  const jobs = program.commands.find((command) => command.name() === 'jobs');
  const output = jobs
    ?.command('output')
    .description('What a job wrote')
    .argument('<id>', 'the job')
    .option('--follow', 'go on until it ends')
    .action(async (id: string, { follow }: { follow?: true }) => {
      const write = ({ stream, data }: ResponseOf<'job:output'>['chunks'][number]): void => {
        const bytes = Buffer.from(data, 'base64');
        if (session.json) session.print(`${JSON.stringify({ stream, data })}\n`);
        else if (stream === 'stdout') session.terminal.writeOut(bytes);
        else session.terminal.writeError(bytes);
      };
      if (follow) return await followOutput(session, id, write);
      let offset = 0;
      for (;;) {
        const client = await session.client();
        const reply = await client.call('job:output', { id, offset });
        if (!reply.ok) throw new AnswerError(reply.error);
        for (const chunk of reply.value.chunks) write(chunk);
        if (reply.value.nextOffset <= offset) return;
        offset = reply.value.nextOffset;
      }
    });
  if (output !== undefined)
    withExamples(output, [
      'hypermesh jobs output job-0123456789abcdef',
      'hypermesh jobs output --follow job-0123456789abcdef',
    ]);
};
