import { isNodeError, type Logger, messageOf, type Outside } from '../../../../base/index.ts';
import { circuitAddress, isCircuit, partsOf } from '../../address.ts';
import { readMessage, writeMessage } from '../../connection/messages.ts';
import type { Address, Connection, Endpoint, PeerId, Stream } from '../../interface.ts';
import { ReachError } from '../../reach/errors.ts';
import {
  decodeRelayAnswer,
  encodeRelayAnswer,
  encodeRelayRequest,
  RELAY_MESSAGE_BYTES_MAX,
  RELAY_PROTOCOL,
  type RelayTerms,
} from '../../reach/relay-wire.ts';
import { noSuchAddressError, unreachableError } from '../carrier-errors.ts';
import type { Carrier, Channel } from '../interface.ts';
import { createTlsCredentials, secureChannel } from '../tls/secure-channel.ts';
import { pipeOf } from './stream-pipe.ts';

/** Ms that a relay may take to answer. */
const ANSWER_MS = 8_000;
/** Ms for TLS through the relay: two round trips over two hops. */
const HANDSHAKE_MS = 10_000;
/** Handshakes of circuits that end here, at once: each is a stranger's until it is done. */
const INCOMING_MAX = 16;

export interface RelayCarrierComponents {
  outside: Outside;
  logger: Logger;
  endpoint: Endpoint;
}
export interface RelayCarrierInit {
  /** Takes circuits of others that end here, such as `endpoint.addPath`. */
  onChannel(channel: Channel): void;
}
/** Circuits through other nodes: TLS and the multiplexer between both ends, inside a stream to the relay each. */
export interface RelayCarrier extends Carrier {
  /** Asks a connected relay for a place. @throws {ReachError} `RELAY_REFUSED`; {StreamError}; rejects with `signal.reason` */
  reserve(relay: Connection, signal: AbortSignal): Promise<RelayTerms>;
  /** From whom circuits are taken: relays that this node asked for a place. */
  forget(relay: PeerId): void;
  /** The handler of `incoming`, for {@link createRelayService}. */
  onIncoming(stream: Stream, relay: Connection, from: PeerId): Promise<void>;
}

export const createRelayCarrier = (
  { outside, logger: parentLogger, endpoint }: RelayCarrierComponents,
  { onChannel }: RelayCarrierInit,
): RelayCarrier => {
  const logger = parentLogger.child('stoq-circuits');
  const credentials = createTlsCredentials(outside);
  const channels = new Set<Channel>();
  const places = new Set<PeerId>();
  let incoming = 0;
  let stopped = false;

  const refused = (reason: string): ReachError =>
    new ReachError(
      { code: 'RELAY_REFUSED', reason },
      `The relay does not do this: ${SENTENCES[reason] ?? 'it gave no reason that is known here'}. Another relay is tried.`,
    );
  const ask = async (
    relay: Connection,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ stream: Stream; terms: RelayTerms }> => {
    // Not handed the signal: it is the dial's, and the stream outlives that.
    const stream = await relay.openStream(RELAY_PROTOCOL);
    const giveUp = (): void => stream.reset();
    const cancel = outside.clock.after(ANSWER_MS, giveUp);
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      await writeMessage(stream, bytes);
      const reply = await readMessage(stream, { bytesMax: RELAY_MESSAGE_BYTES_MAX });
      if (reply === null) throw refused('');
      const answer = decodeRelayAnswer(reply);
      if (!answer.ok) throw refused(answer.reason);
      return { stream, terms: answer.terms };
    } catch (error) {
      stream.reset();
      signal.throwIfAborted();
      throw error;
    } finally {
      cancel();
      signal.removeEventListener('abort', giveUp);
    }
  };
  const secure = async (
    stream: Stream,
    direction: 'in' | 'out',
    remoteAddress: Address,
    via: PeerId,
    signal?: AbortSignal,
  ): Promise<Channel> => {
    const channel: Channel = await secureChannel(
      { outside, logger },
      {
        credentials,
        pipe: pipeOf(stream),
        tier: 'relay',
        direction,
        remoteAddress,
        via,
        signal,
        handshakeMs: HANDSHAKE_MS,
        onClosed: () => channels.delete(channel),
      },
    );
    channels.add(channel);
    return channel;
  };

  return {
    tier: 'relay',
    canDial: isCircuit,
    listen: (address) => Promise.reject(noSuchAddressError(address)),
    dial: async (address, { signal, peer }) => {
      const { relay } = partsOf(address);
      if (relay === null || stopped) throw noSuchAddressError(address);
      if (peer === undefined || peer === null)
        throw unreachableError(address, 'a relay must be told who is to be reached');
      if (relay.peer === endpoint.local.peerId) throw unreachableError(address, 'this node is the relay itself');
      try {
        const connection = await endpoint.connect({ peer: relay.peer, addresses: [relay.address] }, { signal });
        // Circuits through circuits would make every node carry what it does not know of.
        if (connection.path?.tier === 'relay') throw refused('notAllowed');
        const { stream } = await ask(connection, encodeRelayRequest({ kind: 'connect', peer }), signal);
        return await secure(stream, 'out', address, relay.peer, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isNodeError(error)) throw error;
        throw unreachableError(address, messageOf(error));
      }
    },
    reserve: async (relay, signal) => {
      // Circuits may come before the answer is read.
      places.add(relay.peer.peerId);
      try {
        const { stream, terms } = await ask(relay, encodeRelayRequest({ kind: 'reserve' }), signal);
        await stream.finish();
        return terms;
      } catch (error) {
        places.delete(relay.peer.peerId);
        throw error;
      }
    },
    forget: (relay) => {
      places.delete(relay);
    },
    onIncoming: async (stream, relay, from) => {
      const { peerId } = relay.peer;
      const address = relay.path?.remoteAddress;
      const allowed = places.has(peerId) && from !== endpoint.local.peerId && incoming < INCOMING_MAX;
      if (!allowed || address === undefined || isCircuit(address) || stopped) {
        await writeMessage(stream, encodeRelayAnswer({ ok: false, reason: 'notAllowed' }));
        await stream.finish();
        return;
      }
      incoming += 1;
      try {
        await writeMessage(stream, encodeRelayAnswer({ ok: true, terms: { lifeMs: 0, bytesMax: 0 } }));
        const channel = await secure(stream, 'in', circuitAddress(address, peerId), peerId);
        onChannel(channel);
        // The handler is the stream's life: it ends with the channel.
        incoming -= 1;
        await channel.closed;
        incoming += 1;
      } catch (error) {
        if (!isNodeError(error)) throw error;
        logger.debug('Circuit not made', { reason: messageOf(error) });
      } finally {
        incoming -= 1;
      }
    },
    stop: () => {
      stopped = true;
      places.clear();
      for (const channel of channels) channel.abort();
      return Promise.resolve();
    },
  };
};

const SENTENCES: Readonly<Record<string, string>> = {
  off: 'it relays for nobody',
  full: 'it relays for as many as it can',
  noReservation: 'the other node has no place there',
  unreachable: 'the other node did not answer it',
  notAllowed: 'it does not relay this way',
};
