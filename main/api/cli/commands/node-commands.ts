import type { Command } from 'commander';
import type { RunningNode } from '../../../base/index.ts';
import { addDerivedCommand, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { readSecretFile } from '../secret-input.ts';
import type { Session } from '../session.ts';
import { formatFields } from '../table.ts';
import { views } from '../views.ts';

/** The page's address; the part after `#` stays in the browser and is never sent in a request's address. */
export const pageAddress = (url: string, token: string): string => `${url}#token=${token}`;

const tellReady = (session: Session, running: RunningNode): void => {
  if (session.json)
    return session.printJson({ pid: running.pid, url: running.url, token: running.token, mode: running.mode });
  if (running.url === null) return session.print('HyperMesh runs, without its page.\n');
  session.print(
    `HyperMesh runs. Its page, with the token of this start:\n  ${pageAddress(running.url, running.token)}\nStop it with Ctrl-C, or from another terminal: hypermesh stop\n`,
  );
};

interface StartFlags {
  headless?: boolean;
  port?: number;
  passphraseFile?: string;
}

/** `start`, `stop`, `status`. */
export const addNodeCommands = (program: Command, session: Session): void => {
  const start = program
    .command('start')
    .description('Start HyperMesh: the window where there is a screen, otherwise the node alone')
    .option('--headless', 'no window: run the node in this terminal until it is stopped')
    .option('--port <number>', 'listen on this port instead of the one in the settings (0: any free one)', parseNumber)
    .option('--passphrase-file <file>', 'with --headless: unlock the keys with the passphrase in this file')
    .action(async ({ headless = false, port, passphraseFile }: StartFlags) => {
      if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65535))
        throw new CliError({ code: 'USAGE' }, 'A port is a whole number from 0 to 65535.');
      if (passphraseFile !== undefined && !headless)
        throw new CliError({ code: 'USAGE' }, '--passphrase-file goes with --headless; the window asks for it itself.');
      const running = await session.find();
      if (running !== null && (await running.client.call('node:status', {}).catch(() => null)) !== null) {
        const shown = headless ? null : await running.client.call('app:show', {});
        const window = shown?.ok === true && shown.value.shown;
        if (window)
          return session.json
            ? session.printJson({ pid: running.pid, url: running.url, token: running.token, shown: true })
            : session.print('HyperMesh runs already; its window is in front now.\n');
        throw new CliError(
          { code: 'NODE_RUNNING', url: running.url },
          `HyperMesh runs already (process ${running.pid}) and listens at ${pageAddress(running.url, running.token)}`,
        );
      }
      if (!headless) {
        const opened = await session.components.openDesktop(session.dataFolder);
        if (opened.opened)
          return session.json ? session.printJson({ opened: true }) : session.print('HyperMesh starts.\n');
        session.note(`${opened.reason} The node starts without a window.`);
      }
      const credential = session.init.passphraseCredential;
      const passphrase =
        passphraseFile !== undefined
          ? await readSecretFile(passphraseFile)
          : credential !== null
            ? await readSecretFile(credential, true)
            : null;
      await session.components.runHeadless(
        { dataFolder: session.dataFolder, apiPort: port ?? null, passphrase },
        (ready) => tellReady(session, ready),
      );
    });
  withExamples(start, [
    'hypermesh start',
    'hypermesh start --headless',
    'hypermesh start --headless --port 0 --data /tmp/trial',
    'hypermesh start --headless --passphrase-file /run/secrets/hypermesh',
  ]).addHelpText(
    'after',
    '\nAs a systemd service, the passphrase may come as the credential `hypermesh-passphrase` (LoadCredential=).',
  );

  addDerivedCommand(program, session, 'node:stop');

  const status = program
    .command('status')
    .description('How the node is, and the address of its page')
    .action(async () => {
      const client = await session.client();
      const value = await session.call('node:status', {});
      if (session.json) return session.printJson(value);
      const levels = await client.call('share:levels', {});
      const running = await session.find();
      session.print(views['node:status'](value, session.style));
      // Not wrapped: an address that is broken over two lines cannot be opened.
      if (running !== null)
        session.print(
          formatFields([['Page        ', pageAddress(running.url, running.token)]], {
            ...session.style,
            columns: Number.POSITIVE_INFINITY,
          }),
        );
      if (levels.ok) session.print(`\n${views['share:levels'](levels.value, session.style)}`);
    });
  withExamples(status, ['hypermesh status', 'hypermesh status --json || echo "exit code 3: no node runs"']).addHelpText(
    'after',
    `\nEnds with ${EXIT.noNode} when no node runs.`,
  );
};
