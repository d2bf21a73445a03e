import { existsSync } from 'node:fs';
import { Emitter, isNodeError, type Logger, type MetricsRegistry, type Outside } from '../../../../base/index.ts';
import type { VpnView } from '../../../../../preload/contract/index.ts';
import type { GlobalAddress } from '../../../leases/index.ts';
import type { Dialer } from '../../interface.ts';
import { CHANGED_MS, DEVICES_MAX, MTU_BYTES, OUTPUT_BUFFER_BYTES, OUTPUT_BYTES_MAX } from './constants.ts';
import { adviceOf, HelperError } from './errors.ts';
import { createFrameReader, createFrameWriter } from './frames.ts';
import { type Helper, startHelper } from './tun-helper.ts';
import type { Vpn, VpnEvents } from './interface.ts';
import { createVpnMetrics } from './metrics.ts';
import { createStack, type Stack } from './stack.ts';

export interface VpnComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  dialer: Dialer;
  /** Of this machine on the device; null while the keys are locked. */
  localAddress(): GlobalAddress | null;
}
export interface VpnInit {
  /** Where the helper lies, whether it was built or not. */
  helperPath: string;
  /** @default {@link MTU_BYTES} */
  mtuBytes?: number;
}

interface Up {
  status: 'up';
  device: string;
  address: GlobalAddress;
  helper: Helper;
  stack: Stack;
  stopTelling: () => void;
}
type State = { status: 'down' } | { status: 'starting' } | { status: 'refused'; reason: string } | Up;

