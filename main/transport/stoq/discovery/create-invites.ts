import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  Emitter,
  encodeCbor,
  messageOf,
  NodeError,
  type EventSource,
  type Logger,
  type Outside,
  type Startable,
  type Verdict,
} from '../../../base/index.ts';
import { request, respond } from '../connection/messages.ts';
import type { Connection, Endpoint, PeerId } from '../interface.ts';
import type { PeerBook } from '../standing/interface.ts';
import { INVITES_OPEN_MAX, INVITE_LIFE_MS_MAX, INVITE_NAME_CHARACTERS_MAX } from './constants.ts';
import { InviteError } from './errors.ts';
import { exactFields, readBytes, readCborOf, readTime, type Malformed } from './fields.ts';
import { isItsFault } from './peer-record.ts';

export const INVITE_PROTOCOL = '/hypermesh/invite/1';
const DEADLINE_MS = 15_000;
const MESSAGE_BYTES_MAX = 256;
const PROOF_BYTES = 32;
const ROW_VERSION = 1;
const ID_BYTES = 8;
const SECRET_BYTES = 16;
const DAY_MS = 24 * 60 * 60_000;
/** Number and secret: what a link carries beside addresses. */
export const TICKET_BYTES = ID_BYTES + SECRET_BYTES;

/** A ticket that we gave out and that nobody has used. Its secret is in the link only, and here. */
export interface OpenTicket {
  id: string;
  expiresAtMs: number;
  /** What whoever uses it will be called here, and trusted; null to get to know it only. */
  trustAs: string | null;
}
/** Rows of the node's database, or nothing in tests: at most 256 rows of 300 bytes. */
export interface TicketStore {
  readAll(): Promise<readonly Uint8Array[]>;
  /** @param row - null: takes it away */
  write(id: string, row: Uint8Array | null): Promise<void>;
}
export interface InvitesComponents {
  outside: Outside;
  logger: Logger;
  endpoint: Pick<Endpoint, 'local' | 'handle'>;
  book: Pick<PeerBook, 'learn' | 'setName' | 'setTrusted' | 'offend'>;
  store: TicketStore | null;
}
/** Tickets make an invite work once, for whoever comes first, and let the inviter know who it was. */
export interface Invites extends Startable, EventSource<{ accepted: { peer: PeerId; id: string; trusted: boolean } }> {
  /**
   * @param options.lifeMs - at most 30 days. @default a day
   * @param options.trustAs - name under which whoever uses it is trusted. @default null: not trusted
   * @returns with the 24 bytes that go into the link
   * @throws {InviteError} `TOO_MANY_INVITES`
   */
  issue(options?: { lifeMs?: number; trustAs?: string | null }): Promise<OpenTicket & { ticket: Uint8Array }>;
  /**
   * Shows the inviter, who must be at the other end, the ticket that it gave out.
   *
   * @throws {InviteError} `INVITE_INVALID` | `INVITE_EXPIRED`, and {StreamError}
   */
  show(connection: Connection, ticket: Uint8Array, options?: { signal?: AbortSignal }): Promise<void>;
  list(): readonly OpenTicket[];
  /** @returns whether there was one */
  revoke(id: string): Promise<boolean>;
}

const inviteInvalid: Malformed = (problem) =>
  new InviteError(
    { code: 'INVITE_INVALID', problem },
    `This invite cannot be used (${problem}); ask whoever made it for another.`,
  );
type Outcome = 'welcome' | 'invalid' | 'expired';

/** Shows that one has the secret, on this very session: whoever relays the bytes to another has nothing. */
const proofOf = (secret: Uint8Array, connection: Pick<Connection, 'exportKey'>, guest: PeerId): Uint8Array =>
  new Uint8Array(
    createHmac('sha256', secret)
      .update(encodeCbor(['hypermesh-invite', 1, connection.exportKey('invite'), guest]))
      .digest(),
  );

class GuestError extends NodeError<{ code: 'GUEST_MALFORMED'; problem: string; verdict: Verdict }> {
  override readonly name = 'GuestError';
}
const malformedGuest: Malformed = (problem) =>
  new GuestError(
    { code: 'GUEST_MALFORMED', problem, verdict: 'reject' },
    `The peer sent what the protocol of invites does not allow: ${problem}.`,
  );

interface Kept extends OpenTicket {
  secret: Uint8Array;
}

