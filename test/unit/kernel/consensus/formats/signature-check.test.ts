import { beforeAll, describe, expect, it } from 'vitest';
import { type WorkerPool, WorkerError } from '../../../../../main/base/index.ts';
import { consensusTasks } from '../../../../../main/kernel/consensus/tasks.ts';
import { createSignatureCheck, type VoteContent } from '../../../../../main/kernel/consensus/index.ts';
import { type ExampleSigner, exampleSigner, exampleTransaction } from '../../../../support/consensus/example-ledger.ts';

const network = new Uint8Array(32).fill(7);
const content: VoteContent = { network, kind: 'precommit', height: 5, round: 1, block: new Uint8Array(32) };

/** Counts what threads are given. */
const countingWorkers = (size = 1): WorkerPool & { runs: number[] } => {
  const runs: number[] = [];
  return {
    size,
    runs,
    run: async (task, input) => {
      const list = Array.isArray(input) ? input : (input as unknown as { records: unknown[] }).records;
      runs.push(list.length);
      return (await consensusTasks[task]!(input, { report: () => undefined })) as never;
    },
    close: () => Promise.resolve(),
  };
};

let signer: ExampleSigner;
let other: ExampleSigner;
beforeAll(() => {
  signer = exampleSigner(1);
  other = exampleSigner(2);
});

describe('Signatures of votes and proposals', () => {
  it('hold for the words, the signer and the purpose that they were made for', async () => {
    const check = createSignatureCheck(countingWorkers());
    const { keys } = signer;
    const signature = await signer.vote(content);
    const proposal = { network, height: 5, round: 1, validRound: -1, block: new Uint8Array(32) };
    const proposed = await signer.propose(proposal);
    const items = [
      { keys, content, signature },
      { keys: other.keys, content, signature },
      { keys, content: { ...content, round: 2 }, signature },
      { keys, content: { ...content, block: null }, signature },
      { keys, content: { ...content, network: new Uint8Array(32) }, signature },
      { keys, content, signature: { ...signature, ed25519: new Uint8Array(64) } },
      { keys, content, signature: { ...signature, falcon1024: new Uint8Array(1280) } },
      { keys, content, signature: proposed },
      { keys, content, signature: await signer.vote(content) },
    ];
    await expect(check.votes(items)).resolves.toEqual([true, false, false, false, false, false, false, false, true]);
    await expect(check.proposal(keys, proposal, proposed)).resolves.toBe(true);
    await expect(check.proposal(keys, { ...proposal, validRound: 0 }, proposed)).resolves.toBe(false);
    await expect(check.proposal(keys, proposal, signature)).resolves.toBe(false);
  });

  it('are checked many at a time, and what held is not checked again', async () => {
    const workers = countingWorkers();
    const check = createSignatureCheck(workers);
    const signature = await signer.vote(content);
    const items = Array.from({ length: 20 }, (_, round) => ({
      keys: signer.keys,
      content: { ...content, round },
      signature,
    }));
    const holds = await check.votes([...items, ...items]);
    expect(holds.filter(Boolean).length).toBe(2);
    expect(workers.runs).toEqual([16, 4]);
    await check.votes([items[1]!]);
    expect(workers.runs).toHaveLength(2);
    await check.votes([items[0]!]);
    expect(workers.runs).toHaveLength(3);
  });

  it('wait in a queue with an end', async () => {
    const stuck: WorkerPool = { ...countingWorkers(), run: () => new Promise(() => undefined) };
    const check = createSignatureCheck(stuck);
    const signature = await signer.vote(content);
    const items = Array.from({ length: 20_000 }, (_, round) => ({
      keys: signer.keys,
      content: { ...content, round },
      signature,
    }));
    await expect(check.votes(items)).rejects.toMatchObject({ code: 'BUSY' });
  });

  it('tells when threads fail, and goes on afterwards', async () => {
    let isBroken = true;
    const workers = countingWorkers();
    const check = createSignatureCheck({
      ...workers,
      run: async (task, input) => {
        if (isBroken) throw new WorkerError({ code: 'TASK_FAILED', task, reason: 'it fell' }, 'it fell');
        return workers.run(task, input);
      },
    });
    const item = { keys: signer.keys, content, signature: await signer.vote(content) };
    await expect(check.votes([item])).rejects.toMatchObject({ code: 'TASK_FAILED' });
    isBroken = false;
    await expect(check.votes([item])).resolves.toEqual([true]);
  });

  it('opens transactions, and gives null for those that do not hold', async () => {
    const workers = countingWorkers(2);
    const check = createSignatureCheck(workers);
    const good = await exampleTransaction(signer, network, 1);
    const broken = good.slice();
    broken[broken.length - 700]! ^= 1;
    const [one, two, three] = await check.transactions([good, broken, new Uint8Array([1, 2])]);
    expect(one).toMatchObject({ transaction: { kind: 'example.note' }, signer: signer.signer.keyId, encoded: good });
    expect([two, three]).toEqual([null, null]);
    const before = workers.runs.length;
    await check.transactions([good]);
    expect(workers.runs).toHaveLength(before);
  });
});
