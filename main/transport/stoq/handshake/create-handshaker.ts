import { timingSafeEqual } from 'node:crypto';
import {
  assert,
  isNodeError,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type WorkerPool,
} from '../../../base/index.ts';
import { KEM_RANDOM_BYTES, KEM_SEED_BYTES, kemDecapsulate, kemEncapsulate } from '../../../base/crypto/index.ts';
import type { CarrierStream, Channel } from '../carriers/interface.ts';
import { STOQ_VERSION } from '../constants.ts';
import { HandshakeError, PeerError } from '../errors.ts';
import type { NetworkId, PeerId, VerifiedPeer } from '../interface.ts';
import type { Outcome } from '../tasks.ts';
import { HELLO_BYTES, MAC_BYTES, NETWORKS_MAX, NONCE_BYTES, TICKET_ID_BYTES, X25519_BYTES } from './constants.ts';
import type { HandshakeInit, HandshakeOptions, Handshaker, NetworkMembership, Session } from './interface.ts';
import {
  binderOf,
  deriveHandshakeKeys,
  type HandshakeKeys,
  helloHash,
  NO_TICKET_SECRET,
  type Role,
  sessionId,
  sessionKey,
  ticketOf,
  transcriptOfAnswer,
  transcriptOfFinish,
  transcriptOfShares,
} from './key-schedule.ts';
import { type Line, withinTime } from './line.ts';
import {
  boundInfo,
  encodeAnswer,
  encodeHello,
  encodeIntroduction,
  encodeStatement,
  type Introduction,
  malformed,
  parseAnswer,
  parseHello,
  parseIntroduction,
  type Statement,
} from './messages.ts';
import { createHandshakeMetrics } from './metrics.ts';
import { checkNetworkProofs, makeNetworkProofs } from './network-proofs.ts';
import { createTicketStore, type ProvedAt, type Ticket } from './tickets.ts';
import { createX25519Share } from './x25519.ts';

export interface HandshakerComponents {
  outside: Outside;
  logger: Logger;
  /**
   * Threads that nobody keeps busy for seconds: a handshake waits for them within its ten seconds. Two let both ends' work of
   * one handshake run side by side.
   */
  workers: WorkerPool;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
}
export interface HandshakerSettings extends HandshakeInit {
  /** Versions that this node speaks, highest first. @default that of this program; tests speak others */
  versions?: readonly number[];
  /** Whether an ML-KEM key pair is made ahead for the next dial. @default true; vectors draw everything in its place */
  pairAhead?: boolean;
}

const PUBLIC = 'public' as NetworkId;
/** Longer ones are a mistake of the caller. */
const LABEL_CHARS_MAX = 256;

const refused = (problem: string, cause?: unknown): HandshakeError =>
  new HandshakeError(
    { code: 'HANDSHAKE_REFUSED', problem, verdict: 'reject' },
    `What the other end shows does not hold for this channel (${problem}): somebody may sit in the middle. Try again over another network.`,
    cause === undefined ? undefined : { cause },
  );
const noNetwork = (): HandshakeError =>
  new HandshakeError(
    { code: 'NO_NETWORK_IN_COMMON', verdict: 'ignore' },
    'The two nodes have no network in common; join the network of the other one, or let this node be open to the public.',
  );

interface KemPair {
  public: Uint8Array;
  secret: Uint8Array;
}
/** What both sides have once all was shown. */
interface Outcomes {
  role: Role;
  keys: HandshakeKeys;
  /** Of the answer. */
  transcript: Uint8Array;
  /** As it crossed the wire. */
  finish: Uint8Array;
  peer: VerifiedPeer;
  theirs: Introduction;
  networks: ReadonlySet<NetworkId>;
  /** Null where both signed now. */
  ticket: Ticket | null;
  epoch: number;
  startMs: number;
}

