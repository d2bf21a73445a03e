import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { RequestInputOf } from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { collect, parseWhole } from '../options.ts';
import { readSmallFile } from '../read-small-file.ts';
import type { Session } from '../session.ts';
import { viewParameters, viewValidators } from '../views-ledger.ts';
import { writeResult } from '../write-result.ts';
import { type SignFlags, signTransaction, withSigning } from './wallet-commands.ts';

/** A genesis of a hundred validators has some 200 KiB; a thousand accounts add 100 KiB. */
const GENESIS_BYTES_MAX = 3_000_000;
const RECEIPT_BYTES_MAX = 6_000_000;

const write = async (name: string, bytes: string, out: string | undefined, force: boolean): Promise<string> => {
  const path = resolve(out ?? name);
  await writeResult(path, Buffer.from(bytes, 'base64'), force);
  return path;
};

const addCreate = (program: Command, session: Session): void => {
  const create = commandAt(program, 'network create')
    .description('Found a network: make its genesis, join it, and use it from now on')
    .argument('<name>', 'small letters, digits and hyphens')
    .option(
      '--validator <peer>',
      'a node that validates from the start besides this one: its name (again for more)',
      collect,
    )
    .option('--give <address=caes>', 'what an account begins with, such as caes1…=1000 (again for more)', collect)
    .option(
      '--own <caes>',
      'what your own account begins with',
      (text) => parseWhole(text, 0, 1e9, 'An amount'),
      1_000_000,
    )
    .addOption(
      new Option('--members <who>', 'who may take part: those whom an admin lets in, or anyone')
        .choices(['admitted', 'anyone'])
        .default('admitted'),
    )
    .option(
      '--heartbeat <seconds>',
      'a block at least so often',
      (text) => parseWhole(text, 1, 86_400, 'A heartbeat'),
      60,
    )
    .option(
      '--epoch <minutes>',
      'how often rewards and prices are worked out',
      (text) => parseWhole(text, 1, 525_600, 'An epoch'),
      60,
    )
    .option('--out <file>', 'where the genesis goes that others join with; without it, a name made of the network')
    .option('--force', 'write over the file if it is there')
    .action(
      async (
        name: string,
        flags: {
          validator?: string[];
          give?: string[];
          own: number;
          members: 'admitted' | 'anyone';
          heartbeat: number;
          epoch: number;
          out?: string;
          force?: boolean;
        },
      ) => {
        const made = await session.call('ledgers:create', {
          name,
          validators: flags.validator ?? [],
          accounts: flags.give ?? [],
          ownCaes: flags.own,
          members: flags.members,
          heartbeatSeconds: flags.heartbeat,
          epochMinutes: flags.epoch,
        });
        const path = await write(made.fileName, made.genesis, flags.out, flags.force ?? false);
        if (session.json) session.printJson({ ledger: made.ledger, path });
        else {
          session.show('ledgers:create', made);
          session.print(`Written: ${path}\nGive this file to those who are to join: hypermesh network join FILE\n`);
        }
      },
    );
  withExamples(create, [
    'hypermesh network create attic',
    'hypermesh network create lab --validator anna --validator ben --give caes1…=1000 --out lab.hmgenesis',
  ]);
};

