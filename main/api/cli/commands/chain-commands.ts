import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ChainVerification } from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { addDerivedCommand, commandAt, parseNumber, withExamples } from '../derive.ts';
import { AnswerError, CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import { formatBytes, formatCount } from '../units.ts';
import { viewVerification } from '../views-chain.ts';

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => null)) !== null;

/** Written over as it moves on; nothing where nothing can be written over. */
const progressLine = (session: Session): { show: (checked: number, total: number) => void; clear: () => void } => {
  let width = 0;
  const active = session.terminal.progress && !session.json;
  return {
    show: (checked, total) => {
      if (!active) return;
      const line = `Checked ${checked} of ${formatCount(total, 'block')}`;
      session.terminal.writeError(`\r${line.padEnd(width)}`);
      width = line.length;
    },
    clear: () => {
      if (active && width > 0) session.terminal.writeError(`\r${' '.repeat(width)}\r`);
      width = 0;
    },
  };
};

type Ended = Exclude<ChainVerification, { status: 'running' | 'never' }>;

/** The chain of the node that runs. */
const verifyNode = async (session: Session): Promise<{ ended: Ended; interrupted: boolean }> => {
  const client = await session.client();
  const line = progressLine(session);
  const { promise: ended, resolve: end } = Promise.withResolvers<Ended>();
  const hear = (verification: ChainVerification): void => {
    if (verification.status === 'running') line.show(verification.checked, verification.total);
    else if (verification.status !== 'never') end(verification);
  };
  const stopListening = client.subscribe('verification', hear);
  await client.subscribed();
  let interrupted = false;
  const stopInterrupt = session.terminal.onInterrupt(() => {
    interrupted = true;
    void client.call('chain:cancelVerify', {}).catch(() => undefined);
  });
  const lost = client.closed.then(() => {
    throw new CliError(
      { code: 'NO_NODE' },
      'The node went away while it verified; start it again with `hypermesh start`.',
    );
  });
  lost.catch(() => undefined);
  try {
    const started = await client.call('chain:verify', {});
    if (!started.ok) throw new AnswerError(started.error);
    // It may be over before the first push.
    hear(started.value);
    const verification = await Promise.race([ended, lost]);
    return { ended: verification, interrupted };
  } finally {
    line.clear();
    stopInterrupt();
    stopListening();
  }
};

/** A file, with no node and no keys. */
const verifyFile = async (session: Session, path: string): Promise<Ended> => {
  const controller = new AbortController();
  const stopInterrupt = session.terminal.onInterrupt(() => {
    controller.abort(new CliError({ code: 'INTERRUPTED' }, 'The check was stopped before its end.'));
  });
  const line = progressLine(session);
  try {
    return await session.components.verifyChainFile(resolve(path), {
      signal: controller.signal,
      onProgress: line.show,
    });
  } finally {
    line.clear();
    stopInterrupt();
  }
};