/** Mutual proof over one stream of a channel, docs/formats/stoq-handshake.md. Never holds the main thread for more than two milliseconds. */
export const createHandshaker = (components: HandshakerComponents, init: HandshakerSettings): Handshaker => {
  const { outside, workers } = components;
  const { clock, random } = outside;
  const { local, verifier } = init;
  const versions = init.versions ?? [STOQ_VERSION];
  const logger = components.logger.child('handshake');
  const metrics = components.metrics && createHandshakeMetrics(components.metrics);
  const tickets = createTicketStore({ clock });

  const memberships = (): readonly NetworkMembership[] => init.memberships().slice(0, NETWORKS_MAX);

  const introduce = (
    options: Omit<HandshakeOptions, 'expected'>,
    open: boolean,
    networks: Uint8Array | null,
    resumed: boolean,
  ): Introduction => ({
    certificate: resumed ? null : local.certificate,
    record: null,
    networks,
    open,
    info: boundInfo(options.info),
    observed: options.observed,
  });

  /** Both checks run at once: who it is, and whether it speaks for this very handshake. */
  const verify = async (
    line: Line,
    theirs: Introduction,
    statement: Omit<Statement, 'introduction'>,
  ): Promise<VerifiedPeer> => {
    const { certificate, record } = theirs;
    if (certificate === null || record === null) throw malformed('it shows no certificate');
    const opened = verifier.openRecord('stoq-handshake', record).catch((error: unknown) => {
      if (error instanceof PeerError) throw refused('its signature does not hold', error);
      throw error;
    });
    const [peer, { payload, keyId }] = await line.wait(Promise.all([verifier.verify(certificate), opened]));
    if (keyId !== peer.keyId) throw refused('another than the certificate’s node signed');
    const named = { ...statement, [statement.role]: peer.peerId };
    // Made again from what this side saw, so that nothing in it goes unread.
    if (!Buffer.from(encodeStatement({ ...named, introduction: theirs })).equals(payload))
      throw refused('what it signed is another handshake');
    return peer;
  };

  const refuseWrongPeer = (peer: PeerId, expected: PeerId | null): void => {
    if (expected !== null && peer !== expected)
      throw new PeerError(
        { code: 'WRONG_PEER', expected, found: peer, verdict: 'ignore' },
        `Another node answered than the one that was meant: ${peer} in place of ${expected}. Its address may be out of date; ask for it again.`,
      );
    if (peer === local.peerId)
      throw new PeerError({ code: 'SELF' }, 'This node dialled itself; take its own address out of the list.');
  };

  const common = (proved: readonly NetworkMembership[], bothOpen: boolean): ReadonlySet<NetworkId> => {
    const networks = new Set(proved.map(({ id }) => id));
    if (bothOpen) networks.add(PUBLIC);
    if (networks.size === 0) throw noNetwork();
    return networks;
  };

  const conclude = (of: Outcomes): Session => {
    const { role, peer, theirs, ticket } = of;
    const [initiator, responder] = role === 'initiator' ? [local.peerId, peer.peerId] : [peer.peerId, local.peerId];
    const master = of.keys.master(transcriptOfFinish(of.transcript, of.finish, initiator, responder));
    if (tickets.epoch === of.epoch) {
      // Inherited when resumed: however long the chain, it ends a day after the last signatures.
      const provedAt: ProvedAt = ticket?.provedAt ?? tickets.now();
      tickets.add('ours', { ...ticketOf(master, role), peer, provedAt });
      tickets.add('theirs', { ...ticketOf(master, role === 'initiator' ? 'responder' : 'initiator'), peer, provedAt });
    } else if (ticket !== null) {
      // Whoever was forgotten meanwhile must sign again.
      throw refused('its ticket was withdrawn while it was used');
    }
    metrics?.tickets.set(tickets.size);
    return {
      peer,
      resumed: ticket !== null,
      networks: of.networks,
      remote: { ...theirs.info, observed: theirs.observed },
      deriveKey: (label) => {
        assert(label.length <= LABEL_CHARS_MAX, `a label of a key has at most ${LABEL_CHARS_MAX} characters`);
        return sessionKey(master, label);
      },
      id: sessionId(master),
      tookMs: clock.monotonicMs() - of.startMs,
    };
  };

  const open = (opening: () => Uint8Array): Uint8Array => {
    try {
      return opening();
    } catch (error) {
      if (!isNodeError(error)) throw error;
      throw refused('what it sealed does not open', error);
    }
  };
  const sign = async (line: Line, statement: Statement): Promise<Uint8Array> =>
    await line.wait(local.sign('stoq-handshake', encodeStatement(statement)));

  /** One fresh pair that waits for the next dial. Never used twice: it is taken out before anything is sent. */
  let stock: KemPair | null = null;
  let restocking = false;
  const makePair = (): Promise<KemPair> =>
    workers.run<Uint8Array, KemPair>('stoq.kemKeys', random.bytes(KEM_SEED_BYTES));
  const restock = (): void => {
    if (init.pairAhead === false || stock !== null || restocking) return;
    restocking = true;
    makePair()
      .then((pair) => {
        stock = pair;
      })
      // The threads are busy or gone: whoever dials next makes its own, or hears of it.
      .catch(() => undefined)
      .finally(() => {
        restocking = false;
      });
  };
  const takePair = (): KemPair | null => {
    const pair = stock;
    stock = null;
    return pair;
  };

  const initiate = async (line: Line, channel: Channel, options: HandshakeOptions): Promise<Session> => {
    const startMs = clock.monotonicMs();
    const { epoch } = tickets;
    const networks = memberships();
    const isOpen = init.open();
    const { binding } = channel;

    const x25519Secret = random.bytes(X25519_BYTES);
    const ahead = takePair();
    // Threads work while this one does.
    const making = ahead ?? line.wait(makePair());
    const share = createX25519Share(x25519Secret);
    const kem = await making;
    const offered = options.expected === null ? null : tickets.take(options.expected);
    const core = {
      versions,
      nonce: random.bytes(NONCE_BYTES),
      x25519: share.public,
      kem: kem.public,
      ticketId: offered?.id ?? random.bytes(TICKET_ID_BYTES),
    };
    const hash = helloHash(binding, core);
    const hello = encodeHello({
      ...core,
      networks: makeNetworkProofs(networks, 'initiator', hash, random),
      binder: offered === null ? random.bytes(MAC_BYTES) : binderOf(offered.secret, hash),
    });
    await line.write(hello);

    const answer = parseAnswer(await line.readFrame(), versions);
    if (answer.resumed && offered === null) throw malformed('it resumes what it was not asked to');
    // Who resumes is known to each other, and waits for a millisecond here for less time than for a thread.
    const decapsulating = answer.resumed
      ? kemDecapsulate(kem.secret, answer.kem)
      : line.wait(workers.run<unknown, Uint8Array>('stoq.decapsulate', { secret: kem.secret, cipherText: answer.kem }));
    const x25519 = share.agree(answer.x25519);
    const shared = await decapsulating;
    if (x25519 === null) throw refused('its X25519 share is of small order');
    kem.secret.fill(0);
    const ticket = answer.resumed ? offered : null;
    const shares = transcriptOfShares(binding, hello, answer);
    const keys = deriveHandshakeKeys(shares, { ticket: ticket?.secret ?? NO_TICKET_SECRET, x25519, kem: shared });
    const theirs = parseIntroduction(
      open(() => keys.openAnswer(answer.sealed)),
      'responder',
      answer.resumed,
    );
    const transcript = transcriptOfAnswer(shares, answer.sealed);
    const proved = checkNetworkProofs(networks, 'responder', shares, theirs.networks ?? new Uint8Array(0));
    const inCommon = common(proved, isOpen && theirs.open);

    const ours = introduce(options, isOpen, null, answer.resumed);
    const statement = (responder: PeerId): Statement => ({
      role: 'initiator',
      transcript,
      introduction: ours,
      initiator: local.peerId,
      responder,
    });
    let peer: VerifiedPeer;
    let record: Uint8Array | null = null;
    if (ticket === null) {
      // Signing takes longer than checking, so it begins first. What is signed early is sent only if the check succeeds, so that
      // nobody learns who dials.
      const early = options.expected === null ? null : sign(line, statement(options.expected));
      early?.catch(() => undefined);
      const checking = verify(line, theirs, {
        role: 'responder',
        transcript: shares,
        initiator: null,
        responder: local.peerId,
      });
      peer = await checking;
      refuseWrongPeer(peer.peerId, options.expected);
      record = await (early ?? sign(line, statement(peer.peerId)));
    } else {
      ({ peer } = ticket);
    }
    const finish = keys.sealFinish(transcript, encodeIntroduction({ ...ours, record }));
    await line.writeFrame(finish);
    restock();
    return conclude({
      role: 'initiator',
      keys,
      transcript,
      finish,
      peer,
      theirs,
      networks: inCommon,
      ticket,
      epoch,
      startMs,
    });
  };

  /** What a responder has once it may speak. */
  interface Heard {
    bytes: Uint8Array;
    hello: ReturnType<typeof parseHello>['hello'];
    version: number;
    hash: Uint8Array;
    proved: readonly NetworkMembership[];
  }
  const hear = async (
    line: Line,
    channel: Channel,
    networks: readonly NetworkMembership[],
    isOpen: boolean,
  ): Promise<Heard> => {
    try {
      const bytes = await line.read(HELLO_BYTES);
      const { hello, version } = parseHello(bytes, versions);
      const hash = helloHash(channel.binding, hello);
      const proved = checkNetworkProofs(networks, 'initiator', hash, hello.networks);
      if (!isOpen && proved.length === 0) throw noNetwork();
      return { bytes, hello, version, hash, proved };
    } catch (error) {
      if (isOpen || !(error instanceof HandshakeError)) throw error;
      // For strangers this node is none. What they sent, and what is wrong with it, changes neither a byte nor the time, nor what
      // it costs them: they get what those get who send nothing.
      logger.debug('Stayed silent towards a stranger', { code: error.code });
      return await line.silence();
    }
  };

  const redeem = (heard: Heard): Ticket | null => {
    const ticket = tickets.find(heard.hello.ticketId);
    if (ticket === null || !timingSafeEqual(binderOf(ticket.secret, heard.hash), heard.hello.binder)) return null;
    return tickets.spend(ticket) ? ticket : null;
  };

  type Encapsulated = Outcome<{ cipherText: Uint8Array; shared: Uint8Array }>;
  /** @param known - who has shown a ticket may have a millisecond of the main thread; strangers, of whom there may be many, may not */
  const encapsulate = (line: Line, key: Uint8Array, known: boolean): Encapsulated | Promise<Encapsulated> => {
    const drawn = random.bytes(KEM_RANDOM_BYTES);
    if (!known) return line.wait(workers.run<unknown, Encapsulated>('stoq.encapsulate', { key, random: drawn }));
    try {
      return { ok: true, value: kemEncapsulate(key, drawn) };
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return { ok: false, problem: error.message };
    }
  };

  const respond = async (
    line: Line,
    channel: Channel,
    options: Omit<HandshakeOptions, 'expected'>,
  ): Promise<Session> => {
    const startMs = clock.monotonicMs();
    const { epoch } = tickets;
    const networks = memberships();
    const isOpen = init.open();
    const heard = await hear(line, channel, networks, isOpen);
    const { hello } = heard;

    const x25519Secret = random.bytes(X25519_BYTES);
    const nonce = random.bytes(NONCE_BYTES);
    const ticket = redeem(heard);
    const encapsulating = encapsulate(line, hello.kem, ticket !== null);
    const share = createX25519Share(x25519Secret);
    const x25519 = share.agree(hello.x25519);
    const encapsulated = await encapsulating;
    if (x25519 === null) throw refused('its X25519 share is of small order');
    if (!encapsulated.ok) throw malformed('its ML-KEM key is none');
    const resumed = ticket !== null;
    const head = { version: heard.version, nonce, x25519: share.public, kem: encapsulated.value.cipherText, resumed };
    const shares = transcriptOfShares(channel.binding, heard.bytes, head);
    const keys = deriveHandshakeKeys(shares, {
      ticket: ticket?.secret ?? NO_TICKET_SECRET,
      x25519,
      kem: encapsulated.value.shared,
    });
    // Only what the other side has proved: whoever is no member learns of none.
    const proofs = makeNetworkProofs(heard.proved, 'responder', shares, random);
    const ours = introduce(options, isOpen, proofs, resumed);
    const record = resumed
      ? null
      : await sign(line, {
          role: 'responder',
          transcript: shares,
          introduction: ours,
          initiator: null,
          responder: local.peerId,
        });
    const sealed = keys.sealAnswer(encodeIntroduction({ ...ours, record }));
    await line.writeFrame(encodeAnswer({ ...head, sealed }));

    const transcript = transcriptOfAnswer(shares, sealed);
    const finish = await line.readFrame();
    const theirs = parseIntroduction(
      open(() => keys.openFinish(transcript, finish)),
      'initiator',
      resumed,
    );
    const peer =
      ticket?.peer ??
      (await verify(line, theirs, { role: 'initiator', transcript, initiator: local.peerId, responder: local.peerId }));
    refuseWrongPeer(peer.peerId, null);
    return conclude({
      role: 'responder',
      keys,
      transcript,
      finish,
      peer,
      theirs,
      networks: common(heard.proved, isOpen && theirs.open),
      ticket,
      epoch,
      startMs,
    });
  };

  const resultOf = (error: unknown): string => {
    if (!isNodeError(error)) return 'cancelled';
    if (error.code === 'HANDSHAKE_TIMED_OUT') return 'timed_out';
    if (error.code === 'HANDSHAKE_MALFORMED' || error.code === 'VERSION_UNKNOWN') return 'malformed';
    return error instanceof HandshakeError || error instanceof PeerError ? 'refused' : 'failed';
  };
  const counted = async (role: Role, handshake: Promise<Session>): Promise<Session> => {
    try {
      const session = await handshake;
      const kind = session.resumed ? 'resumed' : 'full';
      metrics?.handshakes.inc(1, { role, result: kind });
      metrics?.seconds.observe(session.tookMs / 1000, { kind });
      return session;
    } catch (error) {
      metrics?.handshakes.inc(1, { role, result: resultOf(error) });
      throw error;
    }
  };

  return {
    initiate: async (channel: Channel, stream: CarrierStream, options) =>
      await counted(
        'initiator',
        withinTime(clock, channel, stream, options.signal, (line) => initiate(line, channel, options)),
      ),
    respond: async (channel, stream, options) =>
      await counted(
        'responder',
        withinTime(clock, channel, stream, options.signal, (line) => respond(line, channel, options)),
      ),
    forget: (peer) => {
      tickets.forget(peer);
      metrics?.tickets.set(tickets.size);
    },
  };
};
