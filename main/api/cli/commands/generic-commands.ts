import type { Command } from 'commander';
import { type Call, calls, isCall } from '../../../../preload/contract/index.ts';
import { completionScript, shells } from '../completion.ts';
import { withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';

/** Calls whose requests carry a phrase, words of one, a passphrase, the secret of a network, or a password. */
const HOLDS_SECRETS: ReadonlySet<string> = new Set<Call>([
  'identity:confirm',
  'identity:restore',
  'identity:unlock',
  'identity:seal',
  'identity:backup',
  'identity:drill',
  'network:create',
  'tunnels:proxy',
  'wallet:approve',
]);
/** The largest request there is carries a module of 16 MiB. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;
const readPiped = async (session: Session): Promise<string> => {
  const bytes = await session.terminal.readInput(REQUEST_BYTES_MAX);
  if (bytes === null) throw new CliError({ code: 'USAGE' }, 'Nothing was piped to this command.');
  return Buffer.from(bytes).toString('utf8');
};

/** `call`, `completion`. */
export const addGenericCommands = (program: Command, session: Session): void => {
  const call = program
    .command('call')
    .description('Make any call of the API by its name; the answer is JSON')
    .argument('[name]', 'such as share:get; without one, lists all')
    .argument('[request]', 'JSON object; {} otherwise; - reads it from the input')
    .action(async (name: string | undefined, request = '{}') => {
      if (name === undefined) {
        const all = (Object.keys(calls) as Call[]).map((each) => ({ name: each, summary: calls[each].summary }));
        if (session.json) session.printJson(all);
        else session.print(all.map((each) => `${each.name.padEnd(24)}${each.summary}\n`).join(''));
        return;
      }
      if (!isCall(name))
        throw new CliError(
          { code: 'USAGE' },
          `There is no call "${name.slice(0, 40)}"; \`hypermesh call\` lists them.`,
        );
      if (HOLDS_SECRETS.has(name) && request !== '-' && request !== '{}')
        throw new CliError(
          { code: 'SECRET_IN_ARGUMENTS' },
          `A request of ${name} holds a secret, and command lines can be read by other programs; pipe it in and write - in its place, or see the --help of \`hypermesh identity\` and \`hypermesh net create\`.`,
        );
      const text = request === '-' ? await readPiped(session) : request;
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        throw new CliError(
          { code: 'USAGE' },
          'The request is not JSON; write it in single quotes: \'{"resource":"cpu","percentMax":40}\'',
        );
      }
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
        throw new CliError({ code: 'USAGE' }, 'The request must be a JSON object.');
      session.printJson(await session.call(name, parsed));
    });
  withExamples(call, [
    'hypermesh call',
    'hypermesh call node:status',
    `hypermesh call share:set '{"resource":"cpu","percentMax":40}'`,
  ]);

  const completion = program
    .command('completion')
    .description('Print a script that completes commands and flags in your shell')
    .addArgument(program.createArgument('<shell>', 'bash, zsh or fish').choices(shells))
    .action((shell: (typeof shells)[number]) => session.print(completionScript(program, shell)));
  withExamples(completion, [
    'source <(hypermesh completion bash)',
    'hypermesh completion fish > ~/.config/fish/completions/hypermesh.fish',
  ]);
};
