import { timingSafeEqual } from 'node:crypto';
import { isNodeError, type Logger, messageOf, type Outside, type Startable } from '../../../base/index.ts';
import { request, respond } from '../connection/messages.ts';
import { HANDSHAKE_MS_MAX, NETWORKS_MAX } from '../handshake/constants.ts';
import type { NetworkMembership } from '../handshake/interface.ts';
import { checkNetworkProofs, makeNetworkProofs } from '../handshake/network-proofs.ts';
import type { Connection, EndpointControl } from '../interface.ts';
import type { PeerBook } from '../standing/interface.ts';
import { MembershipError } from './errors.ts';
import {
  decodeMembershipAnswer,
  decodeMembershipRequest,
  encodeMembershipAnswer,
  encodeMembershipRequest,
  MEMBERSHIP_MESSAGE_BYTES_MAX,
  MEMBERSHIP_NONCE_BYTES,
  membershipHash,
  membershipSession,
} from './membership-messages.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { isItsFault } from './peer-record.ts';

export const MEMBERSHIP_PROTOCOL = '/hypermesh/membership/1';
/** Nothing in it takes a person or a disk. */
const DEADLINE_MS = 5_000;
/** Peers that are asked at the same time when this node joins a network. */
const ASKS_AT_ONCE = 16;
/** Where both dialled at once, one of them takes the session of the other some round trips later. */
const SETTLE_TRIES_MAX = 8;
const SETTLE_MS = 125;

export interface MembershipExchangeComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<EndpointControl, 'local' | 'on' | 'connection' | 'connections' | 'handle' | 'addNetworks'>;
  book: Pick<PeerBook, 'offend'> | null;
  /** Private networks of now. */
  memberships: () => readonly NetworkMembership[];
}
/**
 * Proves private networks on sessions that are open already: a handshake proves those of its own beginning.
 * docs/formats/stoq-membership.md.
 */
export interface MembershipExchange extends Startable {
  /**
   * Asks one peer. Once done, both ends count all networks that both are in now.
   *
   * @throws {StreamError} `PROTOCOL_UNKNOWN` by a program that does not know it, and whatever a request throws | {MembershipError}
   */
  prove(connection: Connection, options?: { signal?: AbortSignal }): Promise<void>;
  /** Asks every peer, since this node joined a network. @returns those still connected with whom it failed */
  proveToAll(): Promise<readonly Connection[]>;
}

