import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { assetId, type ProverState, type RequestInputOf, type ResponseOf } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import { parseBytes } from '../units.ts';
import { writeResult } from '../write-result.ts';
import { formatStep } from '../views-proof.ts';

/**
 * The asset that somebody means by its id, by a resource such as `cpu` or `gpu:0000-01-00.0`, or by a kind of which there
 * is one.
 */
export const findAsset = (assets: ResponseOf<'hardware:assets'>, name: string): string => {
  if (assetId.safeParse(name).success) return name;
  const there = assets.filter(({ present }) => present);
  const found = there.filter(({ resource, kind }) => resource === name || kind === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  const all = [...new Set(there.map(({ resource }) => resource))].join(', ');
  throw new CliError(
    { code: 'USAGE' },
    found.length === 0
      ? `There is no asset "${name.slice(0, 80)}" on this node; it has ${all}.`
      : `${name} could be any of ${found.map(({ resource }) => resource).join(', ')}; name one.`,
  );
};

/** One line that is written over as the prover moves on; a line per step where nothing can be written over. */
const followProver = (session: Session): ((state: ProverState) => void) => {
  let before = '';
  return (state) => {
    const line = state.status === 'working' && state.current !== null ? formatStep(state.current) : state.reason;
    if (session.terminal.progress) session.terminal.writeError(`\r${line.slice(0, 100).padEnd(before.length)}`);
    else {
      // Without the percentage, so that a log gets a line per step and not one per percent.
      const step = line.replace(/, \d+ %$/, '');
      if (!session.json && step !== before.replace(/, \d+ %$/, '')) session.note(step);
    }
    before = line;
  };
};

/** `proof make`. */
const addMake = (program: Command, session: Session): void => {
  const make = commandAt(program, 'proof make')
    .description('Prove one asset now; waits until the proof is made and checked')
    .requiredOption('--asset <name>', 'its id, its resource such as cpu, or its kind where there is one of it')
    .option('--out <file>', 'write the proof to this file, which anyone can check')
    .option('--purpose <words>', 'what it is for; it stands in the proof', 'audit')
    .option('--challenge <hex>', '32 bytes that whoever wants the proof has chosen; without it the node chooses')
    .option('--force', 'write over the file if it is there')
    .action(
      async ({
        asset,
        out,
        purpose,
        challenge,
        force = false,
      }: {
        asset: string;
        out?: string;
        purpose: string;
        challenge?: string;
        force?: boolean;
      }) => {
        const client = await session.client();
        const id = findAsset(await session.call('hardware:assets', {}), asset);
        const stopListening = client.subscribe('prover', followProver(session));
        await client.subscribed();
        const stopInterrupt = session.terminal.onInterrupt(() => {
          void client.call('proof:cancel', {}).catch(() => undefined);
        });
        try {
          const made = await session.call('proof:make', {
            asset: id,
            purpose,
            ...(challenge !== undefined && { challenge }),
          });
          if (session.terminal.progress) session.terminal.writeError(`\r${' '.repeat(100)}\r`);
          if (out !== undefined) {
            const { file } = await session.call('proof:file', { id: made.id });
            await writeResult(resolve(out), Buffer.from(file, 'base64'), force);
            session.note(`Written: ${out}`);
          }
          session.show('proof:make', made);
        } catch (error) {
          if (session.terminal.progress) session.terminal.writeError('\n');
          throw error;
        } finally {
          stopInterrupt();
          stopListening();
        }
      },
    );
  withExamples(make, [
    'hypermesh proof make --asset cpu --out cpu.hmproof',
    'hypermesh proof make --asset storage --purpose lease --challenge "$(openssl rand -hex 32)" --out storage.hmproof',
    'hypermesh proof verify cpu.hmproof',
  ]).addHelpText('after', '\nIt takes seconds to minutes at the level that you lend at. Ctrl-C stops it.');
};

/** `proof set`. */
const addSet = (program: Command, session: Session): void => {
  const set = commandAt(program, 'proof set')
    .description('How often proofs are made, and how much space they use')
    .addOption(
      new Option('--automatic <onOff>', 'whether proofs are made without being asked for').choices(['on', 'off']),
    )
    .option('--every-hours <number>', 'hours between two proofs of an asset, 1 to 720', parseNumber)
    .option('--space <size>', 'space that is kept plotted, such as 256MiB')
    .action(
      async ({ automatic, everyHours, space }: { automatic?: 'on' | 'off'; everyHours?: number; space?: string }) => {
        const spaceBytes = space === undefined ? undefined : parseBytes(space);
        if (spaceBytes === null)
          throw new CliError(
            { code: 'USAGE' },
            `"${String(space).slice(0, 40)}" is not a size; write one as 256MiB or 1GiB.`,
          );
        const change = {
          ...(automatic !== undefined && { automatic: automatic === 'on' }),
          ...(everyHours !== undefined && { everyHours }),
          ...(spaceBytes !== undefined && { spaceBytes }),
        } satisfies RequestInputOf<'proof:setPlan'>;
        if (Object.keys(change).length === 0)
          throw new CliError(
            { code: 'USAGE' },
            'Nothing was to be changed; give --automatic, --every-hours or --space.',
          );
        session.show('proof:setPlan', await session.call('proof:setPlan', change));
      },
    );
  withExamples(set, [
    'hypermesh proof set --every-hours 12',
    'hypermesh proof set --space 1GiB',
    'hypermesh proof set --automatic off',
  ]);
};

/** `proof show`, `list`, `state`, `plan`, `set`, `make`, `cancel`. `proof verify` needs no node and stands by itself. */
export const addProofCommands = (program: Command, session: Session): void => {
  withExamples(commandAt(program, 'proof').description('What this machine has proved: who, where, what and when'), [
    'hypermesh proof show',
    'hypermesh proof make --asset cpu --out cpu.hmproof',
  ]);
  addDerivedCommand(program, session, 'proof:assets');
  addDerivedCommand(program, session, 'proof:list');
  addDerivedCommand(program, session, 'proof:state');
  addMake(program, session);
  addDerivedCommand(program, session, 'proof:cancel');
  addDerivedCommand(program, session, 'proof:getPlan');
  addSet(program, session);
};
