import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  Emitter,
  encodeCbor,
  isNodeError,
  messageOf,
  NodeError,
  type EventSource,
  type Logger,
  type Outside,
  type Startable,
  type Verdict,
} from '../../../base/index.ts';
import { request, respond } from '../connection/messages.ts';
import type { NetworkMembership } from '../handshake/interface.ts';
import type { Address, Connection, Endpoint, PeerId } from '../interface.ts';
import type { PeerBook } from '../standing/interface.ts';
import { INVITES_OPEN_MAX, INVITE_ADDRESSES_MAX, INVITE_LIFE_MS_MAX, INVITE_NAME_CHARACTERS_MAX } from './constants.ts';
import { InviteError } from './errors.ts';
import { exactFields, readBytes, readCborOf, readTime, type Malformed } from './fields.ts';
import {
  drawInvite,
  encodeInvite,
  INVITE_ID_BYTES,
  INVITE_SECRET_BYTES,
  inviteExpired,
  inviteInvalid,
  parseInvite,
  type Invite,
} from './invite.ts';
import { isItsFault } from './peer-record.ts';

export const INVITE_PROTOCOL = '/hypermesh/invite/1';
const DEADLINE_MS = 15_000;
const MESSAGE_BYTES_MAX = 256;
const PROOF_BYTES = 32;
const ROW_VERSION = 1;

/** An invite that we made and that nobody has used. Its secret is in the link only, and here. */
export interface OpenInvite {
  id: string;
  expiresAtMs: number;
  /** Name of the private network that it lets into. */
  network: string | null;
  /** What whoever uses it will be called here, and trusted; null to get to know it only. */
  trustAs: string | null;
}
/** Rows of the node's database, or nothing in tests. Small: at most 256 rows of 300 bytes. */
export interface InviteStore {
  readAll(): Promise<readonly Uint8Array[]>;
  /** @param row - null: takes it away */
  write(id: string, row: Uint8Array | null): Promise<void>;
}
export interface InvitesComponents {
  outside: Outside;
  logger: Logger;
  endpoint: Pick<Endpoint, 'local' | 'connect' | 'handle'>;
  /** Where a guest finds us, best first. */
  addresses: () => readonly Address[];
  book: Pick<PeerBook, 'learn' | 'setName' | 'setTrusted' | 'offend'>;
  /**
   * Makes this node a member before it dials: its inviter may be closed to everybody else.
   *
   * @returns what makes it none again, called where the invite turns out to be no good; does nothing where it was one before
   */
  join: (membership: NetworkMembership) => Promise<() => Promise<void>>;
  /** Proves on a running session all networks that both ends are in. @throws {NodeError} where the peer cannot be asked */
  prove: (connection: Connection, options: { signal?: AbortSignal }) => Promise<void>;
  store: InviteStore | null;
}
export interface Invites extends Startable, EventSource<{ accepted: { peer: PeerId; id: string; trusted: boolean } }> {
  /**
   * @param options.lifeMs - at most 30 days. @default a day
   * @param options.network - that it lets into; null to meet as two peers. @default null
   * @param options.trustAs - name under which whoever uses it is trusted. @default null: not trusted
   * @returns the link, at most 800 characters
   * @throws {InviteError} `TOO_MANY_INVITES`
   */
  make(options?: {
    lifeMs?: number;
    network?: NetworkMembership | null;
    trustAs?: string | null;
  }): Promise<OpenInvite & { link: string }>;
  /** @throws {InviteError} `INVITE_INVALID` | `INVITE_EXPIRED` */
  parse(link: string): Invite;
  /**
   * Joins the network, connects to the inviter and shows that it invited us. Both ends count the network on the connection then.
   *
   * @param options.trustAs - name under which we trust the inviter from now on. @default null: it is known only
   * @throws {InviteError} `INVITE_INVALID` | `INVITE_EXPIRED` and {PeerError} `UNREACHABLE`
   */
  accept(
    link: string,
    options?: { trustAs?: string | null; signal?: AbortSignal },
  ): Promise<{ connection: Connection; network: NetworkMembership | null }>;
  list(): readonly OpenInvite[];
  /** @returns whether there was one */
  revoke(id: string): Promise<boolean>;
}

class GuestError extends NodeError<{ code: 'GUEST_MALFORMED'; problem: string; verdict: Verdict }> {
  override readonly name = 'GuestError';
}
const malformedGuest: Malformed = (problem) =>
  new GuestError(
    { code: 'GUEST_MALFORMED', problem, verdict: 'reject' },
    `The guest showed its invite in a way that the protocol does not allow: ${problem}.`,
  );

interface Kept extends OpenInvite {
  secret: Uint8Array;
}