export const createMembershipExchange = ({
  outside: { clock, random },
  logger,
  metrics,
  endpoint,
  book,
  memberships,
}: MembershipExchangeComponents): MembershipExchange => {
  const me = endpoint.local.peerId;
  const life = new AbortController();
  const undo: (() => void)[] = [];
  /** Of each connection the last request: one goes after the other, so that each proves what came meanwhile. */
  const turns = new WeakMap<Connection, Promise<void>>();
  let joinedAtMs = Number.NEGATIVE_INFINITY;

  const ours = (): readonly NetworkMembership[] => memberships().slice(0, NETWORKS_MAX);

  const answer = (bytes: Uint8Array, connection: Connection): { reply: Uint8Array; tell: () => void } => {
    const { nonce, proofs } = decodeMembershipRequest(bytes);
    const hash = membershipHash(connection, { asker: connection.peer.peerId, answerer: me, nonce });
    const proved = checkNetworkProofs(ours(), 'asker', hash, proofs);
    const isNews = proved.some(({ id }) => !connection.networks.has(id));
    metrics?.memberships.inc(1, { role: 'answerer', result: isNews ? 'proved' : 'none' });
    // Only what the asker has proved: whoever is no member learns of none.
    const reply = encodeMembershipAnswer({
      session: membershipSession(connection),
      proofs: makeNetworkProofs(proved, 'answerer', hash, random),
    });
    // Counted before the answer leaves: the asker may use the network as soon as it has it.
    const tell = endpoint.addNetworks(
      connection,
      proved.map(({ id }) => id),
    );
    return { reply, tell };
  };

  const isProved = (connection: Connection): boolean => ours().every(({ id }) => connection.networks.has(id));
  /** @returns false where the two do not agree on the session yet */
  const askOnce = async (connection: Connection, signal: AbortSignal): Promise<boolean> => {
    const shown = ours();
    const nonce = random.bytes(MEMBERSHIP_NONCE_BYTES);
    const session = membershipSession(connection);
    const hash = membershipHash(connection, { asker: me, answerer: connection.peer.peerId, nonce });
    const reply = decodeMembershipAnswer(
      await request(
        connection,
        MEMBERSHIP_PROTOCOL,
        encodeMembershipRequest({ nonce, proofs: makeNetworkProofs(shown, 'asker', hash, random) }),
        { deadlineMs: DEADLINE_MS, bytesMax: MEMBERSHIP_MESSAGE_BYTES_MAX, signal },
      ),
    );
    if (!timingSafeEqual(session, reply.session)) return false;
    const proved = checkNetworkProofs(shown, 'answerer', hash, reply.proofs);
    const now = new Set(ours().map(({ id }) => id));
    // Left while the answer was on its way: the peer counts it, and must not.
    if (proved.some(({ id }) => !now.has(id))) {
      await connection.close('replaced');
      return true;
    }
    const isNews = proved.some(({ id }) => !connection.networks.has(id));
    metrics?.memberships.inc(1, { role: 'asker', result: isNews ? 'proved' : 'none' });
    endpoint.addNetworks(
      connection,
      proved.map(({ id }) => id),
    )();
    return true;
  };
  const ask = async (connection: Connection, signal: AbortSignal): Promise<void> => {
    try {
      for (let tries = 0; !isProved(connection); tries++) {
        if (await askOnce(connection, signal)) return;
        if (tries >= SETTLE_TRIES_MAX)
          throw new MembershipError(
            { code: 'SESSION_UNSETTLED', verdict: 'ignore' },
            'Both nodes dialled at once and do not agree on one session; connect again.',
          );
        await clock.sleep(SETTLE_MS, signal);
      }
    } catch (error) {
      metrics?.memberships.inc(1, { role: 'asker', result: 'failed' });
      if (isItsFault(error)) book?.offend(connection.peer.peerId, 'malformed', messageOf(error));
      throw error;
    }
  };
  const prove: MembershipExchange['prove'] = (connection, { signal } = {}) => {
    const ended = signal === undefined ? life.signal : AbortSignal.any([life.signal, signal]);
    const before = turns.get(connection) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => ask(connection, ended));
    turn.catch(() => undefined);
    turns.set(connection, turn);
    return turn;
  };
  /** @returns whether it was done */
  const tryToProve = async (connection: Connection): Promise<boolean> => {
    try {
      await prove(connection);
      return true;
    } catch (error) {
      if (!isNodeError(error) && !life.signal.aborted) throw error;
      logger.debug('A peer was not asked for its networks', { problem: messageOf(error) });
      return false;
    }
  };

  return {
    start: async () => {
      undo.push(
        endpoint.handle(
          {
            name: MEMBERSHIP_PROTOCOL,
            // One is asked, the last one waits to be acknowledged.
            streamsMax: 2,
            opensPerTenSeconds: 2 * NETWORKS_MAX,
            bytesMax: MEMBERSHIP_MESSAGE_BYTES_MAX + 64,
            deadlineMs: DEADLINE_MS,
          },
          async (stream, connection) => {
            let tell = (): void => undefined;
            try {
              await respond(stream, { bytesMax: MEMBERSHIP_MESSAGE_BYTES_MAX }, (bytes) => {
                const { reply, tell: told } = answer(bytes, connection);
                tell = told;
                return reply;
              });
            } finally {
              // The asker has read it, and counts it as we do.
              tell();
            }
          },
        ),
        endpoint.on('connected', ({ connection }) => {
          // Its handshake may have begun before this node joined, and has proved nothing of it.
          if (clock.monotonicMs() - joinedAtMs < HANDSHAKE_MS_MAX) void tryToProve(connection);
        }),
      );
    },
    stop: async () => {
      life.abort(new Error('The node is going down.'));
      for (const cancel of undo.splice(0)) cancel();
    },
    prove,
    proveToAll: async () => {
      joinedAtMs = clock.monotonicMs();
      const left = [...endpoint.connections()];
      const failed: Connection[] = [];
      await Promise.all(
        Array.from({ length: ASKS_AT_ONCE }, async () => {
          for (let one = left.shift(); one !== undefined; one = left.shift())
            if (!(await tryToProve(one)) && endpoint.connection(one.peer.peerId) === one) failed.push(one);
        }),
      );
      return failed;
    },
  };
};
