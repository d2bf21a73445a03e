import { encodeCbor, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import { parsePeerId } from '../address.ts';
import type { Connection, Endpoint, PeerId, PeerVerifier, Stream } from '../interface.ts';
import { EXTENSIONS_VERSION, HOP_BYTES_MAX, HOPS_MAX, TRACE_BYTES_MAX, TRACE_MS, TRACE_PROTOCOL } from './constants.ts';
import { TraceError } from './errors.ts';
import { readFields } from './fields.ts';
import { createPieceReader, frameOf } from './frames.ts';
import { addHop, type Hop, printHops, verifyHops } from './hops.ts';

/** The way to a peer, every node on it having signed. */
export interface TraceResult {
  /** Nearest first. `rttMs` is the time to its answer and back; of a hop that this node cannot ask by itself, that of the whole. */
  hops: readonly (Hop & { rttMs: number })[];
  /** From the question to the answer, ms. */
  rttMs: number;
  /** In one line for people. */
  text: string;
}
export interface Trace {
  /**
   * Asks along the chosen path.
   *
   * @throws {TraceError} | {HopError} the answer does not hold | {PeerError} there is no connection | {StreamError}
   */
  trace(peer: PeerId, options?: { signal?: AbortSignal }): Promise<TraceResult>;
  stop(): void;
}
export interface TraceComponents {
  outside: Outside;
  logger: Logger;
  endpoint: Endpoint;
  verifier: PeerVerifier;
}
export interface TraceInit {
  /**
   * Whether this node passes a question on: it relays for the two. Otherwise anybody could ask whom it is connected to.
   *
   * @default never
   */
  mayForward?: (from: PeerId, target: PeerId) => boolean;
}

const NONCE_BYTES = 32;
const REFUSALS = ['notConnected', 'notAllowed', 'tooFar', 'loop', 'failed'] as const;
type Refusal = (typeof REFUSALS)[number];

interface Question {
  nonce: Uint8Array;
  target: PeerId;
  /** Hops that may still be added. */
  left: number;
  hops: readonly Uint8Array[];
}
type Answer = { hops: readonly Uint8Array[] } | { refusal: Refusal; by: PeerId };

const malformed = (problem: string): TraceError =>
  new TraceError(
    { code: 'TRACE_MALFORMED', problem, verdict: 'reject' },
    `The peer’s part of a trace is not in its one form (${problem}); it may run another version.`,
  );
const hopList = (list: readonly unknown[]): readonly Uint8Array[] =>
  list.map((item) => {
    if (!(item instanceof Uint8Array) || item.length > HOP_BYTES_MAX) throw malformed('a hop is not bytes');
    return item;
  });

export const encodeQuestion = (question: Question): Uint8Array => encodeCbor({ v: EXTENSIONS_VERSION, ...question });
/** @throws {TraceError} `TRACE_MALFORMED` */
export const readQuestion = (data: Uint8Array): Question => {
  const names = ['v', 'hops', 'left', 'nonce', 'target'];
  const fields = readFields(data, { names, version: EXTENSIONS_VERSION, itemsMax: 16 + HOPS_MAX }, malformed);
  return {
    nonce: fields.bytes('nonce', NONCE_BYTES),
    target: fields.peer('target'),
    left: fields.integer('left', 1, HOPS_MAX),
    hops: hopList(fields.list('hops', HOPS_MAX)),
  };
};
export const encodeAnswer = (answer: Answer): Uint8Array =>
  encodeCbor({
    v: EXTENSIONS_VERSION,
    hops: 'hops' in answer ? answer.hops : [],
    refusal: 'hops' in answer ? '' : answer.refusal,
    by: 'hops' in answer ? '' : answer.by,
  });
/** @throws {TraceError} `TRACE_MALFORMED` */
export const readAnswer = (data: Uint8Array): Answer => {
  const names = ['v', 'by', 'hops', 'refusal'];
  const fields = readFields(data, { names, version: EXTENSIONS_VERSION, itemsMax: 16 + HOPS_MAX }, malformed);
  const hops = hopList(fields.list('hops', HOPS_MAX));
  const refusal = fields.text('refusal', 16);
  const by = fields.text('by', 64);
  if (refusal === '') {
    if (by !== '' || hops.length === 0) throw malformed('an answer has hops, and nobody who refuses');
    return { hops };
  }
  const known = REFUSALS.find((name) => name === refusal);
  const peer = parsePeerId(by);
  if (known === undefined || peer === null || hops.length > 0) throw malformed('its refusal is none');
  return { refusal: known, by: peer };
};

/** Offers the trace protocol and asks with it. Needs a running endpoint; `stop` withdraws it. */
export const createTrace = (components: TraceComponents, init: TraceInit = {}): Trace => {
  const { outside, logger, endpoint, verifier } = components;
  const { mayForward = () => false } = init;
  const { local } = endpoint;
  const log = logger.child('stoq-trace');

  /** Where a question for a peer goes next: to the peer itself, or to the relay in between. */
  const nextOf = (connection: Connection): PeerId => connection.path?.via ?? connection.peer.peerId;
  const ask = async (connection: Connection, question: Question, deadlineMs: number, signal?: AbortSignal) => {
    const stream = await connection.openStream(TRACE_PROTOCOL, {
      deadlineMs,
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      await stream.write(frameOf(encodeQuestion(question)));
      await stream.finish();
      const frame = await createPieceReader(stream, malformed).frame(TRACE_BYTES_MAX);
      if (frame === null) throw malformed('there is no answer');
      return readAnswer(frame);
    } finally {
      stream.reset();
    }
  };

  const answerTo = async (question: Question, connection: Connection): Promise<Answer> => {
    const refuse = (refusal: Refusal): Answer => ({ refusal, by: local.peerId });
    const from = connection.peer.peerId;
    const tier = connection.path?.tier ?? 'quic';
    const forMe = question.target === local.peerId;
    if (!forMe && !mayForward(from, question.target)) return refuse('notAllowed');
    if (!forMe && question.left <= 1) return refuse('tooFar');
    const hops = await addHop({ clock: outside.clock, local }, question.nonce, question.hops, { from, tier });
    if (forMe) return { hops };
    // Only over connections that are there: nobody makes this node dial.
    const onward = endpoint.connection(question.target);
    if (onward === null) return refuse('notConnected');
    const next = endpoint.connection(nextOf(onward));
    if (next === null) return refuse('notConnected');
    if (next.peer.peerId === from) return refuse('loop');
    const left = question.left - 1;
    return ask(next, { ...question, left, hops }, Math.max(1000, TRACE_MS - 1000 * hops.length));
  };
  const handle = async (stream: Stream, connection: Connection): Promise<void> => {
    const frame = await createPieceReader(stream, malformed).frame(TRACE_BYTES_MAX);
    if (frame === null) throw malformed('there is no question');
    const question = readQuestion(frame);
    let answer: Answer;
    try {
      answer = await answerTo(question, connection);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      log.debug('A trace could not be passed on', { code: error.code });
      answer = { refusal: 'failed', by: local.peerId };
    }
    await stream.write(frameOf(encodeAnswer(answer)));
    await stream.finish();
  };
  const withdraw = endpoint.handle(
    {
      name: TRACE_PROTOCOL,
      streamsMax: 2,
      // A person asks now and then; each question costs a signature of some 15 ms.
      opensPerTenSeconds: 10,
      bytesMax: TRACE_BYTES_MAX + 4,
      deadlineMs: TRACE_MS,
    },
    handle,
  );

  const probe = async (
    next: Connection,
    target: PeerId,
    signal: AbortSignal | undefined,
  ): Promise<{ hops: readonly Hop[]; rttMs: number }> => {
    const startMs = outside.clock.monotonicMs();
    const nonce = outside.random.bytes(NONCE_BYTES);
    const answer = await ask(next, { nonce, target, left: HOPS_MAX, hops: [] }, TRACE_MS, signal);
    const rttMs = outside.clock.monotonicMs() - startMs;
    if ('refusal' in answer)
      throw new TraceError(
        { code: 'TRACE_REFUSED', by: answer.by, reason: answer.refusal },
        `The way to the peer cannot be traced: ${answer.by} refused (${answer.refusal}).`,
      );
    const hops = await verifyHops(verifier, nonce, answer.hops, local.peerId);
    if (hops[0]?.peer !== next.peer.peerId) throw malformed('it begins at another peer');
    if (hops.at(-1)?.peer !== target) throw malformed('it ends at another peer');
    return { hops, rttMs };
  };

  return {
    trace: async (target, options = {}) => {
      const { signal } = options;
      const connection = endpoint.connection(target) ?? (await endpoint.connect(target, options));
      const next = endpoint.connection(nextOf(connection)) ?? connection;
      const whole = await probe(next, target, signal);
      // The relay itself can be asked too; what is behind it answers only through it.
      const first = whole.hops.length > 1 ? await probe(next, next.peer.peerId, signal) : whole;
      return {
        hops: whole.hops.map((hop, index) => ({ ...hop, rttMs: index === 0 ? first.rttMs : whole.rttMs })),
        rttMs: whole.rttMs,
        text: printHops(local.peerId, whole.hops),
      };
    },
    stop: withdraw,
  };
};
