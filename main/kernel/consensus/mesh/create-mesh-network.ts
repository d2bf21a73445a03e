import {
  encodeCbor,
  isNodeError,
  type Logger,
  messageOf,
  type Outside,
  sha256,
  type Startable,
} from '../../../base/index.ts';
import {
  type Connection,
  type Mesh,
  type NetworkId,
  type Offence,
  type PeerId,
  PUBLIC_NETWORK,
  readMessage,
  request,
  respond,
  type Stream,
  StreamError,
  type VerifiedPeer,
  writeMessage,
} from '../../../transport/stoq/index.ts';
import { MESSAGE_BYTES_MAX, QUESTION_BYTES_MAX } from '../constants.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import type { ReplicaNetwork } from '../interface.ts';
import {
  ANSWER_DEADLINE_MS,
  ASK_PROTOCOL,
  DIALS_MAX,
  FOUND_MAX,
  HELLO_DEADLINE_MS,
  MEMBERS_MAX,
  NAME_BYTES,
  PEERS_MAX,
  PEERS_WANTED,
  QUESTIONS_AT_ONCE_MAX,
  QUESTIONS_PER_TEN_SECONDS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  SEARCH_MS,
  STREAM_BYTES_MAX,
  TELL_PROTOCOL,
  UNKNOWN_RETRY_MS,
} from './constants.ts';
import { createSendQueue, type SendQueue } from './send-queue.ts';

export interface MeshNetworkComponents {
  mesh: Mesh;
  outside: Outside;
  logger: Logger;
  /** Whether to exchange anything with a peer. @default with everybody */
  isMember?: (peer: VerifiedPeer) => boolean;
}
export interface MeshNetworkInit {
  /** SHA-256 of the genesis. */
  network: Uint8Array;
  /** In whose directories members find each other. @default the public one */
  rendezvous?: () => readonly NetworkId[];
}
type Handlers = Parameters<ReplicaNetwork['serve']>[0];

/** One peer that is, or may be, a member. */
interface Link {
  readonly peer: PeerId;
  /** Stream that we write to; null while it is opened, or was lost. */
  queue: SendQueue | null;
  isOpening: boolean;
  retryMs: number;
  cancelRetry: (() => void) | null;
}
const OFFENCES: Readonly<Record<Parameters<ReplicaNetwork['offend']>[1], Offence>> = {
  malformed: 'malformed',
  forged: 'lied',
  spam: 'flooding',
};
/** In front of an answer: whether there is one. */
const NOTHING = 0;
const SOMETHING = 1;

/**
 * One network over STOQ, docs/formats/ledger-mesh.md. Peers that follow it are found among those who are connected, by asking
 * each; and by the directories of the networks that this node is in.
 */
