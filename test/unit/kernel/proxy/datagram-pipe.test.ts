import { EventEmitter } from 'node:events';
import type { Socket } from 'node:dgram';
import { expect, it } from 'vitest';
import { DATAGRAMS_WAITING_BYTES_MAX } from '../../../../main/kernel/proxy/constants.ts';
import { spliceDatagrams } from '../../../../main/kernel/proxy/datagram-pipe.ts';
import { newCounters } from '../../../../main/kernel/proxy/translation-table.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createPipe } from '../../../support/stoq/pipe.ts';
import { asStream } from '../../../support/stoq/streams.ts';

it('keeps no more datagrams than a line that is slower than the peer can be given', async () => {
  // A line that takes nothing: everything that is sent waits in this process.
  let queued = 0;
  const socket = Object.assign(new EventEmitter(), {
    send: (payload: Uint8Array) => {
      queued += payload.length;
    },
    getSendQueueSize: () => queued,
    close: () => undefined,
  }) as unknown as Socket;
  const [far, near] = createPipe();
  const life = new AbortController();
  const over = spliceDatagrams(socket, asStream(near, 'in'), {
    clock: createManualClock(),
    counters: newCounters(0),
    limit: null,
    signal: life.signal,
    moved: () => undefined,
  });
  const datagram = Buffer.alloc(2 + 9_000, 7);
  datagram.writeUInt16BE(9_000);
  for (let sent = 0; sent < 500; sent++) await far.write(datagram);
  await expect.poll(() => queued).toBeGreaterThan(DATAGRAMS_WAITING_BYTES_MAX / 2);
  expect(queued).toBeLessThanOrEqual(DATAGRAMS_WAITING_BYTES_MAX);
  life.abort();
  await over;
});
