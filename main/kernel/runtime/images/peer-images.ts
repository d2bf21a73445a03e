import { isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { request, respond } from '../../../transport/stoq/index.ts';
import type { Link, Links } from '../../leases/index.ts';
import type { ContentExchange, ContentStore } from '../content/index.ts';
import { EXCHANGE_DEADLINE_MS, GIVEN_MAX, GIVEN_MS } from './constants.ts';
import { ImageError, imageMissing } from './errors.ts';
import type { ImageManifest, Images } from './interface.ts';
import { bytesOf, decodeManifest, encodeManifest, partsOf } from './manifest.ts';
import {
  decodeImageAnswer,
  decodeImageQuestion,
  encodeImageMessage,
  IMAGE_MESSAGE_BYTES_MAX,
  IMAGE_PROTOCOL,
  type ImageAnswer,
  type ImageQuestion,
  imageSpec,
} from './messages.ts';
import type { TransferControl } from './transfers.ts';

const scopeOf = (manifest: ImageManifest): string => `image:${manifest.config.sha256}`;
/** An image of which somebody at a link may fetch or send the parts. */
interface Exchange {
  manifest: ImageManifest;
  way: 'give' | 'take';
  sizes: ReadonlyMap<string, number>;
  end: () => void;
}

/** Images between this node and others, layer by layer. */
export interface PeerImages {
  /** @returns what ends it */
  start(): () => void;
  push(reference: string, link: Link, control: TransferControl): Promise<void>;
  fetch(reference: string, link: Link, control: TransferControl): Promise<{ id: string; manifest: ImageManifest }>;
}
export const createPeerImages = (
  components: {
    content: ContentStore;
    exchange: ContentExchange;
    links: Pick<Links, 'handle'>;
    outside: Outside;
    logger: Logger;
    exportImage: Images['export'];
    importImage: Images['import'];
    /** Whether the engine has an image. */
    has(manifest: ImageManifest): Promise<boolean>;
    /** Gives an image that came the names that are free. */
    giveNames(id: string, names: readonly string[]): Promise<void>;
    holdParts(id: string, hashes: readonly string[]): Promise<() => Promise<void>>;
  },
  init: { mayTakeFrom: (link: Link) => boolean; mayGiveTo: (link: Link) => boolean },
): PeerImages => {
  const { content, exchange, links, outside, logger, exportImage, importImage, has, giveNames, holdParts } = components;
  const open = new Map<Link, Map<string, Exchange>>();
  let openCount = 0;

  const find = (link: Link, scope: string, way: Exchange['way']): Exchange | undefined =>
    open.get(link)?.get(`${way} ${scope}`);
  /** Lets the other end fetch or send the parts of an image for an hour. */
  const begin = async (link: Link, manifest: ImageManifest, way: Exchange['way']): Promise<void> => {
    const key = `${way} ${scopeOf(manifest)}`;
    open.get(link)?.get(key)?.end();
    if (openCount >= GIVEN_MAX)
      throw new ImageError(
        { code: 'TOO_MANY_TRANSFERS', limit: GIVEN_MAX },
        'That node sends and takes too many images already; try again later.',
      );
    openCount += 1;
    let release: () => Promise<void>;
    try {
      release = await holdParts(
        manifest.id,
        partsOf(manifest).map(({ sha256 }) => sha256),
      );
    } catch (error) {
      openCount -= 1;
      throw error;
    }
    let ended = false;
    const forget = outside.clock.after(GIVEN_MS, () => entry.end());
    const entry: Exchange = {
      manifest,
      way,
      sizes: new Map(partsOf(manifest).map(({ sha256, bytes }) => [sha256, bytes])),
      end: () => {
        if (ended) return;
        ended = true;
        openCount -= 1;
        forget();
        const mine = open.get(link);
        if (mine?.get(key) === entry) mine.delete(key);
        if (mine?.size === 0) open.delete(link);
        release().catch((error: unknown) => logger.debug('Parts were not released', { problem: messageOf(error) }));
      },
    };
    const mine = open.get(link) ?? new Map<string, Exchange>();
    open.set(link, mine.set(key, entry));
  };

  const answerTo = async (question: ImageQuestion, link: Link): Promise<ImageAnswer> => {
    switch (question.kind) {
      case 'want': {
        // Who may not is told what everybody is told of an image that is not here.
        const missing = imageMissing(
          question.reference,
          'unknown',
          'That node has no such image, or does not give it.',
        );
        if (!init.mayGiveTo(link)) throw missing;
        const manifest = await exportImage(question.reference, {}).catch((error: unknown) => {
          throw isNodeError(error) && error.code === 'IMAGE_MISSING' ? missing : error;
        });
        await begin(link, manifest, 'give');
        return { kind: 'manifest', manifest: encodeManifest(manifest) };
      }
      case 'offer': {
        const manifest = decodeManifest(question.manifest);
        if (!init.mayTakeFrom(link))
          return {
            kind: 'refused',
            code: 'NOT_ALLOWED',
            sentence: 'The owner of that node does not take images from you.',
          };
        if (await has(manifest)) return { kind: 'have' };
        await begin(link, manifest, 'take');
        return { kind: 'take' };
      }
      case 'sent': {
        const taken = find(link, `image:${Buffer.from(question.config).toString('hex')}`, 'take');
        if (taken === undefined) throw imageMissing('', 'unknown', 'No such image was offered before.');
        try {
          const { id } = await importImage(taken.manifest, {});
          await giveNames(id, taken.manifest.references);
        } finally {
          taken.end();
        }
        return { kind: 'have' };
      }
    }
  };
  /** What the other end may be told: codes and sentences of ours, and never why this machine could not. */
  const refusalOf = (error: unknown): ImageAnswer => {
    if (isNodeError(error)) return { kind: 'refused', code: error.code, sentence: error.message };
    return { kind: 'refused', code: 'FAILED', sentence: 'That node could not do it; its owner finds more in its log.' };
  };
  const ask = async (link: Link, question: ImageQuestion, signal: AbortSignal): Promise<ImageAnswer> => {
    const answer = decodeImageAnswer(
      await request(link, IMAGE_PROTOCOL, encodeImageMessage(question), {
        deadlineMs: EXCHANGE_DEADLINE_MS,
        bytesMax: IMAGE_MESSAGE_BYTES_MAX,
        signal,
      }),
    );
    if (answer.kind !== 'refused') return answer;
    if (answer.code === 'IMAGE_MISSING') throw imageMissing('', 'unknown', answer.sentence);
    throw new ImageError(
      { code: 'IMAGE_REFUSED', image: '', reason: answer.code, verdict: 'ignore' },
      `The other node refused: ${answer.sentence}`,
    );
  };
  const unexpected = (): ImageError =>
    new ImageError(
      { code: 'IMAGE_MALFORMED', problem: 'another answer than was asked for', verdict: 'reject' },
      'The other node answered what was not asked; it speaks another version.',
    );

  return {
    start: () => {
      const stops = [
        exchange.addGate({
          mayRead: (link, scope, sha256) => find(link, scope, 'give')?.sizes.has(sha256) ?? false,
          mayWrite: (link, scope, sha256) => find(link, scope, 'take')?.sizes.get(sha256) ?? 0,
        }),
        links.handle(imageSpec, async (stream, link) => {
          let fault: unknown = null;
          await respond(stream, { bytesMax: IMAGE_MESSAGE_BYTES_MAX }, async (encoded) => {
            const question = decodeImageQuestion(encoded);
            try {
              return encodeImageMessage(await answerTo(question, link));
            } catch (error) {
              logger.debug('An image was not given or taken', { problem: messageOf(error) });
              fault = error;
              return encodeImageMessage(refusalOf(error));
            }
          });
          // It has its answer; what was its fault counts against it all the same.
          if (isNodeError(fault) && (fault.data as { verdict?: string }).verdict === 'reject') throw fault;
        }),
      ];
      return () => {
        for (const stop of stops) stop();
        for (const mine of open.values()) for (const entry of mine.values()) entry.end();
      };
    },
    push: async (reference, link, { signal, progress }) => {
      progress({ sentence: `Reading ${reference} from the engine.` });
      const manifest = await exportImage(reference, { signal });
      const release = await holdParts(
        manifest.id,
        partsOf(manifest).map(({ sha256 }) => sha256),
      );
      try {
        const totalBytes = bytesOf(manifest);
        progress({ totalBytes, sentence: 'Asking what is missing there.' });
        const answer = await ask(link, { kind: 'offer', manifest: encodeManifest(manifest) }, signal);
        if (answer.kind === 'have') {
          progress({ doneBytes: totalBytes, savedBytes: totalBytes });
          return;
        }
        if (answer.kind !== 'take') throw unexpected();
        const { savedBytes } = await exchange.send(
          link,
          scopeOf(manifest),
          partsOf(manifest).map(({ sha256 }) => sha256),
          { signal, progress: (doneBytes) => progress({ doneBytes, sentence: 'Sending layers.' }) },
        );
        progress({ doneBytes: totalBytes - savedBytes, savedBytes, sentence: 'The engine there takes it in.' });
        const config = new Uint8Array(Buffer.from(manifest.config.sha256, 'hex'));
        if ((await ask(link, { kind: 'sent', config }, signal)).kind !== 'have') throw unexpected();
      } finally {
        await release();
      }
    },
    fetch: async (reference, link, { signal, progress }) => {
      progress({ sentence: 'Asking for it.' });
      const answer = await ask(link, { kind: 'want', reference }, signal);
      if (answer.kind !== 'manifest') throw unexpected();
      const manifest = decodeManifest(answer.manifest);
      const parts = partsOf(manifest);
      const totalBytes = bytesOf(manifest);
      progress({ totalBytes });
      if (!(await has(manifest))) {
        const release = await holdParts(
          manifest.id,
          parts.map(({ sha256 }) => sha256),
        );
        try {
          const sizes = await Promise.all(parts.map(({ sha256 }) => content.sizeOf(sha256)));
          const savedBytes = sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
          progress({ savedBytes });
          await exchange.bring(link, scopeOf(manifest), parts, {
            signal,
            progress: (doneBytes) => progress({ doneBytes, sentence: 'Fetching layers.' }),
          });
          progress({ sentence: 'Checked, and given to the engine.' });
          return { ...(await importImage(manifest, { signal })), manifest };
        } finally {
          await release();
        }
      }
      progress({ savedBytes: totalBytes });
      return { ...(await importImage(manifest, { signal })), manifest };
    },
  };
};
