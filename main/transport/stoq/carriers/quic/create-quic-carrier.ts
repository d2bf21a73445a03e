import { createHash } from 'node:crypto';
import { messageOf, type Logger, type Outside } from '../../../../base/index.ts';
import { ed25519PublicKey, peerIdOf } from '../../../../base/crypto/index.ts';
import { ipAddress, partsOf } from '../../address.ts';
import type { Address } from '../../interface.ts';
import {
  closedError,
  noSuchAddressError,
  notAllowedError,
  portInUseError,
  timedOutError,
  unreachableError,
} from '../carrier-errors.ts';
import type { Carrier, Channel } from '../interface.ts';
import type { CarrierMetrics } from '../metrics.ts';
import {
  ACCEPTS_AT_ONCE,
  CHANNEL_WINDOW_BYTES,
  HANDSHAKE_MS,
  IDLE_MS,
  KEEP_ALIVE_MS,
  LINGER_MS,
  SOCKET_BUFFER_BYTES,
  STREAM_WINDOW_BYTES,
  STREAMS_MAX,
} from './constants.ts';
import {
  loadNativeQuic,
  type NativeClient,
  type NativeConfig,
  type NativeConnection,
  type NativeServer,
} from './native-quic.ts';
import { createQuicChannel, remoteOf } from './quic-channel.ts';

export interface QuicCarrierComponents {
  outside: Outside;
  logger: Logger;
  metrics: CarrierMetrics | null;
}
export interface QuicCarrierInit {
  /** Ms that a handshake may take. @default 5000 */
  handshakeMs?: number;
  /** Ms without a packet after which a channel is gone. @default 20 000 */
  idleMs?: number;
  /** Ms between signs of life. @default 6000 */
  keepAliveMs?: number;
  /** Bytes of one stream under way or unread. @default 4 MiB */
  streamWindowBytes?: number;
  /** Bytes of one channel under way or unread. @default 8 MiB */
  channelWindowBytes?: number;
}

const BINDING_LABEL = 'hypermesh-stoq/1 quic binding';
/** libp2p's protobuf of a private key: type Ed25519 (1), 64 bytes of data. */
const KEY_PROTO_PREFIX = Uint8Array.of(0x08, 0x01, 0x12, 0x40);
/** The native layer gives numbers of the system's error only within the message: Linux, macOS, Windows. */
const OS_ERROR = /\(os error (\d+)\)/;
const IN_USE: ReadonlySet<string> = new Set(['98', '48', '10048']);
const NO_PERMISSION: ReadonlySet<string> = new Set(['13', '1', '10013']);

/**
 * QUIC by quinn. Its TLS makes each end prove an Ed25519 key that exists for this carrier alone: one per listener, one per dial. So
 * the node's own key never reaches native code, and two channels never have one binding.
 *
 * Link-local addresses cannot be used, as the native layer knows no zones; TCP reaches those.
 *
 * @throws {CarrierError} `NOT_SUPPORTED` where there is no native build for this machine
 */