type Outcome = 'welcome' | 'invalid' | 'expired';
const DAY_MS = 24 * 60 * 60_000;

/** Shows that one has the secret, on this very session: whoever relays the bytes to another has nothing. */
const proofOf = (secret: Uint8Array, connection: Pick<Connection, 'exportKey'>, guest: PeerId): Uint8Array =>
  new Uint8Array(
    createHmac('sha256', secret)
      .update(encodeCbor(['hypermesh-invite', 1, connection.exportKey('invite'), guest]))
      .digest(),
  );

/** Makes and takes invites, docs/formats/stoq-invite.md. */
export const createInvites = ({
  outside: { clock, random },
  logger,
  endpoint,
  addresses,
  book,
  join,
  prove,
  store,
}: InvitesComponents): Invites => {
  const events = new Emitter<{ accepted: { peer: PeerId; id: string; trusted: boolean } }>();
  const open = new Map<string, Kept>();
  let withdraw: () => void = () => undefined;
  const idText = (id: Uint8Array): string => Buffer.from(id).toString('hex');
  const viewOf = ({ id, expiresAtMs, network, trustAs }: Kept): OpenInvite => ({ id, expiresAtMs, network, trustAs });

  const rowOf = ({ id, secret, expiresAtMs, network, trustAs }: Kept): Uint8Array =>
    encodeCbor({ v: ROW_VERSION, id, secret, expiresAtMs, network, trustAs });
  const readRow = (row: Uint8Array): Kept => {
    const fields = exactFields(
      readCborOf(row, 16, inviteInvalid),
      ['v', 'id', 'secret', 'expiresAtMs', 'network', 'trustAs'],
      inviteInvalid,
    );
    const { v, id, network, trustAs } = fields;
    const isText = (value: unknown): value is string | null => value === null || typeof value === 'string';
    if (v !== ROW_VERSION || typeof id !== 'string' || !isText(network) || !isText(trustAs))
      throw inviteInvalid('a row of it is damaged');
    return {
      id,
      network,
      trustAs,
      secret: readBytes(
        fields['secret'],
        { min: INVITE_SECRET_BYTES, max: INVITE_SECRET_BYTES },
        'secret',
        inviteInvalid,
      ),
      expiresAtMs: readTime(fields['expiresAtMs'], 'end', inviteInvalid),
    };
  };
  const remove = async (id: string): Promise<boolean> => {
    const was = open.delete(id);
    if (was) await store?.write(id, null);
    return was;
  };
  const age = async (): Promise<void> => {
    for (const { id, expiresAtMs } of open.values()) if (expiresAtMs < clock.nowMs()) await remove(id);
  };

  const welcome = async (bytes: Uint8Array, connection: Connection): Promise<Uint8Array> => {
    const fields = exactFields(readCborOf(bytes, 8, malformedGuest), ['id', 'proof'], malformedGuest);
    const id = readBytes(fields['id'], { min: INVITE_ID_BYTES, max: INVITE_ID_BYTES }, 'the number', malformedGuest);
    const proof = readBytes(fields['proof'], { min: PROOF_BYTES, max: PROOF_BYTES }, 'the proof', malformedGuest);
    const answer = (outcome: Outcome): Uint8Array => encodeCbor({ outcome });
    const guest = connection.peer.peerId;
    const invite = open.get(idText(id));
    // Whether there is such an invite is told to nobody who has not its secret.
    if (invite === undefined) return answer('invalid');
    if (!timingSafeEqual(proof, proofOf(invite.secret, connection, guest))) {
      book.offend(guest, 'lied', 'it showed a wrong secret for an invite');
      return answer('invalid');
    }
    // Our own clock made it and ends it.
    if (clock.nowMs() > invite.expiresAtMs) {
      await remove(invite.id);
      return answer('expired');
    }
    // Taken out before anything else is awaited: two at once cannot both use it.
    await remove(invite.id);
    book.learn(guest, connection.remote.addresses, 'invite');
    if (invite.trustAs !== null) {
      book.setName(guest, invite.trustAs);
      book.setTrusted(guest, true);
    }
    logger.info('A guest used an invite', { peer: guest, trusted: invite.trustAs !== null });
    events.emit('accepted', { peer: guest, id: invite.id, trusted: invite.trustAs !== null });
    return answer('welcome');
  };

  /** @returns a connection to the inviter on which the invite's network is proved @throws {InviteError} | {PeerError} */
  const meet = async (invite: Invite, options: { signal?: AbortSignal }): Promise<Connection> => {
    const { inviter, network } = invite;
    const target = invite.addresses.length === 0 ? inviter : { peer: inviter, addresses: invite.addresses };
    const holds = (connection: Connection): boolean => network === null || connection.networks.has(network.id);
    const connection = await endpoint.connect(target, options);
    if (holds(connection)) return connection;
    // It was there before this node was a member.
    try {
      await prove(connection, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isNodeError(error)) throw error;
      logger.debug('The inviter was not asked for its network', { problem: error.message });
    }
    if (holds(connection)) return connection;
    // Its program may not know how; a new handshake proves it.
    await connection.close('replaced');
    const again = await endpoint.connect(target, options);
    if (holds(again)) return again;
    throw inviteInvalid('its inviter is in that network no more');
  };
  /** As the guest. @throws {InviteError} | {PeerError} | {StreamError} */
  const show = async (invite: Invite, signal: AbortSignal | undefined): Promise<Connection> => {
    const connection = await meet(invite, signal === undefined ? {} : { signal });
    const proof = proofOf(invite.secret, connection, endpoint.local.peerId);
    let outcome: unknown;
    try {
      const bytes = await request(connection, INVITE_PROTOCOL, encodeCbor({ id: invite.id, proof }), {
        deadlineMs: DEADLINE_MS,
        bytesMax: MESSAGE_BYTES_MAX,
        ...(signal !== undefined && { signal }),
      });
      outcome = exactFields(readCborOf(bytes, 8, inviteInvalid), ['outcome'], inviteInvalid)['outcome'];
    } catch (error) {
      if (isItsFault(error)) book.offend(invite.inviter, 'malformed', messageOf(error));
      throw error;
    }
    if (outcome === 'expired') throw inviteExpired(invite.expiresAtMs);
    if (outcome !== 'welcome') throw inviteInvalid('its inviter does not know it, or somebody has used it');
    return connection;
  };

  return {
    on: events.on.bind(events),
    start: async () => {
      for (const row of (await store?.readAll()) ?? []) {
        try {
          const invite = readRow(row);
          open.set(invite.id, invite);
        } catch (error) {
          logger.warn('An invite in the database is damaged and counts for nothing', { problem: messageOf(error) });
        }
      }
      await age();
      withdraw = endpoint.handle(
        {
          name: INVITE_PROTOCOL,
          streamsMax: 1,
          opensPerTenSeconds: 4,
          bytesMax: MESSAGE_BYTES_MAX + 64,
          deadlineMs: DEADLINE_MS,
        },
        (stream, connection) => respond(stream, { bytesMax: MESSAGE_BYTES_MAX }, (bytes) => welcome(bytes, connection)),
      );
    },
    stop: async () => {
      withdraw();
      withdraw = () => undefined;
    },
    make: async ({ lifeMs = DAY_MS, network = null, trustAs = null } = {}) => {
      await age();
      if (open.size >= INVITES_OPEN_MAX)
        throw new InviteError(
          { code: 'TOO_MANY_INVITES', limit: INVITES_OPEN_MAX },
          `There are ${INVITES_OPEN_MAX} invites that nobody has used; take back some of them first.`,
        );
      const expiresAtMs = clock.nowMs() + Math.min(Math.max(lifeMs, 1), INVITE_LIFE_MS_MAX);
      const { id, secret } = drawInvite(random);
      const kept: Kept = {
        id: idText(id),
        secret,
        expiresAtMs,
        network: network?.name ?? null,
        trustAs: trustAs?.slice(0, INVITE_NAME_CHARACTERS_MAX) ?? null,
      };
      open.set(kept.id, kept);
      await store?.write(kept.id, rowOf(kept));
      const link = encodeInvite({
        inviter: endpoint.local.peerId,
        addresses: addresses().slice(0, INVITE_ADDRESSES_MAX),
        network,
        expiresAtMs,
        id,
        secret,
      });
      return { ...viewOf(kept), link };
    },
    parse: (link) => parseInvite(link, clock.nowMs()),
    accept: async (link, { trustAs = null, signal } = {}) => {
      const invite = parseInvite(link, clock.nowMs());
      if (invite.inviter === endpoint.local.peerId) throw inviteInvalid('you made it yourself');
      const leave = invite.network === null ? async () => undefined : await join(invite.network);
      let connection: Connection;
      try {
        connection = await show(invite, signal);
      } catch (error) {
        await leave();
        throw error;
      }
      book.learn(invite.inviter, invite.addresses, 'invite');
      if (trustAs !== null) {
        book.setName(invite.inviter, trustAs.slice(0, INVITE_NAME_CHARACTERS_MAX));
        book.setTrusted(invite.inviter, true);
      }
      return { connection, network: invite.network };
    },
    list: () => [...open.values()].filter(({ expiresAtMs }) => expiresAtMs >= clock.nowMs()).map(viewOf),
    revoke: remove,
  };
};
