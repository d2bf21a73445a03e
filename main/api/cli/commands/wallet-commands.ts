import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RequestInputOf, ResponseOf, WalletDraft } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { collect } from '../options.ts';
import { readSmallFile } from '../read-small-file.ts';
import { askSecret, readSecretFile } from '../secret-input.ts';
import type { Session } from '../session.ts';
import { viewDraft } from '../views-wallet.ts';
import { writeResult } from '../write-result.ts';

export interface SignFlags {
  account?: string;
  yes?: true;
  passphraseFile?: string;
  wait?: boolean;
}
type Signed = ResponseOf<'wallet:approve'>;

/** Flags of whatever signs. */
export const withSigning = (command: Command): Command =>
  command
    .option('--account <name>', 'which account of the wallet signs; without it, the first')
    .option('--yes', 'sign without asking once more')
    .option('--passphrase-file <file>', 'the passphrase of the keys, from a file that only you can read');

const agree = async (session: Session, draft: WalletDraft, { yes }: SignFlags): Promise<void> => {
  if (!session.json || !yes) session.note(viewDraft(draft, session.style).trimEnd());
  if (yes) return;
  const answer = await session.terminal.readLine('Sign this? [y/N] ');
  if (answer === null)
    throw new CliError(
      { code: 'USAGE' },
      'Nobody is there to agree, so nothing was signed; look at it with --json first, then repeat with --yes.',
    );
  if (!/^(y|yes)$/i.test(answer.trim())) throw new CliError({ code: 'DECLINED' }, 'Nothing was signed.');
};

/**
 * Shows what would be signed, asks, signs, and waits until it is final where it is a transaction.
 *
 * @throws {CliError} `DECLINED`
 */
export const sign = async (
  session: Session,
  request: RequestInputOf<'wallet:draft'>,
  flags: SignFlags,
): Promise<Signed> => {
  const draft = await session.call('wallet:draft', {
    ...request,
    ...(flags.account !== undefined && { account: flags.account }),
  });
  await agree(session, draft, flags);
  const { approval } = await session.call('wallet:get', {});
  const passphrase =
    flags.passphraseFile !== undefined
      ? await readSecretFile(flags.passphraseFile)
      : approval === 'passphrase'
        ? await askSecret(session.terminal, 'Passphrase of the keys: ', 'name a file with --passphrase-file')
        : undefined;
  return await session.call('wallet:approve', { draft: draft.draft, ...(passphrase !== undefined && { passphrase }) });
};

/** @param request - what is to be signed; shown as a transaction once it is final, or has failed to become so */
export const signTransaction = async (
  session: Session,
  request: RequestInputOf<'wallet:draft'>,
  flags: SignFlags,
): Promise<void> => {
  const signed = await sign(session, request, flags);
  if (signed.signed !== 'transaction') return;
  if (flags.wait === false) {
    session.show('wallet:approve', signed);
    return;
  }
  const settled = await session.call('wallet:settled', { transaction: signed.transaction });
  if (session.json) session.printJson({ ...signed, settled });
  else {
    session.show('wallet:approve', signed);
    session.show('wallet:settled', settled);
  }
  if (settled.state !== 'final') session.exitCode = EXIT.failed;
};

const addSend = (program: Command, session: Session): void => {
  const send = withSigning(
    commandAt(program, 'wallet send')
      .description('Send CAES to an account; shows the fee and what is left, and asks before it signs')
      .argument('<to>', 'an address, a name in the address book, or a payment link')
      .argument('[amount]', 'CAES, such as 12.5; a payment link may say it')
      .option('--memo <words>', 'for everybody to read, at most 256 characters', ''),
  )
    .option('--no-wait', 'return as soon as it was handed in, before it is final')
    .action(async (to: string, amount: string | undefined, { memo, ...flags }: SignFlags & { memo: string }) =>
      signTransaction(session, { kind: 'send', to, memo, ...(amount !== undefined && { amount }) }, flags),
    );
  withExamples(send, [
    'hypermesh wallet send anna 12.5 --memo "for March"',
    "hypermesh wallet send 'hypermesh:pay?to=caes1…&amount=3'",
  ]).addHelpText('after', `\nEnds with ${EXIT.failed} when it did not become final.`);
};

const addStake = (program: Command, session: Session): void => {
  for (const [word, kind, description] of [
    ['stake', 'stake', 'Put CAES at stake: it earns a yield, and is lost in part by whoever signs lies'],
    ['unstake', 'unstake', 'Take CAES out of the stake; it is free after the waiting time'],
  ] as const) {
    const command = withSigning(
      commandAt(program, `wallet ${word}`).description(description).argument('<amount>', 'CAES, such as 100'),
    )
      .option('--no-wait', 'return as soon as it was handed in, before it is final')
      .action(async (amount: string, flags: SignFlags) => signTransaction(session, { kind, amount }, flags));
    withExamples(command, [`hypermesh wallet ${word} 100`]);
  }
};

