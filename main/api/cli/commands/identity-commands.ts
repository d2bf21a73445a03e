import { lstat, open, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import type { IdentitySource, ResponseOf, Sealing } from '../../../../preload/contract/index.ts';
import { syncFolder } from '../../../base/files/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { dirname } from 'node:path';
import { addDerivedCommand, withExamples } from '../derive.ts';
import { AnswerError, CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import {
  askNewPassphrase,
  askSecret,
  readBackup,
  readPipedSecret,
  readSecretFile,
  terminalNeeded,
} from '../secret-input.ts';
import type { Session } from '../session.ts';
import { viewWords } from '../views-identity.ts';

interface SealingFlags {
  keyStore?: true;
  passphraseFile?: string;
}
interface SourceFlags {
  phraseFile?: string;
  backup?: string;
  backupPassphraseFile?: string;
}

/** Writes a new file that only its owner can read. It never replaces one. @throws {CliError} `FILE_EXISTS` | `FILE_NOT_WRITTEN` */
const writeSecretFile = async (path: string, content: string | Uint8Array): Promise<void> => {
  const notWritten = (error: unknown): CliError => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      return new CliError({ code: 'FILE_EXISTS', path }, `${path} is there already and is not replaced; name another.`);
    return new CliError({ code: 'FILE_NOT_WRITTEN', path }, `${path} cannot be written (${code ?? messageOf(error)}).`);
  };
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    throw notWritten(error);
  }
  try {
    await file.writeFile(content);
    await file.sync();
    await file.close();
    await syncFolder(dirname(path));
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(path, { force: true });
    throw notWritten(error);
  }
};
/** Before anybody is asked anything. @throws {CliError} `FILE_EXISTS` */
const refuseExisting = async (path: string): Promise<void> => {
  if (await lstat(path).catch(() => null))
    throw new CliError({ code: 'FILE_EXISTS', path }, `${path} is there already and is not replaced; name another.`);
};

const newSealing = async (
  session: Session,
  { keyStore = false, passphraseFile }: { keyStore?: boolean | undefined; passphraseFile?: string | undefined },
  flag: string,
): Promise<Sealing> => {
  if (keyStore && passphraseFile !== undefined)
    throw new CliError({ code: 'USAGE' }, `--key-store and ${flag} exclude each other.`);
  if (keyStore) return { kind: 'keyStore' };
  const instead = `name a file with the passphrase (${flag} FILE), or use --key-store`;
  return {
    kind: 'passphrase',
    passphrase:
      passphraseFile === undefined
        ? await askNewPassphrase(session.terminal, 'New passphrase for the keys', instead)
        : await readSecretFile(passphraseFile),
  };
};

const sourceOf = async (session: Session, flags: SourceFlags): Promise<IdentitySource> => {
  const { phraseFile, backup, backupPassphraseFile } = flags;
  const { terminal } = session;
  if (backup !== undefined) {
    if (phraseFile !== undefined)
      throw new CliError({ code: 'USAGE' }, '--backup and --phrase-file exclude each other.');
    const bytes = await readBackup(backup);
    const passphrase =
      backupPassphraseFile === undefined
        ? ((await readPipedSecret(terminal)) ??
          (await askSecret(terminal, 'Passphrase of the backup file: ', 'name a file with --backup-passphrase-file')))
        : await readSecretFile(backupPassphraseFile);
    return { kind: 'backup', backup: Buffer.from(bytes).toString('base64'), passphrase };
  }
  if (backupPassphraseFile !== undefined)
    throw new CliError({ code: 'USAGE' }, '--backup-passphrase-file goes with --backup.');
  if (phraseFile !== undefined) return { kind: 'phrase', phrase: await readSecretFile(phraseFile) };
  const piped = await readPipedSecret(terminal);
  if (piped !== null) return { kind: 'phrase', phrase: piped };
  const asked = 'The 24 words of the recovery phrase, on one line (they are not shown): ';
  return {
    kind: 'phrase',
    phrase: await askSecret(terminal, asked, 'pipe the phrase to this command, or name a file with --phrase-file'),
  };
};
const addSource = (command: Command): Command =>
  command
    .option('--backup <file>', 'a backup file in place of the phrase')
    .option('--backup-passphrase-file <file>', 'the passphrase of the backup file, from a file of its own')
    .option('--phrase-file <file>', 'the 24 words, from a file that only you can read');
