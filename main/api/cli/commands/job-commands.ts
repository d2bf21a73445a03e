import { open } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import {
  type JobSpecInput,
  type JobView,
  MODULE_BYTES_MAX,
  type RequestInputOf,
  type ResponseOf,
} from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { addDerivedCommand, commandAt, parseNumber, withExamples } from '../derive.ts';
import { AnswerError, CliError } from '../errors.ts';
import { EXIT, RUN_EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { collect, parseWhole } from '../options.ts';
import { parseBytes, parseDuration } from '../units.ts';
import { readSmallFile } from '../read-small-file.ts';
import { writeResult } from '../write-result.ts';
import { downloadFiles, uploadFiles } from './content-files.ts';

/** As much input as a job takes. */
const STDIN_BYTES_MAX = 1024 * 1024;
/** One signed record with its result. */
const RESULT_BYTES_MAX = 128 * 1024;
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

type SandboxKind = 'wasm' | 'javascript' | 'python';
/** By content, and by name where content says nothing: a `.wasm` that is text is for the node to refuse. */
const kindOf = (path: string, module: Buffer): SandboxKind => {
  const extension = extname(path).toLowerCase();
  if (module.subarray(0, 4).equals(WASM_MAGIC) || extension === '.wasm') return 'wasm';
  return extension === '.py' ? 'python' : 'javascript';
};

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

/** What `run` and `job submit` have in common. */
interface LimitFlags {
  name?: string;
  cpu?: number;
  memory?: number;
  timeout?: number;
  output?: number;
  scratch?: number;
  stdin: boolean;
}
const addLimits = (command: Command): Command =>
  command
    .option('--cpu <percent>', 'share of one core; what is free, up to a whole core, when left out', parseNumber)
    .option('--memory <amount>', 'memory limit, such as 64MiB', amount)
    .option('--timeout <duration>', 'time limit, such as 30s', duration)
    .option('--output <amount>', 'output limit, such as 1MiB', amount)
    .option('--scratch <amount>', 'room for files in memory, such as 16MiB', amount)
    .option('--name <name>', "name in lists; the file's name otherwise")
    .option('--no-stdin', 'do not pass on what is piped in');
const readLimits = async (session: Session, flags: LimitFlags) => {
  const stdin = flags.stdin ? await session.terminal.readInput(STDIN_BYTES_MAX) : null;
  return {
    ...(stdin !== null && { stdin: Buffer.from(stdin).toString('base64') }),
    ...(flags.cpu !== undefined && { cpuPercent: flags.cpu }),
    ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
    ...(flags.timeout !== undefined && { timeMsMax: flags.timeout }),
    ...(flags.output !== undefined && { outputBytesMax: flags.output }),
    ...(flags.scratch !== undefined && { scratchBytesMax: flags.scratch }),
  };
};

/** Writes what a job writes until it has ended; Ctrl-C cancels it. Sets what the command ends with. */
const watch = async (session: Session, id: string): Promise<void> => {
  const client = await session.client();
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
};
const EXIT_HELP = `\nEnds with the job's own exit code; ${RUN_EXIT.time} when its time was over, ${RUN_EXIT.memory} when it wanted more memory, ${RUN_EXIT.output} when it wrote too much,\n${RUN_EXIT.crashed} when it crashed, ${RUN_EXIT.owner} when the owner's limits ended it, ${RUN_EXIT.lost} when the node went down, ${RUN_EXIT.cancelled} when it was cancelled. Ctrl-C cancels it.`;

const kinds = ['wasm', 'javascript', 'python'] as const;
const addRun = (program: Command, session: Session): void => {
  const run = addLimits(
    program
      .command('run')
      .description('Run a WebAssembly (WASI), JavaScript or Python program as a job here, and show what it writes')
      .argument('<file>', 'the program; WebAssembly is told by its content, Python by .py, anything else is JavaScript')
      .argument('[args...]', 'arguments for the program'),
  )
    .addOption(new Option('--kind <kind>', 'instead of telling by content').choices(kinds))
    .option('--detach', "do not wait: print the job's id")
    .passThroughOptions()
    .action(async (path: string, args: string[], flags: LimitFlags & { kind?: SandboxKind; detach?: true }) => {
      const module = await readModule(path);
      const started = await session.call('job:start', {
        name: flags.name ?? (basename(path).slice(0, 128) || 'job'),
        kind: flags.kind ?? kindOf(path, module),
        module: module.toString('base64'),
        args,
        ...(await readLimits(session, flags)),
      });
      if (flags.detach) return session.json ? session.printJson(started) : session.print(`${started.id}\n`);
      await watch(session, started.id);
    });
  withExamples(run, [
    'hypermesh run hello.wasm',
    'hypermesh run --cpu 30 --memory 64MiB count.js 1000',
    'hypermesh run primes.py 100000',
    'echo 5 | hypermesh run --timeout 30s fib.wasm',
    'hypermesh run --detach long.wasm',
  ]).addHelpText('after', EXIT_HELP);
};

interface SubmitFlags extends LimitFlags {
  image?: string;
  entrypoint?: string[];
  kind?: SandboxKind;
  to?: string;
  copies: number;
  quorum?: number;
  minutes: number;
  priceMax: string;
  anonymous?: true;
  file?: string[];
  keep?: string[];
  env?: string[];
  priority: 'low' | 'normal' | 'high';
  restarts: number;
  now?: true;
  pids?: number;
  network: 'none' | 'exit';
  port?: number[];
  gpu?: true;
  health?: string[];
  wait?: true;
}
const envOf = (given: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CliError({ code: 'USAGE' }, `"${pair.slice(0, 40)}" is no variable; write NAME=value.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );

/** The request for a job from a command line: a program of its own, or a command in an image. */
const specOf = async (
  session: Session,
  program: string | undefined,
  args: readonly string[],
  flags: SubmitFlags,
): Promise<JobSpecInput> => {
  const common = {
    ...(await readLimits(session, flags)),
    ...(flags.env !== undefined && { env: envOf(flags.env) }),
    ...(flags.file !== undefined && { files: await uploadFiles(session, flags.file) }),
    ...(flags.keep !== undefined && { outputs: flags.keep }),
    priority: flags.priority,
    restarts: flags.restarts,
    queue: flags.now === undefined,
  };
  if (flags.image !== undefined) {
    return {
      kind: 'container',
      name: flags.name ?? flags.image.slice(0, 128),
      image: flags.image,
      args: [...(program === undefined ? [] : [program]), ...args],
      ...(flags.entrypoint !== undefined && { entrypoint: flags.entrypoint }),
      ...(flags.pids !== undefined && { pidsMax: flags.pids }),
      network: flags.network,
      ...(flags.port !== undefined && { ports: flags.port }),
      ...(flags.gpu !== undefined && { gpu: true }),
      ...(flags.health !== undefined && { health: { command: flags.health } }),
      ...common,
    };
  }
  if (program === undefined)
    throw new CliError({ code: 'USAGE' }, 'Name a program, or an image with --image; see --help.');
  const module = await readModule(program);
  const kind = flags.kind ?? kindOf(program, module);
  return {
    kind,
    name: flags.name ?? (basename(program).slice(0, 128) || 'job'),
    module: module.toString('base64'),
    args: [...args],
    ...common,
  };
};

const QUORUM_OF = 2;
const addSubmit = (program: Command, session: Session): void => {
  const whole = (min: number, max: number, what: string) => (text: string) => parseWhole(text, min, max, what);
  const submit = addLimits(
    commandAt(program, 'job submit')
      .description('Submit a job, here or to other nodes: a program, or a command in an image')
      .argument('[program]', 'a WebAssembly, JavaScript or Python file; with --image, the command in it')
      .argument('[args...]', 'arguments'),
  )
    .option('--image <image>', 'run in this image, such as python:3.13-slim')
    .option('--entrypoint <word>', "in place of the image's own (again for more words)", collect)
    .addOption(new Option('--kind <kind>', 'instead of telling by content').choices(kinds))
    .option('--to <where>', 'a peer, an offer, a lease, or any; here when left out')
    .option('--copies <number>', "run it so often, each on another owner's node", whole(1, 9, 'A number of copies'), 1)
    .option('--quorum <number>', 'so many must give the same result', whole(1, 9, 'A quorum'))
    .option('--minutes <number>', 'length of the lease', whole(1, 525_600, 'A length in minutes'), 60)
    .option('--price-max <micro>', 'most that you pay, micro-CAES for an hour of a core or a container', '0')
    .option('--anonymous', 'through at least two relays, so that whoever runs it does not learn who you are')
    .option(
      '--file <file>',
      'put this into the work folder: file, folder, or file:path/in/folder (again for more)',
      collect,
    )
    .option('--keep <path>', 'keep this file or folder of the work folder when it ends (again for more)', collect)
    .option('--env <pair>', 'a variable, NAME=value (again for more)', collect)
    .addOption(
      new Option('--priority <priority>', 'before or after others')
        .choices(['low', 'normal', 'high'])
        .default('normal'),
    )
    .option('--restarts <number>', 'start again so often when it fails', whole(0, 10, 'A number of restarts'), 0)
    .option('--now', 'be refused when there is no room now, in place of waiting')
    .option('--pids <number>', 'processes at most, in a container', whole(1, 4096, 'A number of processes'))
    .addOption(new Option('--network <way>', 'in a container').choices(['none', 'exit']).default('none'))
    .option(
      '--port <number>',
      'a port that it listens on, in a container (again for more)',
      (text: string, before: number[] | undefined) => [...(before ?? []), parseWhole(text, 1, 65_535, 'A port')],
    )
    .option('--gpu', 'with the graphics card, in a container')
    .option('--health <word>', 'a command that must succeed while it is well (again for more words)', collect)
    .option('--wait', 'show what it writes until it has ended')
    .passThroughOptions()
    .action(async (path: string | undefined, args: string[], flags: SubmitFlags) => {
      const spec = await specOf(session, path, args, flags);
      const isRemote = flags.to !== undefined || flags.copies > 1;
      const send: RequestInputOf<'job:send'> = {
        spec,
        to: flags.to ?? 'any',
        copies: flags.copies,
        quorum: flags.quorum ?? Math.min(QUORUM_OF, flags.copies),
        minutes: flags.minutes,
        priceMicroMax: flags.priceMax,
        route: flags.anonymous === undefined ? 'direct' : 'anonymous',
      };
      const jobs = isRemote ? (await session.call('job:send', send)).jobs : [await session.call('job:start', spec)];
      const [first] = jobs;
      if (flags.wait && first !== undefined) return await watch(session, first.id);
      if (session.json) session.printJson(jobs);
      else session.print(jobs.map(({ id }) => `${id}\n`).join(''));
    });
  withExamples(submit, [
    'hypermesh job submit --wait primes.py 100000',
    'hypermesh job submit --image python:3.13-slim --file data.csv --keep result.csv python3 -c "print(1)"',
    'hypermesh job submit --to attic --cpu 100 --memory 512MiB --image tools:1 make all',
    'hypermesh job submit --copies 3 --quorum 2 simulate.wasm 42',
  ]).addHelpText('after', EXIT_HELP);
};

const addLogs = (program: Command, session: Session): void => {
  const logs = commandAt(program, 'job logs')
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
  withExamples(logs, ['hypermesh job logs job-0123456789abcdef', 'hypermesh job logs --follow job-0123456789abcdef']);
};

const addWait = (program: Command, session: Session): void => {
  const wait = commandAt(program, 'job wait')
    .description('Wait until jobs have ended; shows how')
    .argument('<ids...>', 'the jobs')
    .action(async (ids: string[]) => {
      for (const id of ids) {
        await followOutput(session, id, () => undefined);
        const job = await session.call('job:get', { id });
        session.show('job:get', job);
        if (session.exitCode === EXIT.ok) session.exitCode = runExitCode(job);
      }
    });
  withExamples(wait, ['hypermesh job wait job-0123456789abcdef']).addHelpText(
    'after',
    '\nEnds as `run` does, with the code of the first that did not end well.',
  );
};

const addFiles = (program: Command, session: Session): void => {
  const files = commandAt(program, 'job files')
    .description('Write the files that a job left to a folder')
    .argument('<id>', 'the job')
    .option('--out <folder>', 'where to', '.')
    .option('--force', 'write over files that are there')
    .action(async (id: string, { out, force = false }: { out: string; force?: boolean }) => {
      const { outputs } = await session.call('job:get', { id });
      const written = await downloadFiles(session, outputs, out, force);
      if (session.json) session.printJson({ written });
      else session.print(written.length === 0 ? 'It left no files.\n' : written.map((path) => `${path}\n`).join(''));
    });
  withExamples(files, ['hypermesh job files job-0123456789abcdef --out results']);

  const result = commandAt(program, 'job result')
    .description('Write the signed result of a job elsewhere to a file that anybody can check')
    .argument('<id>', 'the job')
    .option('--out <file>', 'where to; without it, a name made of the job')
    .option('--force', 'write over the file if it is there')
    .action(async (id: string, { out, force = false }: { out?: string; force?: boolean }) => {
      const { fileName, bytes } = await session.call('job:result', { id });
      const path = resolve(out ?? fileName);
      await writeResult(path, Buffer.from(bytes, 'base64'), force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(result, ['hypermesh job result job-0123456789abcdef']);

  const verify = commandAt(program, 'job verify-result')
    .description('Check the signed result of a job of anybody; needs no node and no keys')
    .argument('<file>', 'as `hypermesh job result` writes it')
    .action(async (path: string) => {
      const verdict = await session.components.verifyJobResult(await readSmallFile(path, RESULT_BYTES_MAX));
      session.show('job:verifyResult', verdict);
      if (!verdict.passed) session.exitCode = EXIT.failed;
    });
  withExamples(verify, ['hypermesh job verify-result job-0123456789abcdef.hmresult']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when it does not hold.`,
  );
};

/** `run`, `job …`, `queue …`, `languages`. */
export const addJobCommands = (program: Command, session: Session): void => {
  addRun(program, session);
  withExamples(commandAt(program, 'job').description('Jobs of yours, here and elsewhere, and those of others here'), [
    'hypermesh job list',
    'hypermesh job submit --wait primes.py 100000',
  ]);
  addSubmit(program, session);
  for (const name of ['job:list', 'job:get', 'job:cancel', 'job:move', 'job:remove'] as const)
    addDerivedCommand(program, session, name);
  addLogs(program, session);
  addWait(program, session);
  addFiles(program, session);
  for (const name of ['queue:state', 'queue:set', 'queue:drain', 'languages:list'] as const)
    addDerivedCommand(program, session, name);
};
