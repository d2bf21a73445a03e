import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  createPunchedCarrier,
  type PunchedCarrier,
} from '../../../../../main/transport/stoq/carriers/punched/create-punched-carrier.ts';
import { createQuicCarrier } from '../../../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import {
  createSideSocket,
  type Hole,
  type SideSocketControl,
} from '../../../../../main/transport/stoq/reach/create-side-socket.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const outside = createSystemOutside();
const logger = createSilentLogger();
const worker = join(import.meta.dirname, '../../../../../main/transport/stoq/reach/side-worker.ts');
const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});
const end = async (): Promise<{ side: SideSocketControl; carrier: PunchedCarrier }> => {
  const side = await createSideSocket({ outside, logger, metrics: null }, { port: 0, backend: worker });
  const carrier = createPunchedCarrier({ outside, quic: createQuicCarrier({ outside, logger, metrics: null }) });
  await carrier.start();
  opened.push(carrier, side);
  return { side, carrier };
};
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

describe('QUIC through holes', () => {
  it('carries channels both ways, bound alike at both ends, and ends with its hole', async () => {
    const a = await end();
    const b = await end();
    const { signal } = new AbortController();
    const common = { id: new Uint8Array(16), signal };
    const [holeA, holeB]: [Hole, Hole] = await Promise.all([
      a.side.punch({
        ...common,
        sendKey: key(1),
        receiveKey: key(2),
        controlling: true,
        candidates: [{ host: '127.0.0.1', port: b.side.port }],
      }),
      b.side.punch({
        ...common,
        sendKey: key(2),
        receiveKey: key(1),
        controlling: false,
        candidates: [{ host: '127.0.0.1', port: a.side.port }],
      }),
    ]);
    const ready = Promise.withResolvers<void>();
    const accepted = b.carrier.accept(holeB, async () => ready.resolve());
    await ready.promise;
    const channelA = await a.carrier.dial(holeA, signal);
    const channelB = await accepted;
    expect([channelA.tier, channelB.tier]).toEqual(['punched', 'punched']);
    expect(channelA.remoteAddress).toBe(`/ip4/127.0.0.1/udp/${b.side.port}/quic-v1`);
    expect(channelA.binding).toEqual(channelB.binding);
    const stream = await channelA.openStream();
    await stream.write(new Uint8Array(300_000).fill(7));
    await stream.finish();
    const other = await channelB.acceptStream();
    let received = 0;
    for (let chunk = await other!.read(65_536); chunk !== null; chunk = await other!.read(65_536))
      received += chunk.length;
    expect(received).toBe(300_000);
    channelA.abort();
    await channelB.closed;
    expect(await holeA.closed).toBe('closed');
  });
});
