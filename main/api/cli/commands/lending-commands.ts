import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import {
  allocationType,
  type LeaseView,
  privacyLevel,
  type RequestInputOf,
} from '../../../../preload/contract/index.ts';
import { addDerivedCommand, commandAt, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { collect, type OnOff, onOff, parseAmount, parseWhole } from '../options.ts';
import type { Session } from '../session.ts';
import { readSmallFile } from '../read-small-file.ts';
import { writeResult } from '../write-result.ts';

const MINUTES_MAX = 525_600;
const GUARD_LOOK_MS = 300;
/** A lease that waits for a proof of the borrower's machine waits for minutes. */
const STATE_NOTES: Partial<Record<LeaseView['state'], string>> = {
  requested: 'Asked; the lender decides.',
  proving: 'The lender wants proofs of this machine; they are being made.',
  granted: 'Granted; it begins.',
};

const isDecided = ({ state }: LeaseView): boolean => state === 'running' || state === 'ended' || state === 'refused';

/** Follows a lease until it runs or is refused, a line for each state. */
const follow = async (session: Session, lease: LeaseView): Promise<LeaseView> => {
  const client = await session.client();
  let { promise, resolve: wake } = Promise.withResolvers<void>();
  const end = client.subscribe('leases', ({ leases }) => {
    if (leases.some(({ id }) => id === lease.id)) wake();
  });
  const stopInterrupt = session.terminal.onInterrupt(() => {
    session.exitCode = EXIT.interrupted;
    wake();
  });
  try {
    await client.subscribed();
    let now = await session.call('leases:get', { lease: lease.id });
    let said = '';
    while (!isDecided(now) && session.exitCode !== EXIT.interrupted) {
      const note = STATE_NOTES[now.state] ?? '';
      if (note !== said && !session.json) session.note(note);
      said = note;
      await promise;
      ({ promise, resolve: wake } = Promise.withResolvers<void>());
      now = await session.call('leases:get', { lease: lease.id });
    }
    return now;
  } finally {
    stopInterrupt();
    end();
  }
};

const addRequest = (program: Command, session: Session): void => {
  const request = commandAt(program, 'lease request')
    .description('Ask for a lease, and wait until it runs or is refused')
    .argument('<offer>', 'the id of an offer, or the beginning of one; see hypermesh offers')
    .requiredOption('--amount <size>', 'how much, such as 64MiB of memory or 10MB/s of a network', parseAmount)
    .option('--minutes <number>', 'how long', (text) => parseWhole(text, 1, MINUTES_MAX, 'A length in minutes'), 60)
    .option(
      '--price-max <micro>',
      'most that you pay, micro-CAES for an hour of a core, card, GiB, MiB/s or container',
      '0',
    )
    .option('--anonymous', 'through at least two relays, so that the lender does not learn who you are')
    .option('--purpose <words>', 'told to the lender; at most 64 characters', '')
    .option('--no-wait', 'return as soon as the request is kept')
    .action(
      async (
        offer: string,
        flags: { amount: number; minutes: number; priceMax: string; anonymous?: true; purpose: string; wait: boolean },
      ) => {
        const asked = await session.call('leases:request', {
          offer,
          amount: flags.amount,
          minutes: flags.minutes,
          priceMicroMax: flags.priceMax,
          route: flags.anonymous ? 'anonymous' : 'direct',
          purpose: flags.purpose,
        });
        const lease = flags.wait ? await follow(session, asked) : asked;
        session.show('leases:request', lease);
        if (lease.state === 'refused' || lease.state === 'ended') session.exitCode = EXIT.failed;
      },
    );
  withExamples(request, [
    'hypermesh lease request 3f2a9b10c4 --amount 64MiB --minutes 60',
    'hypermesh lease request 3f2a9b10c4 --amount 10MB/s --anonymous',
  ]).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when it was refused. Ctrl-C stops waiting; the request stays, see hypermesh lease end.`,
  );
};

const addFile = (program: Command, session: Session): void => {
  const file = commandAt(program, 'lease file')
    .description('Write offer, request, grant and the last receipt of a lease to a file that anybody can check')
    .argument('<lease>', 'a lease id, or the beginning of one')
    .option('--out <file>', 'where to; without it, a name made of the lease')
    .option('--force', 'write over the file if it is there')
    .action(async (lease: string, { out, force = false }: { out?: string; force?: boolean }) => {
      const { fileName, bytes } = await session.call('leases:file', { lease });
      const path = resolve(out ?? fileName);
      await writeResult(path, Buffer.from(bytes, 'base64'), force);
      if (session.json) session.printJson({ path });
      else session.print(`Written: ${path}\n`);
    });
  withExamples(file, ['hypermesh lease file lease-3f2a', 'hypermesh lease file lease-3f2a --out bill.hmlease']);
};

/** A file of four or five records; whatever is larger is none, and is not read into memory. */
const FILE_BYTES_MAX = 128 * 1024;
const addVerify = (program: Command, session: Session): void => {
  const verify = commandAt(program, 'lease verify')
    .description('Check the file of a lease of anybody; needs no node and no keys')
    .argument('<file>', 'as `hypermesh lease file` writes it')
    .action(async (path: string) => {
      const verdict = await session.components.verifyLeaseFile(await readSmallFile(path, FILE_BYTES_MAX));
      session.show('leases:verify', verdict);
      if (!verdict.passed) session.exitCode = EXIT.failed;
    });
  withExamples(verify, ['hypermesh lease verify lease-3f2a9b10.hmlease']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when it does not hold.`,
  );
};