const addSealing = (command: Command): Command =>
  command
    .option('--key-store', 'seal the keys under the operating system’s key store (desktop app only)')
    .option('--passphrase-file <file>', 'seal them under the passphrase in this file, which only you can read');

const SECRETS_NOTE =
  'Secrets are never given on the command line, where other programs could read them: they are asked for without\nechoing, piped in, or read from a file that only you can read.';

type Begun = ResponseOf<'identity:begin'>;
const confirmWith = (session: Session, { draftId, words, ask }: Begun, sealing: Sealing) =>
  session.call('identity:confirm', { draftId, words: ask.map((place) => words[place - 1] ?? ''), sealing });

/** Shows the words, clears them away, and asks for some of them. */
const createAtTerminal = async (session: Session, sealing: Sealing): Promise<ResponseOf<'identity:confirm'>> => {
  const { terminal } = session;
  const begun = await session.call('identity:begin', {});
  terminal.writeOut(
    `\nThese 24 words are the keys of this node and of its account. Write them down, in this order, on paper.\nWhoever has them has everything; without them a lost disk means that all is lost. They are shown this once.\n\n${viewWords(begun.words)}\n`,
  );
  if ((await terminal.readLine('Press Enter when they are written down; then some of them are asked for. ')) === null)
    throw terminalNeeded('see --help for a way without one');
  terminal.clearScreen();
  for (;;) {
    const words: string[] = [];
    for (const place of begun.ask) {
      const word = await terminal.readLine(`Word ${place}: `);
      if (word === null) throw new CliError({ code: 'INTERRUPTED' }, 'Nothing was created.');
      words.push(word);
    }
    terminal.clearScreen();
    session.note('Making the keys…');
    try {
      return await session.call('identity:confirm', { draftId: begun.draftId, words, sealing });
    } catch (error) {
      // Until the node forgets the draft.
      if (!(error instanceof AnswerError) || error.code !== 'WORDS_WRONG' || error.details['triesLeft'] === 0)
        throw error;
      session.note(error.message);
    }
  }
};

const addCreate = (identity: Command, session: Session): void => {
  const create = addSealing(
    identity
      .command('create')
      .description('Make a new recovery phrase and the keys of this node and its account')
      .option('--phrase-file <file>', 'for scripts: write the words into this new file (mode 0600) in place of asking'),
  ).action(async ({ phraseFile, ...flags }: SealingFlags & { phraseFile?: string }) => {
    const { terminal } = session;
    // Refused before anything is asked.
    const now = await session.call('identity:get', {});
    if (now.status !== 'none')
      throw new CliError(
        { code: 'IDENTITY_EXISTS' },
        now.lockedReason ?? 'This node has an identity already, and it is never replaced; see hypermesh identity show.',
      );
    if (phraseFile === undefined) {
      if (!terminal.interactive)
        throw terminalNeeded('to create an identity from a script, name a new file for the words with --phrase-file');
      return session.show(
        'identity:confirm',
        await createAtTerminal(session, await newSealing(session, flags, '--passphrase-file')),
      );
    }
    await refuseExisting(phraseFile);
    const sealing = await newSealing(session, flags, '--passphrase-file');
    const begun = await session.call('identity:begin', {});
    // Before there is an identity: never one whose words nobody has.
    await writeSecretFile(phraseFile, `${begun.words.join(' ')}\n`);
    let made: ResponseOf<'identity:confirm'>;
    try {
      made = await confirmWith(session, begun, sealing);
    } catch (error) {
      // Only where the node said that there is none: after a broken connection the words may be all that is left.
      if (error instanceof AnswerError) await rm(phraseFile, { force: true });
      throw error;
    }
    session.show('identity:confirm', made);
    session.note(`The 24 words are in ${phraseFile}. Take them to a safe place and remove the file.`);
  });
  withExamples(create, [
    'hypermesh identity create',
    'hypermesh identity create --key-store',
    'hypermesh identity create --phrase-file words.txt --passphrase-file passphrase.txt',
  ]).addHelpText('after', `\n${SECRETS_NOTE}`);
};

