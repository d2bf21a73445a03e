import { Readable } from 'node:stream';
import {
  Emitter,
  isNodeError,
  type Logger,
  messageOf,
  type Outside,
  type Settings,
  type Store,
} from '../../../base/index.ts';
import type { ImagePolicy, ImagesState } from '../../../../preload/contract/index.ts';
import type { Link, Links } from '../../leases/index.ts';
import type { ContentExchange, ContentStore } from '../content/index.ts';
import type { Engine } from '../engine/index.ts';
import { buildArchive, splitArchive } from './archive.ts';
import { checkImage } from './check-image.ts';
import { MANIFESTS_KEPT_MAX, REFERENCES_MAX } from './constants.ts';
import { createEngineImages, type FoundImage } from './engine-images.ts';
import { badImage, digestMismatch, ImageError, imageMissing } from './errors.ts';
import type { ImageManifest, Images } from './interface.ts';
import { createKeeper } from './keeper.ts';
import { bytesOf, decodeManifest, encodeManifest, partsOf } from './manifest.ts';
import type { ImageMetrics } from './metrics.ts';
import { createPeerImages } from './peer-images.ts';
import { isAllowed, readPolicy, writePolicy } from './policy.ts';
import { canonicalName, idOf, isReference } from './reference.ts';
import { createSharedWork } from './shared-work.ts';
import { createShelf } from './shelf.ts';
import { createTransfers, type Transfer } from './transfers.ts';

export interface ImagesComponents {
  engine: Engine;
  content: ContentStore;
  exchange: ContentExchange;
  links: Pick<Links, 'handle'>;
  settings: Settings;
  store: Store;
  outside: Outside;
  logger: Logger;
  metrics: ImageMetrics | null;
}
export interface ImagesInit {
  /** Whether whoever is at the other end may put images into this node's engine. */
  mayTakeFrom: (link: Link) => boolean;
  /** Whether it may fetch any image of this node's engine. */
  mayGiveTo: (link: Link) => boolean;
}
/** Name that an image has in the engine until somebody gives it one; tells what it is, and keeps it from being pruned. */
const OWN_REPOSITORY = 'hypermesh-image';
const HOLDER = 'image:';

