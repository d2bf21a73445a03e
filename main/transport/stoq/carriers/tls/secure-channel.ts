import { constants } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { type Logger, messageOf, type Outside } from '../../../../base/index.ts';
import type { Address, PeerId, Tier } from '../../interface.ts';
import { timedOutError, unreachableError } from '../carrier-errors.ts';
import type { Channel } from '../interface.ts';
import { createMuxChannel } from '../mux/create-mux-channel.ts';
import {
  ALPN,
  BINDING_BYTES,
  BINDING_LABEL,
  CIPHERS,
  GROUPS,
  GROUPS_CLASSIC,
  HANDSHAKE_MS,
  SEGMENT_HEADER_BYTES,
  SEGMENT_PAYLOAD_BYTES,
} from './constants.ts';
import { createSelfSignedCertificate } from './self-signed-certificate.ts';

/** What TLS needs at both ends. Made once per start, as making the key takes about a ms. */
export interface TlsCredentials {
  readonly server: SecureContext;
  readonly client: SecureContext;
}

export const createTlsCredentials = (outside: Outside): TlsCredentials => {
  const { key, cert } = createSelfSignedCertificate(outside.random.bytes(8));
  const contexts = (ecdhCurve: string): TlsCredentials => {
    const common = {
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: CIPHERS,
      ecdhCurve,
      // Resumption is STOQ's own; a ticket would only let others see that two channels belong together.
      secureOptions: constants.SSL_OP_NO_TICKET,
    } as const;
    return { server: createSecureContext({ ...common, key, cert }), client: createSecureContext(common) };
  };
  try {
    return contexts(GROUPS);
  } catch {
    return contexts(GROUPS_CLASSIC);
  }
};

export interface SecureChannelComponents {
  outside: Outside;
  logger: Logger;
}
export interface SecureChannelInit {
  credentials: TlsCredentials;
  /** Ordered and reliable; nothing else of it is trusted. It is taken over: an error destroys it, and so does the end of the channel. */
  pipe: Duplex;
  tier: Tier;
  direction: 'in' | 'out';
  remoteAddress: Address;
  /** The node in the middle. @default null */
  via?: PeerId | null;
  /** Called once when the channel is gone. */
  onClosed?: () => void;
  signal?: AbortSignal | undefined;
  /** Ms for the handshake. @default 5000 */
  handshakeMs?: number | undefined;
  keepAliveMs?: number | undefined;
  idleMs?: number | undefined;
}

/**
 * Makes a channel out of a pipe: TLS 1.3 and the multiplexer inside. Neither end is believed to be anybody: the channel's binding is
 * what TLS's exporter gives, which somebody in the middle cannot make equal at both ends. Only the listening end shows a
 * certificate; one of the dialler would prove no more than the exporter does.
 *
 * @throws {CarrierError} `UNREACHABLE` when the other end speaks otherwise | `TIMED_OUT`; rejects with `signal.reason` when aborted
 */
export const secureChannel = (components: SecureChannelComponents, init: SecureChannelInit): Promise<Channel> => {
  const { outside, logger } = components;
  const { credentials, pipe, tier, direction, remoteAddress, signal } = init;
  if (signal?.aborted === true) {
    pipe.destroy();
    return Promise.reject(signal.reason as Error);
  }
  return new Promise((resolve, reject) => {
    const socket =
      direction === 'in'
        ? new TLSSocket(pipe, { isServer: true, secureContext: credentials.server, ALPNProtocols: [ALPN] })
        : connect({
            socket: pipe,
            secureContext: credentials.client,
            ALPNProtocols: [ALPN],
            // Both make the library look at names and chains; neither means anything here.
            rejectUnauthorized: false,
            checkServerIdentity: () => undefined,
          });
    const give = (error: Error): void => {
      settle();
      socket.destroy();
      pipe.destroy();
      reject(error);
    };
    const onError = (error: Error): void => {
      give(unreachableError(remoteAddress, messageOf(error)));
    };
    const onClose = (): void => {
      give(unreachableError(remoteAddress, 'the connection ended during the handshake'));
    };
    const onAbort = (): void => {
      give(signal?.reason as Error);
    };
    const cancelTimer = outside.clock.after(init.handshakeMs ?? HANDSHAKE_MS, () => {
      give(timedOutError(remoteAddress));
    });
    const settle = (): void => {
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('close', onClose);
      // What comes after has no meaning any more, and an error that nobody hears ends the process.
      socket.on('error', () => undefined);
      pipe.on('error', () => undefined);
    };
    socket.once(direction === 'in' ? 'secure' : 'secureConnect', () => {
      if (socket.alpnProtocol !== ALPN || socket.getProtocol() !== 'TLSv1.3') {
        give(unreachableError(remoteAddress, 'it speaks another protocol'));
        return;
      }
      let binding: Buffer;
      try {
        binding = socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0));
      } catch (error) {
        // Thrown in a handler of an event it would end the process: of a socket that went in this very turn.
        give(unreachableError(remoteAddress, messageOf(error)));
        return;
      }
      settle();
      resolve(
        createMuxChannel(
          { clock: outside.clock, logger },
          {
            pipe: socket,
            tier,
            direction,
            remoteAddress,
            via: init.via ?? null,
            binding: new Uint8Array(binding),
            wireBytes: () => wireBytesOf(pipe instanceof Socket ? pipe : socket),
            onClosed: () => {
              pipe.destroy();
              init.onClosed?.();
            },
            keepAliveMs: init.keepAliveMs,
            idleMs: init.idleMs,
          },
        ),
      );
    });
    socket.on('error', onError);
    socket.on('close', onClose);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
};

/** The kernel does not tell how many packets it took; reckoned as if all were full. */
const wireBytesOf = (socket: Socket): { wireSentBytes: number; wireReceivedBytes: number } => ({
  wireSentBytes: withHeaders(socket.bytesWritten),
  wireReceivedBytes: withHeaders(socket.bytesRead),
});
const withHeaders = (bytes: number): number => bytes + Math.ceil(bytes / SEGMENT_PAYLOAD_BYTES) * SEGMENT_HEADER_BYTES;
