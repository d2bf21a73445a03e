import { runCli } from '../../main/api/cli/index.ts';
import { createSystemOutside } from '../../main/base/index.ts';
import { verifyReceipt } from '../../main/apps/caesar/index.ts';
import { verifyLeaseFile } from '../../main/kernel/leases/index.ts';
import { verifyJobResult } from '../../main/kernel/runtime/results/index.ts';

export interface CommandDone {
  code: number;
  out: string;
  error: string;
}

const { clock } = createSystemOutside();

/**
 * One command line in this process, against a node that runs: each would take a second in a process of its own. Nobody sits at a
 * terminal.
 *
 * @param input - piped to the command; nothing is when absent
 */
export const runCommandLine = async (
  dataFolder: string,
  args: readonly string[],
  { input, columns = 100 }: { input?: string | Uint8Array | undefined; columns?: number } = {},
): Promise<CommandDone> => {
  const written = { out: '', error: '' };
  const text = (content: string | Uint8Array): string => Buffer.from(content).toString();
  const refuse = (): Promise<never> => Promise.reject(new Error('nothing is started in this process'));
  const code = await runCli(
    {
      clock,
      terminal: {
        writeOut: (content) => void (written.out += text(content)),
        writeError: (content) => void (written.error += text(content)),
        columns,
        colour: false,
        progress: false,
        readInput: async () => (input === undefined ? null : Buffer.from(input)),
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
      // The real check: it asks no node.
      verifyLeaseFile: async (file) => verifyLeaseFile(file),
      verifyReceiptFile: async (file) => verifyReceipt(file),
      verifyJobResult: async (file) => verifyJobResult(file),
      verifyChainFile: refuse,
    },
    { dataFolder, version: '0.0.0', passphraseCredential: null },
    args,
  );
  return { code, ...written };
};