const addVerify = (program: Command, session: Session): void => {
  const verify = commandAt(program, 'chain verify')
    .description('Check every hash, signature, proof and state: of this node’s chain, or of a file')
    .argument('[file]', 'an exported chain; needs no node and no keys')
    .action(async (path: string | undefined) => {
      const { ended, interrupted } =
        path === undefined ? await verifyNode(session) : { ended: await verifyFile(session, path), interrupted: false };
      if (session.json) session.printJson(ended);
      else session.print(viewVerification(ended, session.style));
      session.exitCode = interrupted
        ? EXIT.interrupted
        : ended.status === 'done' && ended.holds
          ? EXIT.ok
          : EXIT.failed;
    });
  withExamples(verify, ['hypermesh chain verify', 'hypermesh chain verify chain.hmchain --json']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when the chain does not hold. Ctrl-C stops it.`,
  );
};

const notWritten = (path: string, error: unknown): CliError =>
  (error as NodeJS.ErrnoException).code === 'EEXIST'
    ? new CliError(
        { code: 'FILE_EXISTS', path },
        `${printable(path)} is there already and was left as it is; choose another name.`,
      )
    : new CliError(
        { code: 'FILE_NOT_WRITTEN', path },
        `${printable(path)} cannot be written (${messageOf(error)}); choose another place.`,
      );

/** Moves a file to where nothing is yet, also onto another disk. */
const moveTo = async (from: string, to: string): Promise<void> => {
  try {
    // A second name for the same file never replaces one; a rename would.
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw notWritten(to, error);
    try {
      await copyFile(from, to, constants.COPYFILE_EXCL);
      const file = await open(to, 'r');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') await rm(to, { force: true });
      throw notWritten(to, failure);
    }
  }
  await rm(from, { force: true });
};

const addExport = (program: Command, session: Session): void => {
  const command = commandAt(program, 'chain export')
    .description('Write the chain to a file that a stranger can check')
    .requiredOption('--out <file>', 'where to; a file that is there is left as it is')
    .option('--from <height>', 'first block', parseNumber, 0)
    .option('--to <height>', 'last block; the newest otherwise', parseNumber)
    .option('--sealed', 'without the key of each block: only headers can be checked then')
    .action(async ({ out, from, to, sealed = false }: { out: string; from: number; to?: number; sealed?: boolean }) => {
      const target = resolve(out);
      // Looked at before the work, and once more by the move itself.
      if (await exists(target)) throw notWritten(target, { code: 'EEXIST' });
      const written = await session.call('chain:export', { from, readable: !sealed, ...(to !== undefined && { to }) });
      await moveTo(written.path, target);
      session.show('chain:export', { ...written, path: target, name: basename(target) });
    });
  withExamples(command, [
    'hypermesh chain export --out chain.hmchain',
    'hypermesh chain export --out week.hmchain --from 120 --to 180',
    'hypermesh chain export --out sealed.hmchain --sealed',
  ]).addHelpText('after', '\nWithout --sealed, whoever has the file can read what the blocks hold.');
};

const addImport = (program: Command, session: Session): void => {
  const command = commandAt(program, 'chain import')
    .description('Check a chain file, and take over the blocks that are missing here')
    .argument('<file>', 'an exported chain of the same identity')
    .action(async (path: string) => {
      const source = resolve(path);
      if (!(await exists(source)))
        throw new CliError(
          { code: 'FILE_UNREADABLE', path: source },
          `The chain file ${printable(source)} is not there or cannot be read; check its name.`,
        );
      const { folder } = await session.call('chain:transfers', {});
      const name = `import-${session.clock.nowMs()}-${process.pid}.hmchain`;
      const copy = join(folder, name);
      try {
        try {
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await copyFile(source, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        } catch (error) {
          throw notWritten(copy, error);
        }
        if (!session.json) session.note(`Checking ${formatBytes((await stat(copy)).size)}…`);
        session.show('chain:import', await session.call('chain:import', { name }));
      } finally {
        await rm(copy, { force: true });
      }
    });
  withExamples(command, ['hypermesh identity restore', 'hypermesh chain import chain.hmchain']).addHelpText(
    'after',
    '\nEverything in the file is checked first. Nothing changes here when any of it does not hold.',
  );
};

/** `chain head`, `begin`, `list`, `show`, `asset`, `verify`, `export`, `import`, `prune`. */
export const addChainCommands = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'chain').description('The blocks of this node’s own network'), [
    'hypermesh chain head',
    'hypermesh chain verify',
    'hypermesh chain export --out chain.hmchain',
  ]);
  addDerivedCommand(program, session, 'chain:head');
  addDerivedCommand(program, session, 'chain:list');
  addDerivedCommand(program, session, 'chain:block');
  addDerivedCommand(program, session, 'chain:asset');
  addVerify(program, session);
  addExport(program, session);
  addImport(program, session);
  addDerivedCommand(program, session, 'chain:prune');
  addDerivedCommand(program, session, 'chain:begin');
};
