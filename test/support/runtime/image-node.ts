import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { createSettings, createSystemOutside, type Settings, type Store } from '../../../main/base/index.ts';
import type { Links } from '../../../main/kernel/leases/index.ts';
import {
  type ContentExchange,
  type ContentStore,
  createContentExchange,
  createContentStore,
} from '../../../main/kernel/runtime/content/index.ts';
import { type Engine, engineMissing } from '../../../main/kernel/runtime/engine/index.ts';
import { createImages, type Images, type ImagesInit } from '../../../main/kernel/runtime/images/index.ts';
import { createMemoryStore } from '../memory-store.ts';
import { createSilentLogger } from '../silent-logger.ts';

/** An engine's client as the room has it, which can be taken away and given back. */
export interface FakeEngine extends Engine {
  /** What answers from now on; null: nothing. */
  use(client: Docker | null): void;
}
export const createFakeEngine = (client: Docker | null): FakeEngine => {
  let now = client;
  const listeners = new Set<(state: ReturnType<Engine['state']>) => void>();
  const state: Engine['state'] = () => ({
    ok: now !== null,
    sentence: now === null ? 'No container engine answers; start Docker.' : '',
    endpoint: null,
    engine: now === null ? null : 'Docker',
    version: null,
    apiVersion: null,
    cgroupVersion: null,
    rootless: false,
    userns: false,
  });
  return {
    mark: '00112233445566778899aabbccddeeff',
    state,
    refresh: () => Promise.resolve(state()),
    client: () => (now === null ? Promise.reject(engineMissing(state().sentence)) : Promise.resolve(now)),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    on: (name, listener) => {
      if (name !== 'changed') return () => undefined;
      const one = listener as (told: ReturnType<Engine['state']>) => void;
      listeners.add(one);
      return () => listeners.delete(one);
    },
    use: (next) => {
      now = next;
      for (const listener of listeners) listener(state());
    },
  };
};

/** Content store, exchange and images of one node, on a folder and a database of its own. */
export interface ImageNode {
  readonly folder: string;
  readonly store: Store;
  readonly settings: Settings;
  readonly content: ContentStore;
  readonly exchange: ContentExchange;
  readonly images: Images;
  readonly engine: FakeEngine;
  /** Ends it and begins again on what it kept. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}
const NO_LINKS: Pick<Links, 'handle'> = { handle: () => () => undefined };

export const startImageNode = async (
  init: { client?: Docker | null; links?: Pick<Links, 'handle'>; bytesMax?: number } & Partial<ImagesInit> = {},
): Promise<ImageNode> => {
  const { client = null, links = NO_LINKS, bytesMax = 2 ** 31 } = init;
  const { mayTakeFrom = () => true, mayGiveTo = () => true } = init;
  const folder = mkdtempSync(join(tmpdir(), 'hm-images-'));
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const store = await createMemoryStore(outside.clock);
  const settings = createSettings({ store, clock: outside.clock });
  const engine = createFakeEngine(client);
  const make = async () => {
    const content = createContentStore(
      { store, outside, logger, metrics: null },
      { folder, bytesMax, freeBytesMin: 0 },
    );
    await content.start();
    const exchange = createContentExchange({ links, content, outside, logger, metrics: null });
    const images = createImages(
      { engine, content, exchange, links, settings, store, outside, logger, metrics: null },
      { mayTakeFrom, mayGiveTo },
    );
    await images.start();
    return { content, exchange, images };
  };
  let now = await make();
  const end = async (): Promise<void> => {
    await now.images.stop();
    await now.exchange.stop();
    await now.content.stop();
  };
  return {
    folder,
    store,
    settings,
    engine,
    get content() {
      return now.content;
    },
    get exchange() {
      return now.exchange;
    },
    get images() {
      return now.images;
    },
    restart: async () => {
      await end();
      now = await make();
    },
    stop: async () => {
      await end();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
