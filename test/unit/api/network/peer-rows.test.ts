import { expect, it } from 'vitest';
import { createPeerRows } from '../../../../main/api/network/peer-rows.ts';
import type { PeerId } from '../../../../main/transport/stoq/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';

it('keeps, replaces and deletes the rows of peers, many at once', async () => {
  const clock = createManualClock();
  const store = await createMemoryStore(clock);
  const rows = createPeerRows({ store, clock });
  const [one, other] = ['12D3KooWone' as PeerId, '12D3KooWother' as PeerId];
  expect(await rows.readAll()).toEqual([]);
  await rows.write([
    { peer: one, row: Uint8Array.of(1) },
    { peer: other, row: Uint8Array.of(2) },
  ]);
  await rows.write([
    { peer: one, row: Uint8Array.of(3) },
    { peer: other, row: null },
  ]);
  const kept = await rows.readAll();
  expect(kept.map(({ peer, row }) => [peer, [...row]])).toEqual([[one, [3]]]);
  await rows.write([]);
  await store.close();
});