export const createVpn = (
  { outside, logger, metrics: registry, dialer, localAddress }: VpnComponents,
  { helperPath, mtuBytes = MTU_BYTES }: VpnInit,
): Vpn => {
  const { clock } = outside;
  const metrics = createVpnMetrics(registry);
  const emitter = new Emitter<VpnEvents>();
  let state: State = { status: 'down' };
  const counters = { sentPackets: 0, receivedPackets: 0, droppedPackets: 0, sentBytes: 0, receivedBytes: 0 };
  let told = { ...counters };
  /** One change at a time; the last one asked for holds. */
  let turn: Promise<unknown> = Promise.resolve();

  const become = (next: State): void => {
    state = next;
    emitter.emit('changed', null);
  };
  const refuse = (reason: string): void => {
    logger.info('VPN refused', { reason });
    become({ status: 'refused', reason });
  };
  const connectionsOf = (up: Up): number => up.stack.tcpConnections + up.stack.udpExchanges;

  /** Passes on what has been counted since it last did. */
  const tell = (stack: Stack): void => {
    metrics?.connections.set(stack.tcpConnections, { protocol: 'tcp' });
    metrics?.connections.set(stack.udpExchanges, { protocol: 'udp' });
    metrics?.packets.inc(counters.sentPackets - told.sentPackets, FROM_PROGRAMS);
    metrics?.bytes.inc(counters.sentBytes - told.sentBytes, FROM_PROGRAMS);
    metrics?.packets.inc(counters.receivedPackets - told.receivedPackets, TO_PROGRAMS);
    metrics?.bytes.inc(counters.receivedBytes - told.receivedBytes, TO_PROGRAMS);
    const changed = (Object.keys(counters) as (keyof typeof counters)[]).some((name) => counters[name] !== told[name]);
    told = { ...counters };
    if (changed) emitter.emit('changed', null);
  };

  const open = async (device: string, address: GlobalAddress): Promise<Up> => {
    const reader = createFrameReader();
    let helper: Helper | null = null;
    let up: Up | null = null;
    const lose = (error: HelperError): void => {
      if (up === null || state !== up) return;
      release(up);
      refuse(adviceOf(error, helperPath));
    };
    const writer = createFrameWriter({
      bufferBytes: OUTPUT_BUFFER_BYTES,
      bytesMax: OUTPUT_BYTES_MAX,
      write: (bytes, done) => {
        if (helper === null) done();
        else helper.write(bytes, done);
      },
      onRoom: () => stack.room(),
    });
    const stack = createStack(
      {
        outside,
        logger,
        dialer,
        output: {
          get full() {
            return writer.full;
          },
          reserve: (bytes) => {
            const room = writer.reserve(bytes);
            if (room === null) return null;
            counters.receivedPackets += 1;
            counters.receivedBytes += bytes;
            return room;
          },
        },
        dropped: (reason) => {
          counters.droppedPackets += 1;
          metrics?.dropped.inc(1, { reason });
        },
      },
      { local: address, mtuBytes },
    );
    const onPacket = (packet: Buffer): void => {
      counters.sentPackets += 1;
      counters.sentBytes += packet.length;
      stack.receive(packet);
    };
    try {
      helper = await startHelper(
        { clock },
        {
          path: helperPath,
          device,
          mtuBytes,
          address,
          onLost: lose,
        },
      );
    } catch (error) {
      stack.close();
      throw error;
    }
    const started: Up = {
      status: 'up',
      device,
      address,
      helper,
      stack,
      stopTelling: clock.every(CHANGED_MS, () => tell(stack)),
    };
    up = started;
    helper.read((bytes) => {
      const ok = reader.push(bytes, onPacket);
      stack.flush();
      if (ok) return;
      void started.helper.stop();
      lose(new HelperError({ code: 'BAD_FRAME' }, 'the helper sent what is no packet'));
    });
    return started;
  };
  const release = (up: Up): void => {
    up.stopTelling();
    up.stack.close();
    tell(up.stack);
  };

  const bringUp = async (): Promise<void> => {
    if (state.status === 'up') return;
    if (process.platform !== 'linux') {
      refuse(
        'The VPN needs Linux; on this system reach an address at a local port, or through the SOCKS5 or HTTP proxy.',
      );
      return;
    }
    const address = localAddress();
    if (address === null) {
      refuse('This machine has no global address yet: create or unlock its identity and bring the VPN up again.');
      return;
    }
    if (!existsSync(helperPath)) {
      refuse(
        `The helper that makes the device is not there (${helperPath}): it is built where gcc is. Install it with \`sudo apt-get install gcc libc6-dev\`, build again with \`npm run build\` and bring the VPN up.`,
      );
      return;
    }
    become({ status: 'starting' });
    for (let number = 0; ; number++) {
      try {
        // One after the other: the next name is only tried when this one is taken.
        const up = await open(`hm${number}`, address);
        logger.info('VPN up', { device: up.device });
        become(up);
        return;
      } catch (error) {
        if (!(error instanceof HelperError)) {
          become({ status: 'down' });
          throw error;
        }
        if (error.code === 'NAME_TAKEN' && number + 1 < DEVICES_MAX) continue;
        refuse(adviceOf(error, helperPath));
        return;
      }
    }
  };
  const bringDown = async (): Promise<void> => {
    if (state.status === 'up') {
      const { helper } = state;
      release(state);
      await helper.stop();
      logger.info('VPN down');
    }
    become({ status: 'down' });
  };
  const inTurn = async (change: () => Promise<void>): Promise<VpnView> => {
    const mine = turn.then(change);
    turn = mine.catch((error: unknown) => {
      if (!isNodeError(error)) logger.error('VPN failed', { error });
    });
    await mine;
    return view();
  };
  const view = (): VpnView => ({
    state: state.status,
    reason: state.status === 'refused' ? state.reason : '',
    device: state.status === 'up' ? state.device : null,
    address: state.status === 'up' ? state.address : null,
    connectionsNow: state.status === 'up' ? connectionsOf(state) : 0,
    ...counters,
  });

  return {
    on: (name, listener) => emitter.on(name, listener),
    up: () => inTurn(bringUp),
    down: () => inTurn(bringDown),
    view,
    stop: async () => {
      await inTurn(bringDown);
    },
  };
};
const TO_PROGRAMS = { direction: 'in' };
const FROM_PROGRAMS = { direction: 'out' };