const addPreview = (program: Command, session: Session): void => {
  const preview = commandAt(program, 'privacy preview')
    .description('What others would see, which ports open and who may connect, before you change it')
    .argument('<resource>', 'cpu, memory, storage, network, container, economic or gpu:<card>')
    .addOption(new Option('--privacy <level>', 'who may lease it').choices(privacyLevel.options))
    .option('--privacy-name <name>', 'a network, peer or @group that the level names (again for more)', collect)
    .addOption(new Option('--allocation <type>', 'how it is allocated').choices(allocationType.options))
    .addOption(onOff('--relays', 'whether relays may be on the way'))
    .addOption(onOff('--exit', 'whether traffic of borrowers may leave here'))
    .action(
      async (
        resource: string,
        flags: { privacy?: string; privacyName?: string[]; allocation?: string; relays?: OnOff; exit?: OnOff },
      ) => {
        if ((flags.relays === undefined) !== (flags.exit === undefined))
          throw new CliError({ code: 'USAGE' }, '--relays and --exit go together; give both, on or off.');
        const terms = {
          ...(flags.privacy !== undefined && { privacyLevel: flags.privacy }),
          ...(flags.privacyName !== undefined && { privacyNames: flags.privacyName }),
          ...(flags.allocation !== undefined && { allocationType: flags.allocation }),
          ...(flags.relays !== undefined && {
            proxy: { relaysAllowed: flags.relays === 'on', exitAllowed: flags.exit === 'on' },
          }),
        } as RequestInputOf<'privacy:preview'>['terms'];
        session.show('privacy:preview', await session.call('privacy:preview', { resource, terms }));
      },
    );
  withExamples(preview, [
    'hypermesh privacy preview memory --privacy P2P --privacy-name attic',
    'hypermesh privacy preview network --privacy FullPublic --relays on --exit off',
  ]).addHelpText('after', '\nChanges nothing; hypermesh share set does.');
};

/** `guard` runs it and waits; `guard show` is what was found last. */
const addGuard = (program: Command, session: Session): void => {
  const guard = program
    .command('guard')
    .description('Try every way out of sandboxes and forwarders into your home network now')
    .action(async () => {
      let state = await session.call('guard:run', {});
      const stopInterrupt = session.terminal.onInterrupt(() => {
        session.exitCode = EXIT.interrupted;
        void session.call('guard:cancel', {}).catch(() => undefined);
      });
      try {
        while (state.running) {
          if (session.terminal.progress) session.terminal.writeError(`\rProbe ${state.done} of ${state.total} `);
          await session.clock.sleep(GUARD_LOOK_MS);
          state = await session.call('guard:state', {});
        }
      } finally {
        stopInterrupt();
        if (session.terminal.progress) session.terminal.writeError(`\r${' '.repeat(40)}\r`);
      }
      session.show('guard:state', state);
      if (state.verdict === 'red') session.exitCode = EXIT.failed;
    });
  withExamples(guard, ['hypermesh guard', 'hypermesh guard show']).addHelpText(
    'after',
    `\nEnds with ${EXIT.failed} when something was reached that must not be.`,
  );
  addDerivedCommand(program, session, 'guard:state');
};

/** `offers`, `lease …`, `group …`, `privacy …`, `guard`. */
export const addLendingCommands = (program: Command, session: Session): void => {
  addDerivedCommand(program, session, 'offers:search');
  addDerivedCommand(program, session, 'offers:own');
  withExamples(commandAt(program, 'lease').description('What is lent and borrowed'), [
    'hypermesh lease list',
    'hypermesh lease request 3f2a9b10c4 --amount 64MiB',
  ]);
  addRequest(program, session);
  addDerivedCommand(program, session, 'leases:list');
  addDerivedCommand(program, session, 'leases:get');
  addDerivedCommand(program, session, 'leases:end');
  addFile(program, session);
  addVerify(program, session);
  withExamples(
    commandAt(program, 'group').description('The address book: groups of peers that privacy levels can name'),
    ['hypermesh group add friends attic', 'hypermesh group list'],
  );
  addDerivedCommand(program, session, 'groups:list');
  addDerivedCommand(program, session, 'groups:add');
  addDerivedCommand(program, session, 'groups:remove');
  withExamples(commandAt(program, 'privacy').description('Who may see and use what, before and after a change'), [
    'hypermesh privacy preview memory --privacy P2P',
    'hypermesh privacy log',
  ]);
  addPreview(program, session);
  addDerivedCommand(program, session, 'privacy:log');
  addGuard(program, session);
};
