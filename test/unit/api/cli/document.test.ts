import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { EXIT, RUN_EXIT, Session, buildProgram } from '../../../../main/api/cli/index.ts';
import { createSystemOutside } from '../../../../main/base/index.ts';

const refuse = (): Promise<never> => Promise.reject(new Error('nothing runs in this test'));
const session = new Session(
  {
    clock: createSystemOutside().clock,
    terminal: {
      writeOut: () => undefined,
      writeError: () => undefined,
      columns: 100,
      colour: false,
      progress: false,
      readInput: async () => null,
      interactive: false,
      readSecret: async () => null,
      readLine: async () => null,
      clearScreen: () => undefined,
      onInterrupt: () => () => undefined,
    },
    runHeadless: refuse,
    openDesktop: refuse,
    withSettings: refuse,
    verifyProofFile: refuse,
    verifyLeaseFile: refuse,
    verifyReceiptFile: refuse,
    verifyJobResult: refuse,
    verifyChainFile: refuse,
  },
  { dataFolder: '/nonexistent', version: '0.0.0', passphraseCredential: null },
);

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** One section per command, from the same objects that the program runs. */
const describeCommand = (command: Command, path: string): string => {
  const words = `${path} ${command.name()}`;
  const positionals = command.registeredArguments.map(
    (argument) =>
      `${argument.required ? '<' : '['}${argument.name()}${argument.variadic ? '...' : ''}${argument.required ? '>' : ']'}`,
  );
  const options = command.options.filter(({ long }) => long !== '--json' && long !== '--data');
  // Examples are the last thing that a command's own help says.
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const after = help.slice(help.indexOf('\nExamples:') + 1).trim();
  const [examples = '', ...notes] = after.split('\n\n');
  return [
    `## \`${[words, ...positionals].join(' ')}\`\n\n${command.description()}.\n`,
    command.registeredArguments.length === 0
      ? ''
      : `\n${command.registeredArguments.map((argument) => `- \`${argument.name()}\`: ${argument.description}\n`).join('')}`,
    options.length === 0
      ? ''
      : `\n| Flag | What it does |\n| --- | --- |\n${options.map(({ flags, description, argChoices }) => `| \`${cell(flags)}\` | ${cell(description)}${argChoices === undefined ? '' : ` (${argChoices.join(', ')})`} |\n`).join('')}`,
    `\n\`\`\`sh\n${examples
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^\s*\$ /, ''))
      .join('\n')}\n\`\`\`\n`,
    notes.length === 0 ? '' : `\n${notes.join('\n\n')}\n`,
    ...command.commands.map((child) => `\n${describeCommand(child, words)}`),
  ].join('');
};

const document = (program: Command): string => `# Command line

\`hypermesh\` talks to the node of the same user, and can be that node itself (\`start --headless\`). This page is made from the
program by \`test/unit/api/cli/document.test.ts\`; after a change, \`npx vitest run --project node -u\` with that file writes it anew.

Every command takes \`--json\` (the answer of the API, with stable fields, as \`/openapi.json\` describes them) and \`--data <folder>\`
(which node; also \`HYPERMESH_DATA\`). Results go to stdout, everything else to stderr. Colour is used on a terminal only, and
never with \`NO_COLOR\`. An error is one sentence with a stable code: \`hypermesh: … (CODE)\`, and with \`--json\` the object
\`{"error":{"code":"…","message":"…"}}\` on stderr.

## Exit codes

| Code | Meaning |
| --- | --- |
| ${EXIT.ok} | done |
| ${EXIT.failed} | the node refused, or something failed; for \`doctor\`, there is a problem |
| ${EXIT.usage} | wrong usage: an unknown command, flag or value |
| ${EXIT.noNode} | no node runs, and the command needs one |
| ${EXIT.folder} | the data folder or its database is in use, somebody else's, not writable, or of a newer version |
| ${EXIT.interrupted} | interrupted by Ctrl-C |

\`hypermesh run\` ends with its job's own exit code, or with:

| Code | Why the job ended |
| --- | --- |
| ${RUN_EXIT.time} | its time was over |
| ${RUN_EXIT.output} | it wrote more than it may, to its output or its scratch folder |
| ${RUN_EXIT.memory} | it wanted more memory than it may have |
| ${RUN_EXIT.crashed} | it crashed: a trap in WebAssembly, an uncaught exception in JavaScript |
| ${RUN_EXIT.owner} | the owner's limits ended it |
| ${RUN_EXIT.lost} | the node went down |
| ${RUN_EXIT.cancelled} | it was cancelled |

${program.commands.map((command) => describeCommand(command, 'hypermesh')).join('\n')}`;

describe('docs/cli.md', () => {
  it('says what the program says', async () => {
    await expect(document(buildProgram(session))).toMatchFileSnapshot('../../../../docs/cli.md');
  });
});
