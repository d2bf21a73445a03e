import { Command, CommanderError } from 'commander';
import type { Call } from '../../../preload/contract/index.ts';
import { isNodeError, messageOf } from '../../base/errors.ts';
import { addBenchmarkCommands } from './commands/benchmark-command.ts';
import { addChainCommands } from './commands/chain-commands.ts';
import { addContainerCommands } from './commands/container-commands.ts';
import { addDiagnosticCommands } from './commands/diagnostic-commands.ts';
import { addGenericCommands } from './commands/generic-commands.ts';
import { addIdentityCommands } from './commands/identity-commands.ts';
import { addJobCommands } from './commands/job-commands.ts';
import { addLedgerCommands } from './commands/ledger-commands.ts';
import { addLendingCommands } from './commands/lending-commands.ts';
import { addNetworkCommands } from './commands/network-commands.ts';
import { addNodeCommands } from './commands/node-commands.ts';
import { addPauseCommands } from './commands/pause-commands.ts';
import { addProofFileCommands } from './commands/proof-file-commands.ts';
import { addProofCommands } from './commands/proof-commands.ts';
import { addShareCommands } from './commands/share-commands.ts';
import { addTunnelCommands } from './commands/tunnel-commands.ts';
import { addWalletCommands } from './commands/wallet-commands.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { CliComponents, CliInit } from './interface.ts';
import { type GlobalOptions, Session } from './session.ts';

/** Calls whose command has a hand-written body, with that command; all others derive theirs from the contract. */
export const HAND_WRITTEN: Readonly<Partial<Record<Call, string>>> = {
  'node:status': 'status',
  'app:show': 'start',
  'config:get': 'config get',
  'config:set': 'config set',
  'logs:read': 'logs',
  'doctor:run': 'doctor',
  'bundle:create': 'bundle create',
  'benchmark:start': 'benchmark',
  'share:set': 'share set',
  'share:setGrid': 'share grid',
  'share:setRules': 'share rules',
  'share:preview': 'share preview',
  'share:pause': 'pause',
  'share:stopEverything': 'pause',
  'job:start': 'run',
  'job:send': 'job submit',
  'job:output': 'job logs',
  'job:result': 'job result',
  'job:verifyResult': 'job verify-result',
  'content:upload': 'job submit',
  'content:read': 'job files',
  'images:pull': 'image pull',
  'images:push': 'image push',
  'images:cancel': 'image pull',
  'images:policy': 'image allow',
  'containerDoctor:state': 'doctor containers',
  'containerDoctor:run': 'doctor containers',
  'containerDoctor:cancel': 'doctor containers',
  'containerDoctor:fix': 'doctor containers',
  'identity:begin': 'identity create',
  'identity:confirm': 'identity create',
  'identity:restore': 'identity restore',
  'identity:unlock': 'identity unlock',
  'identity:seal': 'identity seal',
  'identity:backup': 'identity backup',
  'identity:drill': 'identity drill',
  'proof:verify': 'proof verify',
  'proof:make': 'proof make',
  'proof:file': 'proof make',
  'proof:setPlan': 'proof set',
  'chain:verification': 'chain verify',
  'chain:verify': 'chain verify',
  'chain:cancelVerify': 'chain verify',
  'chain:export': 'chain export',
  'chain:transfers': 'chain import',
  'chain:import': 'chain import',
  'network:configure': 'net set',
  'network:doctor': 'net doctor',
  'network:trust': 'peer trust',
  'network:ping': 'peer ping',
  'network:join': 'join',
  'network:create': 'net create',
  'leases:request': 'lease request',
  'leases:file': 'lease file',
  'leases:verify': 'lease verify',
  'privacy:preview': 'privacy preview',
  'guard:run': 'guard',
  'guard:cancel': 'guard',
  'tunnels:expose': 'expose',
  'tunnels:reach': 'reach',
  'tunnels:test': 'tunnels test',
  'tunnels:proxy': 'proxy socks',
  'tunnels:vpn': 'vpn up',
  'exit:set': 'exit set',
  'memory:put': 'mem put',
  'memory:get': 'mem get',
  'memory:mirror': 'mem mirror',
  'memory:bench': 'mem bench',
  'ledgers:create': 'network create',
  'ledgers:genesis': 'network genesis',
  'ledgers:join': 'network join',
  'receipts:file': 'receipt file',
  'receipts:verify': 'receipt verify',
  'wallet:exportHistory': 'wallet export',
  'wallet:draft': 'wallet send',
  'wallet:approve': 'wallet send',
  'wallet:settled': 'wallet send',
  'wallet:verifyMessage': 'wallet verify',
  'rewards:setElectricity': 'rewards electricity',
};