export const createImages = (components: ImagesComponents, init: ImagesInit): Images => {
  const { engine, content, exchange, links, settings, store, outside, metrics } = components;
  const logger = components.logger.child('images');
  const emitter = new Emitter<{ changed: null }>();
  const changed = (): void => emitter.emit('changed', null);
  const engineImages = createEngineImages({ engine });
  const shelf = createShelf({ store, outside });
  let policy: ImagePolicy = { quotaBytes: 0, allowed: [], others: 'refused' };
  const keeper = createKeeper({ engineImages, shelf, outside, logger, policy: () => policy, changed });
  const transfers = createTransfers({ outside, changed });
  const pulls = new Map<string, { transfer: Transfer<string>; waiting: number; wanted: boolean }>();
  const imports = createSharedWork<{ id: string }>();
  const exports = createSharedWork<ImageManifest>();
  /** Put into the content store lately, newest last. */
  const manifests = new Map<string, ImageManifest>();
  /** Who needs the parts of an image for something that is under way. */
  const holding = new Map<string, number>();
  const stops: (() => void)[] = [];
  let stopped = false;
  /** Clean-ups that nobody waits for. */
  const background = new Set<Promise<void>>();
  const later = (what: string, work: Promise<unknown>): void => {
    const done = work.then(
      () => undefined,
      (error: unknown) => logger.debug(what, { problem: messageOf(error) }),
    );
    background.add(done);
    void done.finally(() => background.delete(done));
  };

  /** Keeps parts of an image in the content store. @returns what lets them go */
  const holdParts = async (id: string, hashes: readonly string[]): Promise<() => Promise<void>> => {
    const holder = `${HOLDER}${id}`;
    holding.set(holder, (holding.get(holder) ?? 0) + 1);
    const release = async (): Promise<void> => {
      const left = (holding.get(holder) ?? 1) - 1;
      if (left > 0) return void holding.set(holder, left);
      holding.delete(holder);
      await content.release(holder);
    };
    try {
      await content.hold(holder, hashes);
    } catch (error) {
      await release();
      throw error;
    }
    return release;
  };
  const nameOf = (reference: string): string => canonicalName(reference)?.name ?? reference;
  const find = (reference: string): Promise<FoundImage | null> => engineImages.find(idOf(reference) ?? reference);

  const pullNow = (
    reference: string,
    limited: boolean,
  ): { transfer: Transfer<string>; waiting: number; wanted: boolean } => {
    const name = nameOf(reference);
    const known = pulls.get(name);
    if (known !== undefined) return known;
    const transfer = transfers.run(
      { what: 'pull', reference: name, with: 'registry', limited, doneSentence: 'It is here.' },
      async ({ signal, progress }) => {
        const before = await find(name);
        const listed = new Set((await engineImages.list()).map(({ id }) => id));
        if (before === null) await keeper.pending(name);
        let found: FoundImage | null = null;
        try {
          progress({ sentence: `Fetching ${name}.` });
          await engineImages.pull(name, signal, ({ doneBytes, totalBytes }) => {
            const percent = totalBytes === null || totalBytes === 0 ? null : Math.floor((doneBytes / totalBytes) * 100);
            progress({
              doneBytes,
              totalBytes,
              sentence: `Fetching ${name}${percent === null ? '' : `, ${percent} %`}.`,
            });
          });
          found = await find(name);
        } finally {
          // The owner's own stays the owner's, also where only a name was missing.
          if (before === null) await keeper.came(name, found !== null && !listed.has(found.id) ? found : null);
        }
        if (found === null)
          throw imageMissing(name, 'failed', `The engine fetched ${name} and does not have it; try again.`);
        metrics?.transfers.inc(1, { what: 'pull' });
        const letGo = keeper.use(found.id);
        try {
          await keeper.makeRoom(0, name);
        } catch (error) {
          letGo();
          await keeper.remove(found.id).catch(() => undefined);
          throw error;
        }
        letGo();
        return found.id;
      },
    );
    const entry = { transfer, waiting: 0, wanted: false };
    pulls.set(name, entry);
    transfer.done.then(
      () => pulls.delete(name),
      () => pulls.delete(name),
    );
    return entry;
  };
  /** Waits for a pull as one of several. */
  const waitForPull = async (
    name: string,
    options: { signal: AbortSignal; progress: (sentence: string) => void },
  ): Promise<void> => {
    const { signal, progress } = options;
    const pull = pullNow(name, false);
    pull.waiting += 1;
    const off = emitter.on('changed', () => {
      if (pull.transfer.view.sentence !== '') progress(pull.transfer.view.sentence);
    });
    const aborted = Promise.withResolvers<never>();
    const stop = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      await Promise.race([pull.transfer.done, aborted.promise]);
    } finally {
      off();
      signal.removeEventListener('abort', stop);
      pull.waiting -= 1;
      if (pull.waiting === 0 && !pull.wanted) pull.transfer.cancel();
    }
  };

  /** Names under which others may know it. */
  const namesOf = ({ references }: FoundImage): string[] =>
    references
      .filter((name) => isReference(name) && canonicalName(name)?.repository !== OWN_REPOSITORY)
      .slice(0, REFERENCES_MAX);
  const exportNow = async (found: FoundImage, signal: AbortSignal): Promise<ImageManifest> => {
    const kept = manifests.get(found.id);
    if (kept !== undefined) {
      const sizes = await Promise.all(
        partsOf(kept).map(async ({ sha256, bytes }) => (await content.sizeOf(sha256)) === bytes),
      );
      if (sizes.every(Boolean)) return { ...kept, references: namesOf(found) };
      manifests.delete(found.id);
    }
    const releases: (() => Promise<void>)[] = [];
    try {
      const parts = await splitArchive(await engineImages.save(found.id, signal), content, {
        image: found.references[0] ?? found.id,
        signal,
        keep: async (sha256) => void releases.push(await holdParts(found.id, [sha256])),
      });
      const manifest: ImageManifest = { ...parts, references: namesOf(found) };
      manifests.delete(found.id);
      manifests.set(found.id, manifest);
      for (const id of manifests.keys()) if (manifests.size > MANIFESTS_KEPT_MAX) manifests.delete(id);
      return manifest;
    } finally {
      for (const release of releases) await release();
    }
  };
  const exportImage: Images['export'] = async (reference, { signal, holder }) => {
    const found = await find(reference);
    if (found === null)
      throw imageMissing(
        reference,
        'unknown',
        `The engine has no image ${reference}; \`hypermesh image pull\` fetches one, \`hypermesh image list\` shows those that are here.`,
      );
    const manifest = await exports(found.id, signal, (shared) => exportNow(found, shared));
    if (holder !== undefined)
      await content.hold(
        holder,
        partsOf(manifest).map(({ sha256 }) => sha256),
      );
    return manifest;
  };

  const ownNameOf = ({ config }: ImageManifest): string => `${OWN_REPOSITORY}:${config.sha256}`;
  const findImported = async (manifest: ImageManifest): Promise<FoundImage | null> => {
    const layers = manifest.layers.map(({ sha256 }) => sha256).join();
    const found = await find(manifest.id);
    // Who knows no more than the id of an image of the owner's does not have it.
    if (found?.id === manifest.id && found.layers.join() === layers) return found;
    // Engines on containerd name images by another hash; what is in them is told by their layers.
    const named = await find(ownNameOf(manifest));
    return named?.layers.join() === layers ? named : null;
  };
  const importNow = async (given: ImageManifest, signal: AbortSignal): Promise<{ id: string }> => {
    if (given.id !== `sha256:${given.config.sha256}`) throw digestMismatch('configuration');
    // What comes from another room came from a peer: its bounds are those of the format.
    const manifest = decodeManifest(encodeManifest(given));
    const image = manifest.references[0] ?? manifest.id.slice(0, 19);
    const own = ownNameOf(manifest);
    const here = await findImported(manifest);
    if (here !== null) return { id: here.id };
    const release = await holdParts(
      manifest.id,
      partsOf(manifest).map(({ sha256 }) => sha256),
    );
    try {
      const config = await checkImage(manifest, content, { image, signal });
      const architecture = await engineImages.architecture();
      if (config.architecture !== architecture)
        throw badImage(image, `it is made for ${config.architecture}, and this machine is ${architecture}`, 'ignore');
      const bytes = bytesOf(manifest);
      await keeper.makeRoom(bytes, image);
      await keeper.pending(own);
      let found: FoundImage | null = null;
      try {
        const archive = Readable.from(buildArchive(manifest, content, [own]), { objectMode: false });
        await engineImages.load(archive, signal).finally(() => archive.destroy());
        found = await findImported(manifest);
        if (found === null) {
          await engineImages.remove(own);
          throw new ImageError(
            { code: 'DIGEST_MISMATCH', part: 'the whole image', verdict: 'ignore' },
            'The engine made another image of it than it should be; it was removed. Look for a newer version of the engine.',
          );
        }
      } catch (error) {
        if (isNodeError(error) || signal.aborted) throw error;
        throw badImage(image, `the engine did not take it (${messageOf(error)})`, 'ignore');
      } finally {
        await keeper.came(own, found);
      }
      metrics?.transfers.inc(1, { what: 'import' });
      return { id: found.id };
    } finally {
      await release();
      changed();
    }
  };
  const notAllowed = (image: string): ImageError =>
    new ImageError(
      { code: 'IMAGE_REFUSED', image, reason: 'policy', verdict: 'ignore' },
      `The owner of this node does not allow the image ${image}; take one of the list, or ask the owner to add it (\`hypermesh image policy\`).`,
    );
  const importImage: Images['import'] = async (manifest, { signal, brought = false }) => {
    if (brought && policy.others === 'refused') {
      // Before anything of it is looked at. Its own names are only what its sender says.
      const here = await findImported(manifest);
      if (!isAllowed(policy, [manifest.id, ...(here?.references ?? [])])) throw notAllowed(manifest.id);
    }
    return await imports(manifest.id, signal, (shared) => importNow(manifest, shared));
  };
  /** Gives an image names, those that nothing has yet: a peer's image never takes the place of the owner's. */
  const giveNames = async (id: string, names: readonly string[]): Promise<void> => {
    for (const name of names.map(nameOf)) {
      if (idOf(name) !== null || (await find(name)) !== null) continue;
      await engineImages.tag(id, name);
      const row = shelf.get(id);
      if (row !== undefined) await shelf.put({ ...row, names: [...new Set([...row.names, name])] });
    }
  };

  const peers = createPeerImages(
    {
      content,
      exchange,
      links,
      outside,
      logger,
      exportImage,
      importImage,
      has: async (manifest) => (await findImported(manifest)) !== null,
      giveNames,
      holdParts,
    },
    init,
  );

  return {
    on: (name, listener) => emitter.on(name, listener),
    start: async () => {
      const read = await readPolicy(settings);
      policy = read.policy;
      if (read.damaged)
        logger.warn('What the owner allows of images cannot be read; nothing is allowed until it is set again');
      await shelf.load();
      // Of transfers that the last run did not end.
      for (const holder of content.holders()) if (holder.startsWith(HOLDER)) await content.release(holder);
      stops.push(
        peers.start(),
        engine.on('changed', ({ ok }) => {
          changed();
          if (ok) later('Images could not be looked through', keeper.tidy());
        }),
      );
      if (engine.state().ok) later('Images could not be looked through', keeper.tidy());
    },
    stop: async () => {
      if (stopped) return;
      stopped = true;
      for (const stop of stops.splice(0)) stop();
      await transfers.stop();
      await Promise.all([imports.settle(), exports.settle()]);
      await Promise.all(background);
    },
    state: async (): Promise<ImagesState> => {
      const rest = { policy, transfers: transfers.list() };
      try {
        return { ...(await keeper.list()), ...rest, problem: '' };
      } catch (error) {
        return { images: [], usedBytes: 0, ...rest, problem: messageOf(error) };
      }
    },
    async setPolicy(change) {
      const next = { ...policy, ...change };
      await writePolicy(settings, next);
      policy = next;
      if (engine.state().ok) await keeper.tidy();
      changed();
      return await this.state();
    },
    ensure: async (reference, { brought, signal, progress }) => {
      let found = await find(reference);
      // By its id where it is here; a name that a borrower gives means what the owner's engine has under it.
      const names = found === null ? [reference] : [reference, found.id, ...found.references];
      if (!isAllowed(policy, names) && !(brought && policy.others !== 'refused')) throw notAllowed(reference);
      if (found === null) {
        if (idOf(reference) !== null)
          throw imageMissing(
            reference,
            'unknown',
            `The engine has no image ${reference.slice(0, 19)}; an id cannot be fetched from a registry, a name can.`,
          );
        await waitForPull(reference, { signal, progress });
        found = await find(reference);
        if (found === null)
          throw imageMissing(reference, 'failed', `The image ${reference} went while it was fetched; try again.`);
      }
      const architecture = await engineImages.architecture();
      if (found.os !== 'linux' || found.architecture !== architecture)
        throw badImage(
          reference,
          `it is made for ${found.os} on ${found.architecture}, and the engine runs linux on ${architecture}`,
          'ignore',
        );
      later('The use of an image could not be noted', shelf.used(found.id, found.bytes));
      const { id, bytes, entrypoint, command } = found;
      return { id, bytes, entrypoint, command };
    },
    use: (id) => {
      const done = keeper.use(id);
      return () => {
        done();
        const row = shelf.get(id);
        if (row !== undefined && !stopped) later('The use of an image could not be noted', shelf.used(id, row.bytes));
      };
    },
    pull: (reference) => {
      const name = nameOf(reference);
      if (canonicalName(reference) === null || idOf(reference) !== null)
        return Promise.reject(
          imageMissing(
            name,
            'unknown',
            `${reference} is no name of an image; write name:tag, such as python:3.13-slim.`,
          ),
        );
      return engine.client().then(() => {
        const entry = pullNow(reference, true);
        entry.wanted = true;
        return { ...entry.transfer.view };
      });
    },
    fetch: async (reference, link, peerName) => {
      await engine.client();
      const { view, done } = transfers.run(
        { what: 'fetch', reference, with: peerName, limited: true, doneSentence: 'It is here.' },
        async (control) => {
          const { id, manifest } = await peers.fetch(reference, link, control);
          await giveNames(id, [reference]);
          metrics?.transfers.inc(1, { what: 'fetch' });
          return manifest;
        },
      );
      done.catch(() => undefined);
      return { ...view };
    },
    push: async (reference, link, peerName) => {
      const found = await find(reference);
      if (found === null)
        throw imageMissing(
          reference,
          'unknown',
          `The engine has no image ${reference}; \`hypermesh image list\` shows those that are here.`,
        );
      const { view, done } = transfers.run(
        { what: 'push', reference, with: peerName, limited: true, doneSentence: 'It was sent.' },
        async (control) => {
          await peers.push(reference, link, control);
          metrics?.transfers.inc(1, { what: 'push' });
        },
      );
      done.catch(() => undefined);
      return { ...view };
    },
    cancel: (id) => transfers.cancel(id),
    remove: async (reference) => {
      const found = await find(reference);
      if (found === null) throw imageMissing(reference, 'unknown', `The engine has no image ${reference}.`);
      await keeper.remove(found.id);
      changed();
    },
    export: exportImage,
    import: importImage,
  };
};