export const createQuicCarrier = (components: QuicCarrierComponents, init: QuicCarrierInit = {}): Carrier => {
  const { outside, logger, metrics } = components;
  const native = loadNativeQuic();
  const handshakeMs = init.handshakeMs ?? HANDSHAKE_MS;
  const keepAliveMs = init.keepAliveMs ?? KEEP_ALIVE_MS;
  const lingerMs = keepAliveMs + LINGER_MS;
  const channels = new Set<Channel>();
  const listeners = new Set<() => Promise<void>>();
  /** Sockets of dials, also of those whose channel is gone. */
  const clients = new Set<NativeClient>();
  let stopped = false;

  /** A key that nobody else has and nothing keeps. */
  const newIdentity = (): { config: NativeConfig; carrierId: string } => {
    const seed = outside.random.bytes(32);
    const publicKey = ed25519PublicKey(seed);
    const config = new native.QuinnConfig({
      handshakeTimeout: handshakeMs,
      maxIdleTimeout: init.idleMs ?? IDLE_MS,
      keepAliveInterval: keepAliveMs,
      maxConcurrentStreamLimit: STREAMS_MAX,
      maxStreamData: init.streamWindowBytes ?? STREAM_WINDOW_BYTES,
      maxConnectionData: init.channelWindowBytes ?? CHANNEL_WINDOW_BYTES,
      receiveBufferSize: SOCKET_BUFFER_BYTES,
      sendBufferSize: SOCKET_BUFFER_BYTES,
      privateKeyProto: Buffer.concat([KEY_PROTO_PREFIX, seed, publicKey]),
    });
    seed.fill(0);
    return { config, carrierId: peerIdOf(publicKey) };
  };
  const take = (
    connection: NativeConnection,
    direction: 'in' | 'out',
    ownId: string,
    onClosed: () => void,
  ): Channel | null => {
    const remote = remoteOf(connection);
    if (remote === null) {
      connection.abort();
      return null;
    }
    const [initiator, responder] = direction === 'out' ? [ownId, remote.carrierId] : [remote.carrierId, ownId];
    const channel = createQuicChannel(
      { clock: outside.clock },
      {
        native: connection,
        direction,
        remoteAddress: remote.address,
        // Carrier ids have one length and no spaces, so no two pairs give one text.
        binding: new Uint8Array(createHash('sha256').update(`${BINDING_LABEL} ${initiator} ${responder}`).digest()),
        onClosed: () => {
          channels.delete(channel);
          metrics?.channels.set(channels.size, { tier: 'quic' });
          onClosed();
        },
      },
    );
    channels.add(channel);
    metrics?.channels.set(channels.size, { tier: 'quic' });
    metrics?.opened.inc(1, { tier: 'quic', direction });
    return channel;
  };
  const bind = (address: Address, config: NativeConfig): NativeServer => {
    const { host, port } = partsOf(address);
    try {
      return new native.Server(config, host, port);
    } catch (error) {
      const osError = OS_ERROR.exec(messageOf(error))?.[1] ?? '';
      if (IN_USE.has(osError)) throw portInUseError(address);
      throw NO_PERMISSION.has(osError) ? notAllowedError(address) : noSuchAddressError(address);
    }
  };
  const canDial = (address: Address): boolean => {
    const { transport, relay, zone } = partsOf(address);
    return transport === 'quic' && relay === null && zone === null;
  };

  return {
    tier: 'quic',
    canDial,
    listen: async (address, onChannel) => {
      if (stopped) throw closedError();
      if (!canDial(address)) throw noSuchAddressError(address);
      const { config, carrierId } = newIdentity();
      const server = bind(address, config);
      let closing: Promise<void> | null = null;
      const accept = async (): Promise<void> => {
        while (closing === null) {
          try {
            const connection = await server.inboundConnection();
            if (closing !== null) {
              connection.abort();
              return;
            }
            const channel = take(connection, 'in', carrierId, () => undefined);
            if (channel !== null) onChannel(channel);
          } catch (error) {
            if (closing !== null || messageOf(error) === 'server closed') return;
            metrics?.refused.inc(1, { tier: 'quic' });
            logger.debug('QUIC handshake of a stranger failed', { problem: messageOf(error) });
          }
        }
      };
      for (let i = 0; i < ACCEPTS_AT_ONCE; i++) void accept();
      const close = (): Promise<void> => {
        listeners.delete(close);
        closing ??= server.abort();
        return closing;
      };
      listeners.add(close);
      return { address: ipAddress(partsOf(address).host, server.port(), 'quic'), close };
    },
    dial: async (address, { signal }) => {
      signal.throwIfAborted();
      if (stopped) throw closedError();
      if (!canDial(address)) throw noSuchAddressError(address);
      const { family, host, port } = partsOf(address);
      const { config, carrierId } = newIdentity();
      // A socket for each dial: only ending the whole socket ends an attempt at once.
      const client = new native.Client(config, family === 'ip6' ? 1 : 0);
      const abort = (): void => {
        client.abort();
      };
      clients.add(client);
      signal.addEventListener('abort', abort, { once: true });
      let timedOut = false;
      // The native layer has a setting for it, and does not look at it.
      const cancelTimer = outside.clock.after(handshakeMs, () => {
        timedOut = true;
        abort();
      });
      const release = (): void => {
        clients.delete(client);
        abort();
      };
      try {
        const connection = await client.outboundConnection(host, port);
        signal.throwIfAborted();
        // A word of the end does not always leave (see LINGER_MS); the socket stays to give it when the other end asks.
        const channel = take(connection, 'out', carrierId, () => outside.clock.after(lingerMs, release));
        if (channel === null) throw new Error('it showed no key');
        return channel;
      } catch (error) {
        release();
        signal.throwIfAborted();
        metrics?.dialsFailed.inc(1, { tier: 'quic' });
        if (timedOut || messageOf(error) === 'timed out') throw timedOutError(address);
        throw unreachableError(address, messageOf(error));
      } finally {
        cancelTimer();
        signal.removeEventListener('abort', abort);
      }
    },
    stop: async () => {
      stopped = true;
      for (const channel of channels) channel.abort();
      for (const client of clients) client.abort();
      clients.clear();
      await Promise.all([...listeners].map((close) => close()));
    },
  };
};
