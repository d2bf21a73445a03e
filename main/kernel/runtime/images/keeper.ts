import { type Logger, messageOf } from '../../../base/index.ts';
import type { ImagePolicy, ImageView } from '../../../../preload/contract/index.ts';
import { IMAGES_LISTED_MAX, SIZES_AGE_MS } from './constants.ts';
import type { EngineImages, ListedImage } from './engine-images.ts';
import { badImage, ImageError } from './errors.ts';
import type { Outside } from '../../../base/index.ts';
import type { Shelf, ShelfRow } from './shelf.ts';
import { chainOf, takenBytes } from './taken-bytes.ts';

/** How long the engine may think about sizes. */
const SIZES_MS_MAX = 10_000;
/** Rows of the owner's own images that are kept for when they were used last. */
const SEEN_ROWS_MAX = 1024;
const PENDING = 'pending:';

/** Keeps what this node brought within its quota, and never touches what is the owner's. */
export interface ImageKeeper {
  /** Reads what is there, takes up what was under way when the node went down, and makes room. */
  tidy(): Promise<void>;
  list(): Promise<{ images: ImageView[]; usedBytes: number }>;
  /** @throws {ImageError} `IMAGE_REFUSED` where it is larger than all that may be kept */
  makeRoom(bytes: number, image: string): Promise<void>;
  /** Notes that a name is about to be pulled, so that it is ours even if the node goes down in the middle. */
  pending(name: string): Promise<void>;
  /** The end of that. @param id - null: it did not come */
  came(name: string, found: { id: string; bytes: number } | null): Promise<void>;
  use(id: string): () => void;
  usesOf(id: string): number;
  /** @throws {ImageError} `IMAGE_IN_USE` | `IMAGE_NOT_OURS` */
  remove(id: string): Promise<void>;
}