/** Gives out tickets and takes them, docs/formats/stoq-discovery.md. */
export const createInvites = ({
  outside: { clock, random },
  logger,
  endpoint,
  book,
  store,
}: InvitesComponents): Invites => {
  const events = new Emitter<{ accepted: { peer: PeerId; id: string; trusted: boolean } }>();
  const open = new Map<string, Kept>();
  let withdraw: () => void = () => undefined;
  const idText = (id: Uint8Array): string => Buffer.from(id).toString('hex');
  const viewOf = ({ id, expiresAtMs, trustAs }: Kept): OpenTicket => ({ id, expiresAtMs, trustAs });

  const rowOf = ({ id, secret, expiresAtMs, trustAs }: Kept): Uint8Array =>
    encodeCbor({ v: ROW_VERSION, id, secret, expiresAtMs, trustAs });
  const readRow = (row: Uint8Array): Kept => {
    const fields = exactFields(
      readCborOf(row, 16, inviteInvalid),
      ['v', 'id', 'secret', 'expiresAtMs', 'trustAs'],
      inviteInvalid,
    );
    const { v, id, trustAs } = fields;
    const isText = (value: unknown): value is string | null => value === null || typeof value === 'string';
    if (v !== ROW_VERSION || typeof id !== 'string' || !isText(trustAs)) throw inviteInvalid('a row of it is damaged');
    return {
      id,
      trustAs,
      secret: readBytes(fields['secret'], { min: SECRET_BYTES, max: SECRET_BYTES }, 'secret', inviteInvalid),
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
    const id = readBytes(fields['id'], { min: ID_BYTES, max: ID_BYTES }, 'the number', malformedGuest);
    const proof = readBytes(fields['proof'], { min: PROOF_BYTES, max: PROOF_BYTES }, 'the proof', malformedGuest);
    const answer = (outcome: Outcome, expiresAtMs: number | null = null): Uint8Array =>
      encodeCbor({ outcome, expiresAtMs });
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
      return answer('expired', invite.expiresAtMs);
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
    issue: async ({ lifeMs = DAY_MS, trustAs = null } = {}) => {
      await age();
      if (open.size >= INVITES_OPEN_MAX)
        throw new InviteError(
          { code: 'TOO_MANY_INVITES', limit: INVITES_OPEN_MAX },
          `There are ${INVITES_OPEN_MAX} invites that nobody has used; take back some of them first.`,
        );
      const ticket = random.bytes(TICKET_BYTES);
      const kept: Kept = {
        id: idText(ticket.subarray(0, ID_BYTES)),
        secret: ticket.slice(ID_BYTES),
        expiresAtMs: clock.nowMs() + Math.min(Math.max(lifeMs, 1), INVITE_LIFE_MS_MAX),
        trustAs: trustAs?.slice(0, INVITE_NAME_CHARACTERS_MAX) ?? null,
      };
      open.set(kept.id, kept);
      await store?.write(kept.id, rowOf(kept));
      return { ...viewOf(kept), ticket };
    },
    show: async (connection, ticket, { signal } = {}) => {
      if (ticket.length !== TICKET_BYTES) throw inviteInvalid('its ticket is none');
      const proof = proofOf(ticket.subarray(ID_BYTES), connection, endpoint.local.peerId);
      let answer: Record<string, unknown>;
      try {
        const bytes = await request(
          connection,
          INVITE_PROTOCOL,
          encodeCbor({ id: ticket.subarray(0, ID_BYTES), proof }),
          { deadlineMs: DEADLINE_MS, bytesMax: MESSAGE_BYTES_MAX, ...(signal !== undefined && { signal }) },
        );
        answer = exactFields(readCborOf(bytes, 8, malformedGuest), ['outcome', 'expiresAtMs'], malformedGuest);
      } catch (error) {
        if (isItsFault(error)) book.offend(connection.peer.peerId, 'malformed', messageOf(error));
        throw error;
      }
      if (answer['outcome'] === 'welcome') return;
      if (answer['outcome'] !== 'expired') throw inviteInvalid('its inviter does not know it, or somebody has used it');
      throw new InviteError(
        { code: 'INVITE_EXPIRED', expiredAtMs: readTime(answer['expiresAtMs'], 'its end', malformedGuest) },
        'This invite has expired; ask whoever made it for another.',
      );
    },
    list: () => [...open.values()].filter(({ expiresAtMs }) => expiresAtMs >= clock.nowMs()).map(viewOf),
    revoke: remove,
  };
};