const addJoin = (program: Command, session: Session): void => {
  const join = commandAt(program, 'network join')
    .description('Follow the network of a genesis file, and use it from now on')
    .argument('<file>', 'as `hypermesh network create` or `hypermesh network genesis` writes it')
    .option('--no-use', 'follow it, and go on using the present one')
    .action(async (file: string, { use }: { use: boolean }) => {
      const genesis = Buffer.from(await readSmallFile(file, GENESIS_BYTES_MAX)).toString('base64');
      session.show('ledgers:join', await session.call('ledgers:join', { genesis, use }));
    });
  withExamples(join, ['hypermesh network join lab.hmgenesis']).addHelpText(
    'after',
    '\nJoining costs nothing. Once you lend to others there, this node tells the network which account is paid for it, and lists what everybody may have: each for a small fee, which `hypermesh wallet history` shows.',
  );
  const genesis = commandAt(program, 'network genesis')
    .description('Write the file that others join a network with')
    .argument('[network]', 'its name, or the beginning of its id', 'current')
    .option('--out <file>', 'where to; without it, a name made of the network')
    .option('--force', 'write over the file if it is there')
    .action(async (ledger: string, { out, force = false }: { out?: string; force?: boolean }) => {
      const made = await session.call('ledgers:genesis', { ledger });
      const path = await write(made.fileName, made.genesis, out, force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(genesis, ['hypermesh network genesis lab']);
};

const addKeeping = (program: Command, session: Session): void => {
  const validators = commandAt(program, 'network validators')
    .description('Who signs blocks of a network, and how each has been doing')
    .argument('[network]', 'its name, or the beginning of its id', 'current')
    .action(async (ledger: string) => {
      const view = await session.call('ledgers:get', { ledger });
      if (session.json) session.printJson(view.validatorsList);
      else session.print(viewValidators(view, session.style));
    });
  withExamples(validators, ['hypermesh network validators']);
  const admit = withSigning(
    commandAt(program, 'network admit')
      .description('Let an account take part in the current network; admins only')
      .argument('<member>', 'an address, or a name in the address book')
      .option('--may-validate', 'it may also become a validator, once it has enough at stake'),
  ).action(async (member: string, { mayValidate = false, ...flags }: SignFlags & { mayValidate?: boolean }) =>
    signTransaction(session, { kind: 'admit', member, mayValidate }, flags),
  );
  withExamples(admit, ['hypermesh network admit anna --may-validate']);
  const remove = withSigning(
    commandAt(program, 'network remove')
      .description('Put an account out of the current network; admins only')
      .argument('<member>', 'an address, or a name in the address book'),
  ).action(async (member: string, flags: SignFlags) => signTransaction(session, { kind: 'putOut', member }, flags));
  withExamples(remove, ['hypermesh network remove anna']);
  const validate = withSigning(
    commandAt(program, 'network validate')
      .description('Make this node a validator of the current network, or end that')
      .argument('<on|off>', 'on or off'),
  ).action(async (word: string, flags: SignFlags) => {
    if (word !== 'on' && word !== 'off') throw new CliError({ code: 'USAGE' }, `Say on or off, not ${word}.`);
    await signTransaction(session, { kind: 'validate', join: word === 'on' }, flags);
  });
  withExamples(validate, ['hypermesh network validate on']);
  const params = withSigning(
    commandAt(program, 'network params')
      .description('What the current network goes by; admins may change it')
      .argument('[changes...]', 'such as economy.burnPermille=10'),
  ).action(async (changes: string[], flags: SignFlags) => {
    if (changes.length === 0) {
      const view = await session.call('ledgers:get', {});
      if (session.json) session.printJson(view.parameters);
      else session.print(viewParameters(view, session.style));
      return;
    }
    const request: RequestInputOf<'wallet:draft'> = {
      kind: 'parameters',
      changes: Object.fromEntries(changes.map(changeOf)),
    };
    await signTransaction(session, request, flags);
  });
  withExamples(params, ['hypermesh network params', 'hypermesh network params economy.burnPermille=10']);
};
const changeOf = (text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at < 1) throw new CliError({ code: 'USAGE' }, `${text} is no change; write it like economy.burnPermille=10.`);
  return [text.slice(0, at), text.slice(at + 1)];
};

const addReceipts = (program: Command, session: Session): void => {
  const file = commandAt(program, 'receipt file')
    .description(
      'Write what was lent, how it was proved and what was paid for a lease to a file that anybody can check',
    )
    .argument('<lease>', 'a lease id, or the beginning of one')
    .option('--out <file>', 'where to; without it, a name made of the lease')
    .option('--force', 'write over the file if it is there')
    .action(async (lease: string, { out, force = false }: { out?: string; force?: boolean }) => {
      const { fileName, bytes } = await session.call('receipts:file', { lease });
      const path = await write(fileName, bytes, out, force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(file, ['hypermesh receipt file lease-3f2a']);
  const verify = commandAt(program, 'receipt verify')
    .description('Check the receipt of anybody; needs no node and no keys')
    .argument('<file>', 'as `hypermesh receipt file` writes it')
    .action(async (path: string) => {
      const verdict = await session.components.verifyReceiptFile(await readSmallFile(path, RECEIPT_BYTES_MAX));
      session.show('receipts:verify', verdict);
      if (!verdict.passed) session.exitCode = EXIT.failed;
    });
  withExamples(verify, ['hypermesh receipt verify lease-3f2a9b10.hmreceipt']).addHelpText(
    'after',
    `\nSays what was lent, how it was proved, what was paid, in which block, and who signed. Whether the network is one that you know is told by its id.\nEnds with ${EXIT.failed} when it does not hold.`,
  );
};

/** `network …`, `receipt …`. */
export const addLedgerCommands = (program: Command, session: Session): void => {
  withExamples(
    commandAt(program, 'network').description('Networks with a ledger of their own: found, join and keep them'),
    ['hypermesh network list', 'hypermesh network create lab', 'hypermesh network join lab.hmgenesis'],
  );
  withExamples(commandAt(program, 'receipt').description('What was lent, proved and paid, for anybody to check'), [
    'hypermesh receipt file lease-3f2a',
    'hypermesh receipt verify lease-3f2a9b10.hmreceipt',
  ]);
  addDerivedCommand(program, session, 'ledgers:list');
  addDerivedCommand(program, session, 'ledgers:get');
  addCreate(program, session);
  addJoin(program, session);
  addDerivedCommand(program, session, 'ledgers:use');
  addDerivedCommand(program, session, 'ledgers:vouch');
  addDerivedCommand(program, session, 'ledgers:leave');
  addDerivedCommand(program, session, 'ledgers:blocks');
  addDerivedCommand(program, session, 'ledgers:block');
  addKeeping(program, session);
  addReceipts(program, session);
};
