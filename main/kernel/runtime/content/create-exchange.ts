import { createHash } from 'node:crypto';
import { countBuffer, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import { readMessage, type Stream, StreamError, writeMessage } from '../../../transport/stoq/index.ts';
import type { Link, Links } from '../../leases/index.ts';
import { ContentError, contentMismatch, contentMissing, contentTooLarge } from './errors.ts';
import type { ContentExchange, ContentGate, ContentIntake, ContentStore } from './interface.ts';
import {
  ASKED_MAX,
  CONTENT_MESSAGE_BYTES_MAX,
  CONTENT_PROTOCOL,
  type ContentAnswer,
  type ContentQuestion,
  contentSpec,
  decodeContentAnswer,
  decodeContentQuestion,
  encodeContentMessage,
  malformedContent,
} from './messages.ts';
import type { ContentMetrics } from './metrics.ts';
import { createStallWatch, type StallWatch } from './stall-watch.ts';

/** Files of one transfer under way at once: small ones do not wait for each other's answers. */
const PARALLEL = 4;
/** Files that come in at once from all peers together. */
const INCOMING_MAX = 64;
/** A file that broke off is kept so long, so that it goes on where it was; and so many of them. */
const PARKED_MS = 120_000;
const PARKED_MAX = 8;
/** Below so many bytes it is not worth it. */
const PARKED_BYTES_MIN = 1024 * 1024;
const READ_BYTES = 64 * 1024;
/** The same file from the same peer waits so long for the end of the one before. */
const SAME_AGAIN_MS = 5_000;

export interface ContentExchangeComponents {
  links: Pick<Links, 'handle'>;
  content: ContentStore;
  outside: Outside;
  logger: Logger;
  metrics: ContentMetrics | null;
}

/** Whether it was the line and nothing that somebody said or sent. */
const isBroken = (error: unknown): boolean => isNodeError(error) && !(error instanceof ContentError);

/** Content over links. Handles the protocol from the moment that it is made. */
export const createContentExchange = (
  components: ContentExchangeComponents,
): ContentExchange & { stop(): Promise<void> } => {
  const { links, content, outside, metrics } = components;
  const logger = components.logger.child('content');
  const gates = new Set<ContentGate>();
  const parked = new Map<string, { intake: ContentIntake; forget: () => void }>();
  let incoming = 0;

  /** Ends of those that come in now. */
  const receiving = new Map<string, Promise<void>>();
  /**
   * A file that comes in, from where it broke off if it did: kept for another try when the line breaks, thrown away for any other
   * reason. Resolves with all of it, not sealed yet.
   */
  const comeIn = async (
    key: string,
    file: { sha256: string; bytes: number },
    work: (intake: ContentIntake) => Promise<void>,
  ): Promise<ContentIntake> => {
    // Whoever lost a line opens another one before the end of the first is noticed here; a disk may be slow, too.
    const before = receiving.get(key);
    if (before !== undefined) {
      const waiting = new AbortController();
      await Promise.race([before, outside.clock.sleep(SAME_AGAIN_MS, waiting.signal).catch(() => undefined)]);
      waiting.abort();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    receiving.set(key, promise);
    try {
      const intake = await takeUp(key, file.sha256, file.bytes);
      try {
        await work(intake);
      } catch (error) {
        if (isBroken(error)) await park(key, intake);
        else await intake.drop();
        throw error;
      }
      return intake;
    } finally {
      if (receiving.get(key) === promise) receiving.delete(key);
      resolve();
    }
  };
  const takeUp = async (key: string, sha256: string, bytes: number): Promise<ContentIntake> => {
    const waiting = parked.get(key);
    if (waiting === undefined) return await content.begin(sha256, bytes);
    parked.delete(key);
    waiting.forget();
    return waiting.intake;
  };
  const park = async (key: string, intake: ContentIntake): Promise<void> => {
    if (intake.bytes < PARKED_BYTES_MIN || parked.has(key)) return intake.drop();
    const [oldest] = parked;
    if (parked.size >= PARKED_MAX && oldest !== undefined) await unpark(oldest[0]);
    parked.set(key, { intake, forget: outside.clock.after(PARKED_MS, () => void unpark(key)) });
  };
  const unpark = async (key: string): Promise<void> => {
    const waiting = parked.get(key);
    parked.delete(key);
    waiting?.forget();
    await waiting?.intake.drop();
  };
  /** Whose broken files these are: somebody else's do not count as one's own. */
  const keyOf = (link: Link, scope: string, sha256: string, bytes: number): string =>
    [link.party.kind === 'peer' ? link.party.peerId : '', scope, sha256, bytes].join(' ');

  const ask = async (stream: Stream, question: ContentQuestion): Promise<ContentAnswer> => {
    await writeMessage(stream, encodeContentMessage(question));
    return await answerFrom(stream);
  };
  const answerFrom = async (stream: Stream): Promise<ContentAnswer> => {
    const encoded = await readMessage(stream, { bytesMax: CONTENT_MESSAGE_BYTES_MAX });
    if (encoded === null) throw new StreamError({ code: 'CLOSED' }, 'The other end ended before it answered.');
    return decodeContentAnswer(encoded);
  };
  const tell = (stream: Stream, answer: ContentAnswer): Promise<void> =>
    writeMessage(stream, encodeContentMessage(answer));
  const unexpected = (): ContentError => malformedContent('another answer than was asked for');

  /** Exactly so many bytes from a stream into a file. */
  const receive = async (
    stream: Stream,
    intake: ContentIntake,
    bytes: number,
    watch: StallWatch,
    progress: (bytes: number) => void,
  ): Promise<void> => {
    while (intake.bytes < bytes) {
      const piece = await stream.read(Math.min(READ_BYTES, bytes - intake.bytes));
      if (piece === null) throw malformedContent('a file is shorter than was said');
      watch.moved(piece.length);
      await intake.write(piece);
      metrics?.transferredBytes.inc(piece.length, { way: 'in' });
      progress(piece.length);
    }
  };
  /** A file from an offset on; its last piece only when it is what its name says, so that a damaged disk makes nobody a liar. */
  const transmit = async (
    stream: Stream,
    sha256: string,
    offset: number,
    watch: StallWatch,
    progress: (bytes: number) => void,
  ): Promise<void> => {
    const hash = offset === 0 ? createHash('sha256') : null;
    let held: Uint8Array | null = null;
    const write = async (piece: Uint8Array): Promise<void> => {
      await stream.write(piece);
      watch.moved(piece.length);
      metrics?.transferredBytes.inc(piece.length, { way: 'out' });
      progress(piece.length);
    };
    for await (const piece of await content.open(sha256, offset)) {
      countBuffer((piece as Uint8Array).length);
      hash?.update(piece as Uint8Array);
      if (held !== null) await write(held);
      held = piece as Uint8Array;
    }
    if (hash !== null && hash.digest('hex') !== sha256) {
      await content.remove(sha256);
      throw contentMissing(sha256);
    }
    if (held !== null) await write(held);
  };

  const mayRead = (link: Link, scope: string, sha256: string): boolean =>
    [...gates].some((gate) => gate.mayRead(link, scope, sha256));
  const mayWrite = (link: Link, scope: string, sha256: string): number =>
    Math.max(0, ...[...gates].map((gate) => gate.mayWrite(link, scope, sha256)));

  const answerLacks = async (
    stream: Stream,
    link: Link,
    { scope, sha256 }: Extract<ContentQuestion, { kind: 'lacks' }>,
  ): Promise<void> => {
    const places: number[] = [];
    // Of what it may not write here, nobody learns whether it is here.
    for (const [place, name] of sha256.entries())
      if (mayWrite(link, scope, name) <= 0 || (await content.sizeOf(name)) === null) places.push(place);
    await tell(stream, { kind: 'missing', places });
  };
  const answerGet = async (
    stream: Stream,
    link: Link,
    { scope, sha256, offset }: Extract<ContentQuestion, { kind: 'get' }>,
    watch: StallWatch,
  ): Promise<void> => {
    const bytes = mayRead(link, scope, sha256) ? await content.sizeOf(sha256) : null;
    if (bytes === null) return tell(stream, { kind: 'refused', code: 'missing' });
    if (offset > bytes) throw malformedContent('its offset is behind the end');
    await tell(stream, { kind: 'file', bytes });
    await transmit(stream, sha256, offset, watch, () => undefined);
    metrics?.transfers.inc(1, { way: 'out', outcome: 'done' });
  };
  const answerGive = async (
    stream: Stream,
    link: Link,
    { scope, sha256, bytes }: Extract<ContentQuestion, { kind: 'give' }>,
    watch: StallWatch,
  ): Promise<void> => {
    if (mayWrite(link, scope, sha256) < bytes) return tell(stream, { kind: 'refused', code: 'missing' });
    if ((await content.sizeOf(sha256)) !== null) return tell(stream, { kind: 'have' });
    if (incoming >= INCOMING_MAX) return tell(stream, { kind: 'refused', code: 'busy' });
    incoming += 1;
    const key = keyOf(link, scope, sha256, bytes);
    try {
      const intake = await comeIn(key, { sha256, bytes }, async (into) => {
        await tell(stream, { kind: 'take', offset: into.bytes });
        await receive(stream, into, bytes, watch, () => undefined);
        if ((await stream.read(1)) !== null) throw malformedContent('a file is longer than was said');
      });
      // Writing out what is in memory may take the disk a while.
      watch.stop();
      await intake.done();
    } catch (error) {
      metrics?.transfers.inc(1, { way: 'in', outcome: 'failed' });
      if (!(error instanceof ContentError)) throw error;
      if (error.code === 'CONTENT_FULL') return tell(stream, { kind: 'refused', code: 'full' });
      if (error.code !== 'CONTENT_MISMATCH') throw error;
      await tell(stream, { kind: 'refused', code: 'mismatch' });
      await stream.finish();
      throw contentMismatch(sha256, 'reject');
    } finally {
      incoming -= 1;
    }
    metrics?.transfers.inc(1, { way: 'in', outcome: 'done' });
    await tell(stream, { kind: 'have' });
  };
  const withdraw = links.handle(contentSpec, async (stream, link) => {
    const watch = createStallWatch(outside.clock, stream);
    try {
      const encoded = await readMessage(stream, { bytesMax: CONTENT_MESSAGE_BYTES_MAX });
      if (encoded === null) return stream.reset();
      const question = decodeContentQuestion(encoded);
      if (question.kind === 'lacks') await answerLacks(stream, link, question);
      else if (question.kind === 'get') await answerGet(stream, link, question, watch);
      else await answerGive(stream, link, question, watch);
      await stream.finish();
      await stream.acknowledged();
    } catch (error) {
      // A file of ours that went or was damaged is no fault of whoever asked.
      if (!(error instanceof ContentError) || error.code !== 'CONTENT_MISSING') throw error;
      stream.reset();
    } finally {
      watch.stop();
    }
  });

  /** One question over a stream of its own. */
  const over = async <T>(
    link: Link,
    signal: AbortSignal | undefined,
    work: (stream: Stream, watch: StallWatch) => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    const stream = await link.openStream(CONTENT_PROTOCOL, signal === undefined ? {} : { signal });
    const watch = createStallWatch(outside.clock, stream);
    const stop = (): void => stream.reset();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await work(stream, watch);
    } catch (error) {
      stream.reset();
      signal?.throwIfAborted();
      throw error;
    } finally {
      watch.stop();
      signal?.removeEventListener('abort', stop);
    }
  };
  const refusal = (code: string, scope: string, sha256: string): ContentError => {
    if (code === 'full')
      return new ContentError(
        { code: 'CONTENT_FULL', bytesMax: 0 },
        'The other node has no room for these files now; try another one, or again later.',
      );
    if (code === 'mismatch') return contentMismatch(sha256);
    if (code === 'busy')
      return new ContentError(
        { code: 'CONTENT_FULL', bytesMax: 0 },
        'The other node takes too many files at once; try again in a moment.',
      );
    return new ContentError(
      { code: 'NOT_ALLOWED', scope },
      'The other node does not take this file from us; what it is for may be over.',
    );
  };
  /** Several at once, the first failure ends all. */
  const each = async <T>(
    all: readonly T[],
    signal: AbortSignal | undefined,
    work: (one: T, signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const abort = new AbortController();
    const both = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
    const left = [...all];
    const results = await Promise.allSettled(
      Array.from({ length: Math.min(PARALLEL, all.length) }, async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          try {
            await work(next, both);
          } catch (error) {
            abort.abort(error);
            throw error;
          }
        }
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    signal?.throwIfAborted();
    if (failed !== undefined) throw abort.signal.reason;
  };

  return {
    addGate: (gate) => {
      gates.add(gate);
      return () => gates.delete(gate);
    },
    bring: async (link, scope, files, { signal, progress }) => {
      let doneBytes = 0;
      await each(files, signal, async ({ sha256, bytes }, both) => {
        if ((await content.sizeOf(sha256)) !== null) return;
        await over(link, both, async (stream, watch) => {
          const key = keyOf(link, scope, sha256, bytes);
          const intake = await comeIn(key, { sha256, bytes }, async (into) => {
            const answer = await ask(stream, { kind: 'get', scope, sha256, offset: into.bytes });
            if (answer.kind === 'refused') throw contentMissing(sha256);
            if (answer.kind !== 'file') throw unexpected();
            if (answer.bytes > bytes) throw contentTooLarge(bytes, 'reject');
            if (answer.bytes !== bytes) throw contentMismatch(sha256, 'reject');
            await receive(stream, into, bytes, watch, (more) => progress?.((doneBytes += more)));
            if ((await stream.read(1)) !== null) throw malformedContent('a file is longer than was said');
            await stream.finish();
          }).catch((error: unknown) => {
            metrics?.transfers.inc(1, { way: 'in', outcome: 'failed' });
            throw error;
          });
          watch.stop();
          await intake.done();
          metrics?.transfers.inc(1, { way: 'in', outcome: 'done' });
        });
      });
    },
    send: async (link, scope, hashes, { signal, progress }) => {
      const names = [...new Set(hashes)];
      const missing: string[] = [];
      for (let at = 0; at < names.length; at += ASKED_MAX) {
        const asked = names.slice(at, at + ASKED_MAX);
        const answer = await over(link, signal, async (stream) => {
          const found = await ask(stream, { kind: 'lacks', scope, sha256: asked });
          await stream.finish();
          return found;
        });
        if (answer.kind !== 'missing') throw unexpected();
        for (const place of answer.places) {
          const name = asked[place];
          if (name === undefined) throw malformedContent('a place is behind the end of the list');
          missing.push(name);
        }
      }
      const lacked = new Set(missing);
      let savedBytes = 0;
      for (const name of names) if (!lacked.has(name)) savedBytes += (await content.sizeOf(name)) ?? 0;
      let doneBytes = 0;
      await each(missing, signal, async (sha256, both) => {
        const bytes = await content.sizeOf(sha256);
        if (bytes === null) throw contentMissing(sha256);
        await over(link, both, async (stream, watch) => {
          const answer = await ask(stream, { kind: 'give', scope, sha256, bytes });
          if (answer.kind === 'refused') throw refusal(answer.code, scope, sha256);
          if (answer.kind === 'have') {
            savedBytes += bytes;
            return stream.finish();
          }
          if (answer.kind !== 'take' || answer.offset > bytes) throw unexpected();
          doneBytes += answer.offset;
          try {
            await transmit(stream, sha256, answer.offset, watch, (more) => progress?.((doneBytes += more)));
            await stream.finish();
          } catch (error) {
            // It may have said why it stopped reading.
            metrics?.transfers.inc(1, { way: 'out', outcome: 'failed' });
            throw error;
          }
          watch.waits();
          const last = await answerFrom(stream);
          if (last.kind === 'refused') throw refusal(last.code, scope, sha256);
          if (last.kind !== 'have') throw unexpected();
          metrics?.transfers.inc(1, { way: 'out', outcome: 'done' });
        });
      });
      return { savedBytes };
    },
    stop: async () => {
      withdraw();
      for (const key of parked.keys()) await unpark(key);
      logger.debug('Exchange of content ended');
    },
  };
};
