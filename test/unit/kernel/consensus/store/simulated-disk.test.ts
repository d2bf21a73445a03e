import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe } from 'vitest';
import { createSimDisk } from '../../../../sim/disk.ts';
import { createDraw } from '../../../../sim/draw.ts';
import { encodedHeaderOf } from '../../../../sim/encoded-header.ts';
import { createVirtualTime } from '../../../../sim/virtual-time.ts';
import { testReplicaStore } from '../../../../compliance/replica-store.ts';

// What the simulation runs on must do what the database does, or it would find nothing of what matters.
describe('on the disk of the simulation', () => {
  let stop = (): void => undefined;
  afterEach(() => {
    stop();
  });
  testReplicaStore(async () => {
    const time = createVirtualTime();
    const disk = createSimDisk({
      time,
      draw: createDraw(1),
      note: () => undefined,
      diskFull: () => new Error('full'),
      headerOf: encodedHeaderOf,
    });
    let running = true;
    stop = () => {
      running = false;
    };
    void (async () => {
      while (running) {
        await time.run(time.nowMs + 10, () => running);
        await nextTurn();
      }
    })();
    return { open: () => Promise.resolve(disk.open(() => true)) };
  });
});