const addUnlock = (identity: Command, session: Session): void => {
  const unlock = identity
    .command('unlock')
    .description('Unlock the keys, so that the node can prove and sign')
    .option('--passphrase-file <file>', 'the passphrase, from a file that only you can read')
    .action(async ({ passphraseFile }: { passphraseFile?: string }) => {
      const { sealedBy, status } = await session.call('identity:get', {});
      if (sealedBy !== 'passphrase' || status === 'unlocked')
        return session.show('identity:unlock', await session.call('identity:unlock', {}));
      const { terminal } = session;
      const instead = 'pipe the passphrase to this command, or name a file with --passphrase-file';
      const passphrase =
        passphraseFile === undefined
          ? ((await readPipedSecret(terminal)) ?? (await askSecret(terminal, 'Passphrase: ', instead)))
          : await readSecretFile(passphraseFile);
      session.show('identity:unlock', await session.call('identity:unlock', { passphrase }));
    });
  withExamples(unlock, [
    'hypermesh identity unlock',
    'hypermesh identity unlock --passphrase-file /run/secrets/hypermesh',
    'pass show hypermesh | hypermesh identity unlock',
  ]).addHelpText('after', `\n${SECRETS_NOTE}`);
};

const addBackup = (identity: Command, session: Session): void => {
  const backup = identity
    .command('backup')
    .description('Write a backup file under a passphrase of its own')
    .argument('<file>', 'a new file; an existing one is never replaced')
    .option('--passphrase-file <file>', 'the passphrase of the backup, from a file that only you can read')
    .option('--present-passphrase-file <file>', 'the passphrase that unlocks this node, from such a file')
    .action(async (path: string, flags: { passphraseFile?: string; presentPassphraseFile?: string }) => {
      const { passphraseFile, presentPassphraseFile } = flags;
      await refuseExisting(path);
      const { sealedBy } = await session.call('identity:get', {});
      const present =
        sealedBy !== 'passphrase'
          ? undefined
          : presentPassphraseFile === undefined
            ? await askSecret(
                session.terminal,
                'Passphrase that unlocks this node: ',
                'name a file with it (--present-passphrase-file FILE)',
              )
            : await readSecretFile(presentPassphraseFile);
      const instead = 'pipe the passphrase to this command, or name a file with --passphrase-file';
      const passphrase =
        passphraseFile === undefined
          ? ((await readPipedSecret(session.terminal)) ??
            (await askNewPassphrase(session.terminal, 'Passphrase of the backup file', instead)))
          : await readSecretFile(passphraseFile);
      const { backup: content } = await session.call('identity:backup', {
        passphrase,
        ...(present !== undefined && { present }),
      });
      const bytes = Buffer.from(content, 'base64');
      await writeSecretFile(path, bytes);
      if (session.json) session.printJson({ path, sizeBytes: bytes.length });
      else
        session.print(
          `The backup is in ${path} (${bytes.length} bytes). Keep it apart from this machine, and its passphrase apart from it; try it with\n  hypermesh identity drill --backup ${path}\n`,
        );
    });
  withExamples(backup, [
    'hypermesh identity backup /media/usb/node.hmbackup',
    'hypermesh identity backup node.hmbackup --passphrase-file backup-passphrase.txt --present-passphrase-file passphrase.txt',
  ]).addHelpText('after', `\n${SECRETS_NOTE}`);
};