export const createKeeper = (components: {
  engineImages: EngineImages;
  shelf: Shelf;
  outside: Outside;
  logger: Logger;
  policy: () => ImagePolicy;
  changed: () => void;
}): ImageKeeper => {
  const { engineImages, shelf, outside, logger, policy, changed } = components;
  const uses = new Map<string, number>();
  let shared: { atMs: number; bytes: Map<string, number> } | null = null;
  /** Clean-ups one after another. */
  let last: Promise<unknown> = Promise.resolve();
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const sharedNow = async (): Promise<Map<string, number>> => {
    const now = outside.clock.monotonicMs();
    if (shared !== null && now - shared.atMs < SIZES_AGE_MS) return shared.bytes;
    const abort = new AbortController();
    const stop = outside.clock.after(SIZES_MS_MAX, () => abort.abort(new Error('it takes too long')));
    try {
      shared = { atMs: now, bytes: await engineImages.sharedBytes(abort.signal) };
    } catch (error) {
      // Told as if nothing were shared: more than it is, and never less.
      logger.debug('The engine does not tell what images share', { problem: messageOf(error) });
      shared = { atMs: now, bytes: new Map() };
    } finally {
      stop();
    }
    return shared.bytes;
  };
  const chains = new Map<string, readonly string[]>();
  const chainNow = async (id: string): Promise<readonly string[]> => {
    const known = chains.get(id) ?? chainOf((await engineImages.find(id))?.layers ?? []);
    chains.set(id, known);
    return known;
  };
  /** What those that are ours take together; what they share with each other counts once. */
  const takenBy = async (images: readonly ListedImage[], sharedBytes: ReadonlyMap<string, number>): Promise<number> => {
    const ours = images.filter(({ id }) => shelf.get(id)?.brought === true);
    const here = new Set(ours.map(({ id }) => id));
    for (const id of chains.keys()) if (!here.has(id)) chains.delete(id);
    return takenBytes(
      await Promise.all(
        ours.map(async ({ id, bytes }) => ({
          id,
          bytes,
          sharedBytes: sharedBytes.get(id) ?? 0,
          chain: await chainNow(id),
        })),
      ),
    );
  };
  /** Takes an image of ours away. @returns false where something else needs it */
  const takeAway = async (row: ShelfRow, image: ListedImage): Promise<boolean> => {
    const others = image.references.filter((name) => !row.names.includes(name));
    for (const name of image.references.filter((one) => row.names.includes(one)))
      if (!(await engineImages.remove(name))) return false;
    if (others.length > 0) {
      // The owner has given it a name: it is the owner's from now on.
      await shelf.put({ ...row, brought: false, names: [] });
      return false;
    }
    if (image.references.length === 0 && !(await engineImages.remove(image.id))) return false;
    await shelf.forget(image.id);
    shared = null;
    logger.debug('Image removed', { image: image.id.slice(0, 19), bytes: image.bytes });
    return true;
  };
  /** Removes what was used longest ago until so many bytes fit. @returns whether they do */
  const clear = async (bytes: number): Promise<boolean> => {
    const kept = new Set<string>();
    for (;;) {
      const images = await engineImages.list();
      const taken = await takenBy(images, await sharedNow());
      if (taken + bytes <= policy().quotaBytes) return true;
      const next = images
        .flatMap((image) => {
          const row = shelf.get(image.id);
          return row?.brought === true && !kept.has(image.id) && !uses.has(image.id) ? [{ row, image }] : [];
        })
        .reduce<{ row: ShelfRow; image: ListedImage } | null>(
          (oldest, one) => (oldest === null || (one.row.usedAtMs ?? 0) < (oldest.row.usedAtMs ?? 0) ? one : oldest),
          null,
        );
      if (next === null) return false;
      if (await takeAway(next.row, next.image)) changed();
      else kept.add(next.image.id);
    }
  };

  return {
    tidy: () =>
      exclusively(async () => {
        const images = await engineImages.list();
        const here = new Set(images.map(({ id }) => id));
        for (const row of shelf.all()) {
          if (row.id.startsWith(PENDING)) {
            const name = row.id.slice(PENDING.length);
            const found = images.find(({ references }) => references.includes(name));
            if (found !== undefined && shelf.get(found.id) === undefined)
              await shelf.put({ ...row, id: found.id, bytes: found.bytes, names: [name] });
            await shelf.forget(row.id);
          } else if (!here.has(row.id)) await shelf.forget(row.id);
        }
        const seen = shelf.all().filter(({ brought }) => !brought);
        seen.sort((a, b) => (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0));
        for (const { id } of seen.slice(SEEN_ROWS_MAX)) await shelf.forget(id);
        await clear(0);
      }),
    list: async () => {
      const images = await engineImages.list();
      const sharedBytes = await sharedNow();
      const views = await Promise.all(
        images.slice(0, IMAGES_LISTED_MAX).map(async (image): Promise<ImageView> => {
          const row = shelf.get(image.id);
          const found = await engineImages.find(image.id);
          return {
            ...image,
            references: [...image.references],
            layers: found?.layers.length ?? 0,
            usedAtMs: row?.usedAtMs ?? null,
            ours: row?.brought ?? false,
            // Whoever brings an image can write what it likes on it.
            helper: image.helper && row?.brought !== true,
            jobs: uses.get(image.id) ?? 0,
            ownBytes: image.bytes - Math.min(image.bytes, sharedBytes.get(image.id) ?? 0),
          };
        }),
      );
      return { images: views, usedBytes: await takenBy(images, sharedBytes) };
    },
    makeRoom: (bytes, image) =>
      exclusively(async () => {
        if (await clear(bytes)) return;
        const { quotaBytes } = policy();
        throw badImage(
          image,
          `it does not fit into the ${quotaBytes} bytes that images may take, of which the rest is in use`,
          'ignore',
        );
      }),
    pending: (name) =>
      shelf.put({ id: `${PENDING}${name}`, brought: true, bytes: 0, names: [name], usedAtMs: outside.clock.nowMs() }),
    came: async (name, found) => {
      if (found !== null) {
        const row = shelf.get(found.id);
        // What is here already under another name stays whose it is.
        if (row !== undefined) await shelf.put({ ...row, names: [...new Set([...row.names, name])] });
        else
          await shelf.put({
            ...found,
            brought: true,
            names: [name],
            usedAtMs: outside.clock.nowMs(),
          });
      }
      shared = null;
      await shelf.forget(`${PENDING}${name}`);
    },
    use: (id) => {
      uses.set(id, (uses.get(id) ?? 0) + 1);
      changed();
      let used = true;
      return () => {
        if (!used) return;
        used = false;
        const left = (uses.get(id) ?? 1) - 1;
        if (left > 0) uses.set(id, left);
        else uses.delete(id);
        changed();
      };
    },
    usesOf: (id) => uses.get(id) ?? 0,
    remove: (id) =>
      exclusively(async () => {
        const row = shelf.get(id);
        const image = (await engineImages.list()).find((one) => one.id === id);
        if (row?.brought !== true || image === undefined)
          throw new ImageError(
            { code: 'IMAGE_NOT_OURS', image: id },
            'This node did not bring that image, so it does not take it away; `docker image rm` does.',
          );
        const inUse = new ImageError(
          { code: 'IMAGE_IN_USE', image: id },
          'A job or a container of yours uses that image; end it first.',
        );
        if (uses.has(id)) throw inUse;
        if (!(await takeAway(row, image))) throw inUse;
      }),
  };
};
