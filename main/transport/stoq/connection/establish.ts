import { type Clock, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import type { Channel } from '../carriers/interface.ts';
import { CarrierError, HandshakeError, PeerError, StreamError } from '../errors.ts';
import type { Handshaker, Session } from '../handshake/interface.ts';
import {
  CLOSE_REASONS,
  type CloseReason,
  type LocalPeer,
  type PeerId,
  type RateGate,
  type RemoteInfo,
} from '../interface.ts';
import type { Door } from './admission.ts';
import { type ConnectionHost, createConnection, type PeerConnection } from './connection.ts';
import { HANDSHAKE_TIMEOUT_MS } from './constants.ts';
import { type Control, createControl } from './control.ts';
import type { ControlMessage } from './frames.ts';
import type { Life } from './life.ts';
import type { Roster, Slot } from './roster.ts';
import type { Tally } from './tally.ts';

/**
 * Handshake and introductions on a channel, whoever dialled it. The channel ends where they fail.
 *
 * @param expected - null where anybody may answer
 * @returns the peer's connection, a new one or the one that got another path
 * @throws {PeerError} `TURNED_AWAY` | `WRONG_PEER` | `SELF` | `BANNED` | `FULL` and what the handshaker throws; `signal.reason` when
 *   aborted
 */
export type Establish = (channel: Channel, expected: PeerId | null, signal: AbortSignal) => Promise<PeerConnection>;

export interface EstablishComponents {
  outside: Outside;
  logger: Logger;
  life: Life;
  local: LocalPeer;
  handshaker: Handshaker;
  gate: RateGate;
  roster: Roster;
  door: Pick<Door, 'admit'>;
  tally: Pick<Tally, 'handshake' | 'changed'>;
  /** Whom the connections made here belong to. */
  host: ConnectionHost;
  /** What this node says of itself. */
  ownInfo(): Omit<RemoteInfo, 'observed'>;
  /** A peer that had no connection has one. */
  onConnected(connection: PeerConnection): void;
}

/** Expected, as every failure here that another node can cause: whoever adds a path lets only bugs through to the top level. */
const turnedAway = (reason: CloseReason): PeerError =>
  new PeerError({ code: 'TURNED_AWAY', reason }, `The peer answered and refused (${reason}); try again later.`);

/** Makes connections out of channels. */
export const createEstablish = (components: EstablishComponents): Establish => {
  const { outside, logger, life, local, handshaker, gate, roster, door, tally, host, ownInfo, onConnected } =
    components;
  const clock: Clock = outside.clock;

  const decidesOver = (peer: PeerId): boolean => local.peerId < peer;
  const receiveHello = async (control: Control): Promise<Extract<ControlMessage, { type: 'hello' }>> => {
    const message = await control.receive();
    if (message?.type === 'hello') return message;
    if (message?.type === 'bye') {
      const known = Object.entries(CLOSE_REASONS).find(([, number]) => number === message.reason);
      throw turnedAway((known?.[0] as CloseReason | undefined) ?? 'refused');
    }
    if (message === null) throw turnedAway('refused');
    throw new StreamError(
      { code: 'MALFORMED', problem: 'its first message is no introduction', verdict: 'reject' },
      'The peer did not introduce itself.',
    );
  };
  const attach = (
    slot: Slot,
    sentId: Uint8Array,
    hello: Extract<ControlMessage, { type: 'hello' }>,
    channel: Channel,
    control: Control,
    session: Session,
  ): PeerConnection => {
    const { peerId } = session.peer;
    // Another id at the other end: its program has begun anew, or has given up what we still hold.
    if (slot.connection !== null && Buffer.compare(slot.connection.remoteId, hello.id) !== 0)
      slot.connection.finish('replaced', 'The peer has begun anew.');
    let connection = slot.connection;
    const isNew = connection === null;
    if (connection === null) {
      slot.id = sentId;
      connection = createConnection(
        { outside, logger, gate, host },
        {
          id: sentId,
          remoteId: hello.id,
          session,
          direction: channel.direction,
          decides: decidesOver(peerId),
        },
      );
      slot.connection = connection;
    }
    connection.attach({ channel, control, session }, hello.root);
    tally.handshake(session.resumed ? 'resumed' : 'full');
    tally.changed();
    if (isNew) onConnected(connection);
    return connection;
  };

  return async (channel, expected, outerSignal) => {
    const late = new AbortController();
    const cancel = clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      late.abort(
        new HandshakeError(
          { code: 'HANDSHAKE_TIMED_OUT', verdict: 'ignore' },
          'The other end did not finish the handshake in time: it is too far or too busy.',
        ),
      ),
    );
    const signal = AbortSignal.any([outerSignal, life.signal, late.signal]);
    // Whatever waits on the channel ends with it.
    const onAbort = (): void => channel.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let slot: Slot | null = null;
    let peer: PeerId | null = null;
    try {
      signal.throwIfAborted();
      const out = channel.direction === 'out';
      const stream = out ? await channel.openStream() : await channel.acceptStream();
      if (stream === null) throw new CarrierError({ code: 'CLOSED' }, 'The channel ended before its handshake.');
      const options = { signal, info: ownInfo(), observed: channel.remoteAddress };
      const session = out
        ? await handshaker.initiate(channel, stream, { ...options, expected })
        : await handshaker.respond(channel, stream, options);
      peer = session.peer.peerId;
      if (peer === local.peerId) throw new PeerError({ code: 'SELF' }, 'That is this node itself; dial another one.');
      if (!out && expected !== null && peer !== expected)
        throw new PeerError(
          { code: 'WRONG_PEER', expected, found: peer, verdict: 'ignore' },
          'Another peer than expected is at the other end.',
        );
      const control = createControl(stream, () => channel.abort());
      const refuse = async (reason: CloseReason): Promise<void> => {
        control.send({ type: 'bye', reason: CLOSE_REASONS[reason], detail: '' });
        await Promise.race([channel.closed, clock.sleep(1_000, signal).catch(() => undefined)]);
      };
      slot = roster.claim(peer);
      const hello = (of: Slot): ControlMessage => ({
        type: 'hello',
        id: of.id,
        root: of.connection !== null && decidesOver(peer as PeerId) ? of.connection.rootId : null,
      });
      // The one who dialled speaks first: it knows that both are who they are a moment earlier.
      let sentId = slot.id;
      if (out) control.send(hello(slot));
      const theirs = await receiveHello(control);
      signal.throwIfAborted();
      try {
        door.admit(peer, channel);
      } catch (error) {
        await refuse(isNodeError(error) && error.code === 'BANNED' ? 'banned' : 'full');
        throw error;
      }
      if (!out) {
        // A peer that has begun anew is told of a connection of its own.
        if (slot.connection !== null && Buffer.compare(slot.connection.remoteId, theirs.id) !== 0)
          slot.connection.finish('replaced', 'The peer has begun anew.');
        sentId = slot.id;
        control.send(hello(slot));
      }
      return attach(slot, sentId, theirs, channel, control, session);
    } catch (error) {
      tally.handshake('refused');
      channel.abort();
      // The reason of the end is what ended it, not that the channel is gone.
      if (signal.aborted) throw signal.reason as Error;
      if (peer !== null && error instanceof StreamError) host.offended(peer, 'malformed', error.message);
      throw error;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
      if (slot !== null && peer !== null) roster.release(peer, slot);
    }
  };
};