const addRestore = (identity: Command, session: Session): void => {
  const restore = addSealing(
    addSource(
      identity
        .command('restore')
        .description('Bring back an identity from its recovery phrase or a backup file')
        .option('--replace-sealing', 'give the identity that is here, and is the same one, a new passphrase'),
    ),
  ).action(async ({ replaceSealing = false, ...flags }: SealingFlags & SourceFlags & { replaceSealing?: boolean }) => {
    const now = await session.call('identity:get', {});
    if (now.status !== 'none' && !replaceSealing)
      throw new CliError(
        { code: 'IDENTITY_EXISTS' },
        'There is an identity in this folder, and it is never replaced by another; to set a new passphrase with its phrase or a backup, add --replace-sealing.',
      );
    const source = await sourceOf(session, flags);
    const sealing = await newSealing(session, flags, '--passphrase-file');
    session.note('Making the keys…');
    session.show('identity:restore', await session.call('identity:restore', { source, sealing, replaceSealing }));
  });
  withExamples(restore, [
    'hypermesh identity restore',
    'hypermesh identity restore --backup /media/usb/node.hmbackup',
    'hypermesh identity restore --phrase-file words.txt --passphrase-file passphrase.txt',
    'hypermesh identity restore --replace-sealing',
  ]).addHelpText('after', `\n${SECRETS_NOTE}`);
};

const addDrill = (identity: Command, session: Session): void => {
  const drill = addSource(
    identity
      .command('drill')
      .description('Show that the phrase or a backup file would bring all keys back; changes nothing'),
  ).action(async (flags: SourceFlags) => {
    const source = await sourceOf(session, flags);
    session.note('Deriving the keys…');
    const result = await session.call('identity:drill', { source });
    session.show('identity:drill', result);
    if (!result.passed) session.exitCode = EXIT.failed;
  });
  withExamples(drill, [
    'hypermesh identity drill',
    'hypermesh identity drill --backup /media/usb/node.hmbackup',
  ]).addHelpText('after', `\nEnds with ${EXIT.failed} when the drill failed.\n\n${SECRETS_NOTE}`);
};

const addSeal = (identity: Command, session: Session): void => {
  const seal = identity
    .command('seal')
    .description('Change the passphrase, or move the keys under the key store')
    .option('--key-store', 'seal the keys under the operating system’s key store (desktop app only)')
    .option('--passphrase-file <file>', 'the present passphrase, from a file that only you can read')
    .option('--new-passphrase-file <file>', 'the new one, from a file that only you can read')
    .action(
      async ({
        keyStore,
        passphraseFile,
        newPassphraseFile,
      }: {
        keyStore?: true;
        passphraseFile?: string;
        newPassphraseFile?: string;
      }) => {
        const { sealedBy } = await session.call('identity:get', {});
        const instead = 'name a file with the present passphrase (--passphrase-file FILE)';
        let passphrase: string | undefined;
        if (passphraseFile !== undefined) passphrase = await readSecretFile(passphraseFile);
        else if (sealedBy === 'passphrase')
          passphrase = await askSecret(session.terminal, 'Present passphrase: ', instead);
        const sealing = await newSealing(
          session,
          { keyStore, passphraseFile: newPassphraseFile },
          '--new-passphrase-file',
        );
        session.show(
          'identity:seal',
          await session.call('identity:seal', { sealing, ...(passphrase !== undefined && { passphrase }) }),
        );
      },
    );
  withExamples(seal, [
    'hypermesh identity seal',
    'hypermesh identity seal --key-store',
    'hypermesh identity seal --passphrase-file old.txt --new-passphrase-file new.txt',
  ]).addHelpText('after', `\n${SECRETS_NOTE}`);
};

/** `identity …`. */
export const addIdentityCommands = (program: Command, session: Session): void => {
  const identity = program
    .command('identity')
    .description('Who this node is: recovery phrase, keys, and how they are kept');
  withExamples(identity, ['hypermesh identity create', 'hypermesh identity show']);
  addCreate(identity, session);
  addDerivedCommand(program, session, 'identity:get');
  addUnlock(identity, session);
  addDerivedCommand(program, session, 'identity:lock');
  addBackup(identity, session);
  addRestore(identity, session);
  addDrill(identity, session);
  addSeal(identity, session);
};