const addMessages = (program: Command, session: Session): void => {
  const signing = withSigning(
    commandAt(program, 'wallet sign')
      .description('Sign a message, so that others see that it comes from the owner of an account')
      .argument('<message>', 'at most 4096 characters'),
  )
    .requiredOption('--out <file>', 'where the signed message goes')
    .option('--force', 'write over the file if it is there')
    .action(async (message: string, { out, force = false, ...flags }: SignFlags & { out: string; force?: boolean }) => {
      const signed = await sign(session, { kind: 'message', message }, flags);
      if (signed.signed !== 'message') return;
      const path = resolve(out);
      await writeResult(path, Buffer.from(signed.file, 'base64'), force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(signing, ['hypermesh wallet sign "I own this account" --out mine.hmmessage']);
  const verify = commandAt(program, 'wallet verify')
    .description('Who signed a message, and whether the signatures hold')
    .argument('<file>', 'as `hypermesh wallet sign` writes it')
    .action(async (path: string) => {
      const file = await readSmallFile(path, MESSAGE_FILE_BYTES_MAX);
      const verdict = await session.call('wallet:verifyMessage', { file: Buffer.from(file).toString('base64') });
      session.show('wallet:verifyMessage', verdict);
      if (!verdict.passed) session.exitCode = EXIT.failed;
    });
  withExamples(verify, ['hypermesh wallet verify mine.hmmessage']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when it does not hold.`,
  );
};
/** A signed message has some 8 KiB. */
const MESSAGE_FILE_BYTES_MAX = 32 * 1024;

const addExport = (program: Command, session: Session): void => {
  const command = commandAt(program, 'wallet export')
    .description('Write the history to a file for a spreadsheet')
    .option('--account <name>', 'of one account; without it, of all')
    .option('--out <file>', 'where to; without it, a name made of the date')
    .option('--force', 'write over the file if it is there')
    .action(async ({ account, out, force = false }: { account?: string; out?: string; force?: boolean }) => {
      const { fileName, csv } = await session.call('wallet:exportHistory', {
        ...(account !== undefined && { account }),
      });
      const path = resolve(out ?? fileName);
      await writeResult(path, Buffer.from(csv), force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(command, ['hypermesh wallet export', 'hypermesh wallet export --account savings --out 2026.csv']);
};

const WATTS = /^(cpu|gpu|memory|storage|network|container)=(\d+(?:\.\d+)?)$/;
const addElectricity = (program: Command, session: Session): void => {
  const command = commandAt(program, 'rewards electricity')
    .description('Say what electricity costs and what a CAES is worth to you, and see what levels would bring net')
    .requiredOption('--price <number>', 'per kWh, in your own currency', parseNumber)
    .requiredOption('--currency <name>', 'such as EUR')
    .option(
      '--watts <resource=watts>',
      'what a resource takes more at full use, such as cpu=65 (again for more)',
      collect,
    )
    .option('--caes-value <number>', 'what one CAES is worth to you; without it nothing is netted', parseNumber)
    .action(async (flags: { price: number; currency: string; watts?: string[]; caesValue?: number }) => {
      const watts = Object.fromEntries(
        (flags.watts ?? []).map((text) => {
          const match = WATTS.exec(text);
          if (match === null)
            throw new CliError({ code: 'USAGE' }, `${text} is not watts of a resource; write it like cpu=65.`);
          return [match[1] ?? '', Number(match[2])];
        }),
      );
      session.show(
        'rewards:setElectricity',
        await session.call('rewards:setElectricity', {
          pricePerKwh: flags.price,
          currency: flags.currency,
          caesValue: flags.caesValue ?? null,
          watts,
        }),
      );
    });
  withExamples(command, ['hypermesh rewards electricity --price 0.31 --currency EUR --watts cpu=65 --watts gpu=220']);
};

/** Those that the contract describes whole. */
const DERIVED = [
  'wallet:addAccount',
  'wallet:rename',
  'wallet:removeAccount',
  'wallet:contacts',
  'wallet:setContact',
  'wallet:removeContact',
  'wallet:request',
  'wallet:requests',
  'wallet:removeRequest',
  'wallet:set',
  'rewards:get',
  'rewards:explain',
  'rewards:funnel',
  'rewards:forecast',
] as const;

/** `wallet …`, `rewards …`. */
export const addWalletCommands = (program: Command, session: Session): void => {
  withExamples(
    commandAt(program, 'wallet').description('Accounts of this identity: what they have, send and receive'),
    ['hypermesh wallet show', 'hypermesh wallet send anna 12.5', 'hypermesh wallet history --kind reward'],
  );
  withExamples(commandAt(program, 'wallet contact').description('The address book of the wallet'), [
    'hypermesh wallet contact set caes1… anna',
  ]);
  addDerivedCommand(program, session, 'wallet:get');
  addSend(program, session);
  addDerivedCommand(program, session, 'wallet:history');
  addExport(program, session);
  addStake(program, session);
  addMessages(program, session);
  for (const name of DERIVED) addDerivedCommand(program, session, name);
  addElectricity(program, session);
};
