import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { PROOF_FILE_BYTES_MAX } from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { commandAt, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import { formatBytes } from '../units.ts';

const readProofFile = async (path: string): Promise<Uint8Array> => {
  const unreadable = (reason: string): CliError =>
    new CliError(
      { code: 'FILE_UNREADABLE', path },
      `The proof file ${printable(path)} cannot be read (${reason}); check its name and your permission.`,
    );
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      // Whatever is larger is none, and is not read into memory.
      if (size > PROOF_FILE_BYTES_MAX)
        throw unreadable(`it has ${formatBytes(size)}, and a proof at most ${formatBytes(PROOF_FILE_BYTES_MAX)}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(messageOf(error));
  }
};

const parseChallengeHex = (text: string | undefined): Uint8Array | null => {
  if (text === undefined) return null;
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new CliError(
      { code: 'USAGE' },
      '--challenge takes 64 hex digits, as they were given to `hypermesh proof make`.',
    );
  return Buffer.from(text, 'hex');
};

/** `proof verify`: needs no node, no keys and no data folder. */
export const addProofFileCommands = (program: Command, session: Session): void => {
  const group = commandAt(program, 'proof');
  if (group.description() === '') {
    group.description('Proofs of what this machine can do, and checks of those of others');
    withExamples(group, ['hypermesh proof show', 'hypermesh proof verify proof.hmproof']);
  }
  const verify = commandAt(program, 'proof verify')
    .description('Check a proof file of any node; needs no node and no keys')
    .argument('<file>', 'as `hypermesh proof make` writes it')
    .option('--challenge <hex>', 'the 64 hex digits that the proof must answer')
    .option('--whole', 'compute the whole chain of time again, on all processors')
    .action(async (path: string, { challenge, whole = false }: { challenge?: string; whole?: boolean }) => {
      const nonce = parseChallengeHex(challenge);
      const bytes = await readProofFile(path);
      const controller = new AbortController();
      const stopListening = session.terminal.onInterrupt(() => {
        controller.abort(new CliError({ code: 'INTERRUPTED' }, 'The check was stopped before its end.'));
      });
      const showsProgress = whole && session.terminal.progress && !session.json;
      try {
        const verdict = await session.components.verifyProofFile(bytes, {
          nonce,
          whole,
          signal: controller.signal,
          onProgress: (percent) => {
            if (showsProgress) session.terminal.writeError(`\rChain of time: ${percent.toFixed(0).padStart(3)} %`);
          },
        });
        if (showsProgress) session.terminal.writeError(`\r${' '.repeat(24)}\r`);
        session.show('proof:verify', verdict);
        session.exitCode = verdict.passed ? EXIT.ok : EXIT.failed;
      } finally {
        stopListening();
      }
    });
  withExamples(verify, [
    'hypermesh proof verify proof.hmproof',
    'hypermesh proof verify proof.hmproof --challenge 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'hypermesh proof verify proof.hmproof --whole --json',
  ]).addHelpText('after', '\nEnds with 0 when the proof holds, with 1 when it does not or cannot be read.');
};
