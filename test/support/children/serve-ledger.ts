import { encodeTransaction } from '../../../main/kernel/blocks/index.ts';
import { networkOf } from '../../../main/kernel/consensus/index.ts';
import type { Address, PeerId } from '../../../main/transport/stoq/interface.ts';
import { accountOf } from '../../sim/accounts-app.ts';
import type { ChildCalls } from '../ledger/ledger-processes.ts';
import { accountPeer, startLedgerNode, realGenesis } from '../ledger/ledger-node.ts';

// A ledger's node in a process of its own, steered over IPC by ledger-processes.ts.

const [settings = '{}'] = process.argv.slice(2);
const { number, validators, accounts, folder, lyingTo, heartbeatMs, createdAtMs, listen } = JSON.parse(settings) as {
  number: number;
  validators: number;
  accounts: number;
  folder: string | null;
  lyingTo: number | null;
  heartbeatMs: number;
  createdAtMs: number;
  listen?: string;
};
const genesis = realGenesis({ validators, accounts, heartbeatMs, createdAtMs });
const network = networkOf(genesis);
const node = await startLedgerNode({
  number,
  genesis,
  folder,
  lyingTo,
  ...(listen !== undefined && { listen }),
});
const { replica } = node;
let evidence = 0;
replica.on('evidence', () => {
  evidence += 1;
});

const makeTransfer = (account: number, to: number, amount: number, nonce: number): Promise<Uint8Array> =>
  node.sign(
    accountPeer(account),
    encodeTransaction({
      version: 1,
      network,
      kind: 'account.transfer',
      asset: null,
      previous: null,
      atMs: Date.UTC(2026, 0, 2),
      data: { nonce, fee: 1_000, to: accountPeer(to).signer.keyIdBytes, amount },
    }),
  );
const calls: { [C in keyof ChildCalls]: (input: ChildCalls[C]['input']) => Promise<ChildCalls[C]['output']> } = {
  where: () => Promise.resolve({ peerId: node.peerId, address: node.address }),
  connect: async ({ peerId, address }) => {
    await node.mesh.connect(peerId as PeerId, address as Address);
    return null;
  },
  status: () => {
    const { height, hash, peers, isValidator, halted } = replica.status();
    return Promise.resolve({
      height,
      hash: Buffer.from(hash ?? []).toString('hex'),
      peers,
      isValidator,
      halted,
      validators: replica.validators().length,
      evidence,
    });
  },
  balance: (account) => Promise.resolve(accountOf(replica.state(), accountPeer(account).signer.keyIdBytes).balance),
  sign: async ({ account, to, amount, nonce }) => [...(await makeTransfer(account, to, amount, nonce))],
  transfer: async ({ account, to, amount, nonce }) => {
    const { hash } = await replica.submit(await makeTransfer(account, to, amount, nonce));
    return await replica.settled(hash);
  },
  /** One after the other: ms each from the hand-over until it was final. Fewer than asked for where the time is over before. */
  latencies: async ({ account, count, from, msMax }) => {
    const took: number[] = [];
    const endMs = performance.now() + msMax;
    while (took.length < count && performance.now() < endMs) {
      const one = await makeTransfer(account, 0, 1, from + took.length);
      const beganMs = performance.now();
      const { hash } = await replica.submit(one);
      await replica.settled(hash);
      took.push(performance.now() - beganMs);
    }
    return took;
  },
  /** All at once, of several accounts: ms until the last was final. */
  flood: async ({ accounts: of, each, from }) => {
    const made: Uint8Array[] = [];
    for (let i = 0; i < each; i++) for (const account of of) made.push(await makeTransfer(account, 0, 1, from + i));
    const beganMs = performance.now();
    await Promise.all(
      made.map(async (one) => {
        const { hash } = await replica.submit(one);
        await replica.settled(hash);
      }),
    );
    return performance.now() - beganMs;
  },
  sizes: async () => {
    const { height } = replica.status();
    const found = await replica.block(height);
    return {
      bytes: found?.encoded.length ?? 0,
      signatures: found?.commit.signatures.filter((one) => one !== null).length ?? 0,
      transactions: found?.transactions.length ?? 0,
    };
  },
  /** From the first block that comes in up to a height: without the time that connecting took. */
  follow: async (height) => {
    const reached = async (least: number): Promise<{ height: number; atMs: number }> => {
      while (replica.status().height < least) await new Promise((resolve) => setTimeout(resolve, 2));
      return { height: replica.status().height, atMs: performance.now() };
    };
    const first = await reached(1);
    const last = await reached(height);
    return { blocks: last.height - first.height, ms: last.atMs - first.atMs };
  },
  stop: async () => {
    await node.stop();
    return null;
  },
};

process.on('message', ({ id, call, input }: { id: number; call: keyof ChildCalls; input: never }) => {
  void calls[call](input).then(
    (output) => process.send?.({ id, output }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, output: null });
