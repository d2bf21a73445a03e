import { expect, test } from 'vitest';
import type { StateUpdate } from '../../../../../main/kernel/blocks/index.ts';
import { createLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';

const updatesOf = (from: number, count: number, value: string): StateUpdate[] =>
  Array.from({ length: count }, (_, i) => ({ key: `account/${(from + i) * 7919}`, value: Buffer.from(value) }));

test('the changes of a large block are tried on a tree of their own, with many pauses for others', async () => {
  const tree = createLedgerTree(updatesOf(0, 5_000, 'before').map(({ key, value }) => [key, value!]));
  const before = tree.root();
  const changes = [
    ...updatesOf(2_500, 20_000, 'after'),
    ...updatesOf(0, 100, '').map(({ key }) => ({ key, value: null })),
  ];
  let pauses = 0;
  let isOver = false;
  const count = (): void => {
    pauses += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const fork = tree.fork();
  await fork.applyInTurns(changes);
  const after = await fork.rootInTurns();
  isOver = true;
  expect(pauses).toBeGreaterThan(20);
  expect(tree.root()).toEqual(before);
  // Whoever goes on with the first one changes nothing of the other.
  const frozen = fork.frozen();
  tree.apply(changes);
  expect(tree.root()).toEqual(after);
  tree.apply(updatesOf(0, 1_000, 'later'));
  expect(fork.root()).toEqual(after);
  expect(fork.size).toBe(frozen.size);
  expect(createLedgerTree(fork.entries('')).root()).toEqual(after);
});
