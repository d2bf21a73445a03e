import { encodeCbor, sha256 as sha256Of } from '../../main/base/index.ts';
import type { StateUpdate } from '../../main/kernel/blocks/index.ts';
import type { AdoptedState, ReplicaStore } from '../../main/kernel/consensus/interface.ts';

// Bytes that stand for blocks where only the store is tested: it looks at the header alone.

/** Plain arrays, as a database gives them, so that tests can compare what went in with what comes out. */
const encode = (value: unknown): Uint8Array => new Uint8Array(encodeCbor(value));
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(sha256Of(bytes));

type Change = Parameters<ReplicaStore['commit']>[0];

export const testGenesis = (name: string): Uint8Array => encode({ name });
export const testHeader = (height: number): Uint8Array => encode({ height });
export const testCommit = (height: number): Uint8Array => encode({ commit: height });
export const testSet = (name: string): Uint8Array => encode({ set: name });
export const put = (key: string, text: string): StateUpdate => ({ key, value: encode(text) });
export const drop = (key: string): StateUpdate => ({ key, value: null });

export const testChange = (
  height: number,
  updates: readonly StateUpdate[] = [put(`height/${height}`, 'final')],
  more: Partial<Change> & { padding?: number } = {},
): Change => ({
  block: encode({ header: testHeader(height), transactions: new Uint8Array(more.padding ?? 10).fill(height) }),
  hash: sha256(testHeader(height)),
  height,
  commit: testCommit(height),
  updates,
  nextValidators: more.nextValidators ?? testSet('first'),
});
export const testAdopted = (
  genesis: Uint8Array,
  height: number,
  state: AdoptedState['state'],
  sets: readonly [Uint8Array, Uint8Array] = [testSet('then'), testSet('after')],
): AdoptedState => ({
  genesis,
  height,
  header: testHeader(height),
  hash: sha256(testHeader(height)),
  commit: testCommit(height),
  validators: sets[0],
  nextValidators: sets[1],
  state,
});

export async function* inPieces(updates: readonly StateUpdate[], size: number): AsyncGenerator<readonly StateUpdate[]> {
  for (let i = 0; i < updates.length; i += size) yield updates.slice(i, i + size);
}

/** All that a store holds of a network, as plain values. */
export const contentOf = async (
  store: ReplicaStore,
): Promise<{ height: number; state: Record<string, string>; remembered: string[] } | null> => {
  const record = await store.load();
  if (record === null) return null;
  const state: [string, string][] = [];
  for await (const piece of record.state)
    for (const { key, value } of piece) state.push([key, Buffer.from(value!).toString('hex')]);
  return {
    height: record.height,
    state: Object.fromEntries(state.sort(([one], [other]) => (one < other ? -1 : 1))),
    remembered: record.remembered.map((entry) => Buffer.from(entry).toString('hex')),
  };
};
/** Entries as {@link contentOf} gives them. */
export const stateOf = (updates: readonly StateUpdate[]): Record<string, string> =>
  Object.fromEntries(
    updates
      .map(({ key, value }) => [key, Buffer.from(value!).toString('hex')] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