/** All commands, none of them run yet. */
export const buildProgram = (session: Session): Command => {
  const { terminal, init } = session;
  const program = new Command('hypermesh')
    .description('Lend what your hardware can spare, on your terms')
    .version(init.version, '--version', 'print the version')
    .helpOption('--help', 'what a command does, with examples')
    .helpCommand(false)
    .enablePositionalOptions()
    .option('--json', 'JSON in place of tables; the fields are those of the API')
    .option('--data <folder>', `data folder of the node (also HYPERMESH_DATA)`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.writeOut(text),
      writeErr: (text) => terminal.writeError(text),
      // Said once, by `runCli`, in the form that `--json` asks for.
      outputError: () => undefined,
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      getOutHasColors: () => terminal.colour,
      getErrHasColors: () => false,
    });
  addNodeCommands(program, session);
  addShareCommands(program, session);
  addPauseCommands(program, session);
  addJobCommands(program, session);
  addIdentityCommands(program, session);
  addDiagnosticCommands(program, session);
  addContainerCommands(program, session);
  addBenchmarkCommands(program, session);
  addChainCommands(program, session);
  addProofCommands(program, session);
  addProofFileCommands(program, session);
  addNetworkCommands(program, session);
  addLendingCommands(program, session);
  addTunnelCommands(program, session);
  addWalletCommands(program, session);
  addLedgerCommands(program, session);
  addGenericCommands(program, session);
  program.addHelpText(
    'after',
    `
Examples:
  $ hypermesh start --headless
  $ hypermesh share set cpu 40
  $ hypermesh run hello.wasm
  $ hypermesh pause until tomorrow

Exit codes: ${EXIT.ok} done, ${EXIT.failed} refused or failed, ${EXIT.usage} wrong usage, ${EXIT.noNode} no node runs, ${EXIT.folder} data folder in use or not ours, ${EXIT.interrupted} interrupted.
\`run\` ends with its job's own code. \`hypermesh COMMAND --help\` tells more.`,
  );
  inherit(program, program);
  program.hook('preAction', (_program, action) => session.useOptions(action.optsWithGlobals<Partial<GlobalOptions>>()));
  return program;
};

/** Every command takes `--json` and `--data` after its name too, and speaks through the same terminal. */
const inherit = (program: Command, parent: Command): void => {
  for (const command of parent.commands) {
    command.copyInheritedSettings(program).helpOption('--help', 'what it does, with examples');
    command.enablePositionalOptions();
    command.option('--json', 'JSON in place of tables').option('--data <folder>', 'data folder of the node');
    if (command.commands.length > 0) command.helpCommand(false);
    inherit(program, command);
  }
};

/** Commander's own refusals: their text with ours around it. */
const usageMessage = (error: CommanderError): string => {
  const text = error.message
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return `${sentence}${/[.?)]$/.test(sentence) ? '' : '.'} See \`hypermesh --help\`.`;
};

/**
 * Runs one command line.
 *
 * @param args - words after `hypermesh`
 * @returns the exit code; see docs/cli.md
 */
export const runCli = async (components: CliComponents, init: CliInit, args: readonly string[]): Promise<number> => {
  const session = new Session(components, init);
  const program = buildProgram(session);
  const { terminal } = components;
  // Asked for before anything was understood: errors of usage keep to it too. What follows `--` is a job's.
  const end = args.indexOf('--');
  const json = (end < 0 ? args : args.slice(0, end)).includes('--json');
  const fail = (code: string, message: string): number => {
    terminal.writeError(
      json ? `${JSON.stringify({ error: { code, message } })}\n` : `hypermesh: ${message} (${code})\n`,
    );
    return exitCodeOf(code);
  };
  try {
    await program.parseAsync([...args], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.ok;
      // Only a group was named: its help was written, to stderr.
      if (error.code === 'commander.help') return EXIT.usage;
      return fail('USAGE', usageMessage(error));
    }
    if (isNodeError(error)) return fail(error.code, error.message);
    terminal.writeError(json ? '' : `${error instanceof Error ? (error.stack ?? '') : ''}\n`);
    return fail(
      'INTERNAL',
      `HyperMesh itself failed: ${messageOf(error)}; please report it with \`hypermesh bundle create\`.`,
    );
  } finally {
    session.close();
  }
};
