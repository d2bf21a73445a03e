import { createSocket } from 'node:dgram';
import { createSystemOutside } from '../../../main/base/index.ts';
import { ProxyError } from '../../../main/kernel/proxy/errors.ts';
import type { Dialer, FarTarget, TableCounters } from '../../../main/kernel/proxy/interface.ts';
import { dialDatagrams, dialLocal } from '../../../main/kernel/proxy/local-target.ts';
import { createSocketDatagrams, createSocketPipe } from '../../../main/kernel/proxy/socket-pipe.ts';
import type { PeerId } from '../../../main/transport/stoq/index.ts';

const { clock } = createSystemOutside();

export const freshCounters = (): TableCounters => ({
  connectionsNow: 0,
  connectionsTotal: 0,
  sentBytes: 0,
  receivedBytes: 0,
  refused: 0,
  usedAtMs: 0,
});
/** A dialler without a mesh: what it is asked for is looked up by the test and opened on this machine. */
export interface DirectDialer extends Dialer {
  /** All that was asked for, in order: `service fd5e::1 80`, `exit example.org 80`. */
  readonly asked: string[];
  readonly counters: TableCounters;
}
/** @param place - where on this machine a target is; may throw as the mesh does */
export const createDirectDialer = (
  place: (target: FarTarget) => { host: string; port: number } | Promise<{ host: string; port: number }>,
): DirectDialer => {
  const asked: string[] = [];
  const counters = freshCounters();
  const note = (target: FarTarget): void => {
    asked.push(
      target.kind === 'service'
        ? `service ${target.address} ${target.port}`
        : `exit ${target.host} ${target.port} ${target.lease}`,
    );
  };
  return {
    asked,
    counters,
    connect: async (target, { signal } = {}) => {
      note(target);
      const socket = await dialLocal(await place(target), { clock, ...(signal !== undefined && { signal }) });
      return { ...createSocketPipe(socket, counters, clock), peer: 'test' as PeerId, route: 'direct' };
    },
    associate: async (target) => {
      note(target);
      return createSocketDatagrams(await dialDatagrams(await place(target)), counters, clock);
    },
    ping: () => Promise.resolve(1),
  };
};
export const refusedThere = (reason: 'refused' | 'unknown' | 'away' | 'destination' | 'full'): ProxyError =>
  new ProxyError({ code: 'REFUSED_THERE', reason }, `The far side says ${reason}.`);

/** A UDP server of this machine that sends everything back with a word before it. */
export const startUdpEcho = async (word = 'echo '): Promise<{ port: number; seen: string[]; close(): void }> => {
  const socket = createSocket('udp4');
  const seen: string[] = [];
  socket.on('message', (bytes, from) => {
    seen.push(bytes.toString('latin1'));
    socket.send(Buffer.concat([Buffer.from(word), bytes]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, seen, close: () => socket.close() };
};