export const createMeshNetwork = (
  components: MeshNetworkComponents,
  init: MeshNetworkInit,
): ReplicaNetwork & Startable => {
  const { mesh, outside, isMember = () => true } = components;
  const logger = components.logger.child('ledger-mesh');
  const { clock } = outside;
  const { network, rendezvous = () => [PUBLIC_NETWORK] } = init;
  const name = hexOf(network.subarray(0, NAME_BYTES));
  const tellProtocol = `${TELL_PROTOCOL}${name}`;
  const askProtocol = `${ASK_PROTOCOL}${name}`;
  /** The first message each way. What the handshake proved is not proved again. */
  const hello = encodeCbor({ v: 1, network });
  const topic = sha256(encodeCbor(['hypermesh-ledger', network]));
  const links = new Map<PeerId, Link>();
  /** Peers that were members once, for when the connection is lost. */
  const members = new Set<PeerId>();
  const told = new Map<NetworkId, object>();
  const dialling = new Set<PeerId>();
  /** Streams that peers write to. */
  const incoming = new Set<Stream>();
  const life = new AbortController();
  let handlers: Handlers | null = null;
  let endings: (() => void)[] = [];

  const connectionTo = (peer: PeerId): Connection | null => mesh.node?.endpoint.connection(peer) ?? null;
  const linkTo = (peer: PeerId): Link | null => {
    let link = links.get(peer);
    if (link === undefined) {
      if (links.size >= PEERS_MAX) return null;
      link = { peer, queue: null, isOpening: false, retryMs: RETRY_MS_MIN, cancelRetry: null };
      links.set(peer, link);
    }
    return link;
  };
  const remember = (peer: PeerId): void => {
    members.delete(peer);
    members.add(peer);
    const [oldest] = members;
    if (members.size > MEMBERS_MAX && oldest !== undefined) members.delete(oldest);
  };

  /** Opens our stream to a peer, if there is none; who does not know the protocol does not follow the network. */
  const open = async (connection: Connection): Promise<void> => {
    const peer = connection.peer.peerId;
    if (life.signal.aborted || !isMember(connection.peer)) return;
    const link = linkTo(peer);
    if (link === null || link.queue !== null || link.isOpening) return;
    link.cancelRetry?.();
    link.cancelRetry = null;
    link.isOpening = true;
    let stream: Stream | null = null;
    try {
      stream = await connection.openStream(tellProtocol, { signal: life.signal });
      await writeMessage(stream, hello);
      checkHello(await soon(stream, readMessage(stream, { bytesMax: hello.length })));
      link.isOpening = false;
      join(link, stream);
    } catch (error) {
      stream?.reset();
      link.isOpening = false;
      if (life.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      const isUnknown = error.code === 'PROTOCOL_UNKNOWN' || error.code === 'REFUSED';
      retry(link, isUnknown ? UNKNOWN_RETRY_MS : link.retryMs);
    }
  };
  /** Waits for an answer, and not for ever. */
  const soon = async <T>(stream: Stream, answer: Promise<T>): Promise<T> => {
    const cancel = clock.after(HELLO_DEADLINE_MS, () => stream.reset());
    try {
      return await answer;
    } finally {
      cancel();
    }
  };
  const checkHello = (message: Uint8Array | null): void => {
    if (message !== null && sameBytes(message, hello)) return;
    throw new StreamError(
      { code: 'MALFORMED', problem: 'it greets for another network', verdict: 'reject' },
      'The peer follows another network of a similar name, or speaks another version.',
    );
  };
  const retry = (link: Link, ms: number): void => {
    link.retryMs = Math.min(2 * link.retryMs, RETRY_MS_MAX);
    link.cancelRetry?.();
    link.cancelRetry = clock.after(ms, () => {
      link.cancelRetry = null;
      const connection = connectionTo(link.peer);
      if (connection !== null) void open(connection);
      else if (members.has(link.peer)) void dial(link.peer);
    });
  };
  const join = (link: Link, stream: Stream): void => {
    const queue = createSendQueue(stream, () => lose(link, queue));
    link.queue = queue;
    link.retryMs = RETRY_MS_MIN;
    remember(link.peer);
    handlers?.joined(link.peer);
    // Nothing more comes on it: its end, however it comes, is the peer's going away.
    void stream.read(1).then(
      () => queue.end(),
      () => queue.end(),
    );
  };
  const lose = (link: Link, queue: SendQueue): void => {
    if (link.queue !== queue) return;
    link.queue = null;
    handlers?.left(link.peer);
    if (!life.signal.aborted) retry(link, link.retryMs);
  };

  /** Messages of a peer, one after the other; the next is not read before this one was taken. */
  const hear = async (stream: Stream, connection: Connection): Promise<void> => {
    const peer = connection.peer.peerId;
    if (!isMember(connection.peer)) return stream.reset();
    checkHello(await soon(stream, readMessage(stream, { bytesMax: hello.length })));
    await writeMessage(stream, hello);
    // It follows the network, whatever it said when it was asked last.
    void open(connection);
    incoming.add(stream);
    try {
      for (;;) {
        const message = await readMessage(stream, { bytesMax: MESSAGE_BYTES_MAX });
        if (message === null || life.signal.aborted) break;
        handlers?.message(peer, message);
      }
    } finally {
      incoming.delete(stream);
    }
    await stream.finish();
  };
  const answer = async (stream: Stream, connection: Connection): Promise<void> => {
    if (!isMember(connection.peer)) return stream.reset();
    await respond(stream, { bytesMax: QUESTION_BYTES_MAX }, async (question) => {
      const found = (await handlers?.answer(connection.peer.peerId, question)) ?? null;
      if (found === null) return Uint8Array.of(NOTHING);
      const framed = new Uint8Array(1 + found.length);
      framed[0] = SOMETHING;
      framed.set(found, 1);
      return framed;
    });
  };

  const dial = async (peer: PeerId): Promise<void> => {
    if (life.signal.aborted || dialling.has(peer) || dialling.size >= DIALS_MAX) return;
    dialling.add(peer);
    try {
      void open(await mesh.connect(peer, { signal: life.signal }));
    } catch (error) {
      if (life.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      const link = members.has(peer) ? linkTo(peer) : null;
      if (link !== null) retry(link, link.retryMs);
    } finally {
      dialling.delete(peer);
    }
  };
  /** Tells the directories that this node follows the network, and asks who else does where too few are connected. */
  const search = async (): Promise<void> => {
    const node = mesh.node;
    if (node === null || life.signal.aborted) return;
    for (const id of rendezvous()) {
      const dht = node.dht(id);
      if (dht === null) continue;
      try {
        if (told.get(id) !== dht) {
          await dht.provide(topic, { signal: life.signal });
          told.set(id, dht);
        }
        if (peers().length >= PEERS_WANTED) continue;
        const found = await dht.providers(topic, { signal: life.signal, count: FOUND_MAX });
        for (const peer of found)
          if (peer !== node.endpoint.local.peerId && connectionTo(peer) === null) await dial(peer);
      } catch (error) {
        if (life.signal.aborted) return;
        if (!isNodeError(error)) throw error;
        logger.debug('Members were not found', { reason: messageOf(error) });
      }
    }
  };

  const peers = (): PeerId[] =>
    [...links.values()]
      .filter(({ queue }) => queue !== null)
      .map(({ peer }) => peer)
      .sort();
  const connected = (connection: Connection): void => {
    void open(connection);
  };
  const begun = (): void => {
    for (const connection of mesh.node?.endpoint.connections() ?? []) connected(connection);
    void search();
  };

  return {
    start: async () => {
      const limits = { bytesMax: null, deadlineMs: null };
      endings = [
        mesh.handle({ name: tellProtocol, streamsMax: 2, opensPerTenSeconds: 20, ...limits }, hear),
        mesh.handle(
          {
            name: askProtocol,
            streamsMax: QUESTIONS_AT_ONCE_MAX,
            opensPerTenSeconds: QUESTIONS_PER_TEN_SECONDS,
            // The limit holds for answers as well; a question is read no further than it may be long.
            bytesMax: STREAM_BYTES_MAX,
            deadlineMs: ANSWER_DEADLINE_MS,
          },
          answer,
        ),
        mesh.on('started', begun),
        mesh.on('connected', ({ connection }) => connected(connection)),
        clock.every(SEARCH_MS, () => void search()),
      ];
      begun();
      await Promise.resolve();
    },
    stop: async () => {
      if (life.signal.aborted) return;
      life.abort();
      for (const end of endings.splice(0)) end();
      for (const id of told.keys()) mesh.node?.dht(id)?.withdraw(topic);
      for (const link of links.values()) {
        link.cancelRetry?.();
        link.queue?.end();
      }
      links.clear();
      for (const stream of incoming) stream.reset();
      await Promise.resolve();
    },
    peers,
    send: (peer, message) => {
      links.get(peer as PeerId)?.queue?.push(message);
    },
    request: async (peer, question, options = {}) => {
      const connection = connectionTo(peer as PeerId);
      if (connection === null)
        throw new StreamError({ code: 'CLOSED' }, 'The peer is not connected any more; ask another one.');
      const framed = await request(connection, askProtocol, question, {
        deadlineMs: ANSWER_DEADLINE_MS,
        bytesMax: 1 + (options.bytesMax ?? MESSAGE_BYTES_MAX),
        ...(options.signal !== undefined && { signal: options.signal }),
      });
      if (framed[0] !== SOMETHING)
        throw new StreamError({ code: 'CLOSED' }, 'The peer has no answer to that; ask another one.');
      return framed.subarray(1);
    },
    serve: (next) => {
      handlers = next;
    },
    offend: (peer, what, detail) => mesh.book.offend(peer as PeerId, OFFENCES[what], detail),
  };
};
