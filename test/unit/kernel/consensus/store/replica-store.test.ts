import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import { type Store, createStore, sha256 } from '../../../../../main/base/index.ts';
import { createReplicaStore } from '../../../../../main/kernel/consensus/store/index.ts';
import { testReplicaStore } from '../../../../compliance/replica-store.ts';
import { testGenesis } from '../../../../support/ledger-rows.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const clock = createManualClock();

describe('in the database', () => {
  let folder: string | null = null;
  let open: Store | null = null;
  afterEach(async () => {
    await open?.close();
    open = null;
    if (folder !== null) rmSync(folder, { recursive: true });
    folder = null;
  });
  testReplicaStore(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hypermesh-ledger-'));
    const path = join(folder, 'ledger.db');
    return {
      open: async () => {
        await open?.close();
        open = await createStore({ logger: createSilentLogger(), metrics: null, clock }, { path });
        return createReplicaStore({ store: open, clock }, { network: sha256(testGenesis('network')) });
      },
    };
  });
});
