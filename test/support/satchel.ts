import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIdentity, type Identity, type IdentityInit, type KeyStore } from '../../main/apps/satchel/index.ts';
import {
  type LogLevel,
  type Outside,
  type Settings,
  type Store,
  type WorkerPool,
  createSettings,
  createSystemOutside,
  createWorkerPool,
} from '../../main/base/index.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryStore } from './memory-store.ts';
import { createSilentLogger } from './silent-logger.ts';

/** Argon2id at the least that a file may ask for: what is tested is not how long it takes. */
export const QUICK_COSTS = { memoryKiB: 8 * 1024, passes: 1, lanes: 1 };
export const PASSPHRASE = 'correct horse battery staple';
export const underPassphrase = { kind: 'passphrase', passphrase: PASSPHRASE } as const;

/** A key store in memory: it really encrypts, under a key of its own, and can be locked and lost like a real one. */
export interface TestKeyStore extends KeyStore {
  locked: boolean;
  /** As if the owner had made a new, empty key ring. */
  forget(): void;
}
export const createMemoryKeyStore = (): TestKeyStore => {
  let own = randomBytes(32);
  const store: TestKeyStore = {
    locked: false,
    forget: () => {
      own = randomBytes(32);
    },
    state: () =>
      store.locked ? { available: false, reason: 'The key ring is locked.' } : { available: true, name: 'memory' },
    protect: async (plain) => {
      if (store.locked) throw new Error('the key ring is locked');
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', own, nonce);
      return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
    },
    unprotect: async (sealed) => {
      if (store.locked) throw new Error('the key ring is locked');
      const decipher = createDecipheriv('aes-256-gcm', own, sealed.subarray(0, 12));
      decipher.setAuthTag(sealed.subarray(sealed.length - 16));
      return new Uint8Array(
        Buffer.concat([decipher.update(sealed.subarray(12, sealed.length - 16)), decipher.final()]),
      );
    },
  };
  return store;
};

export type Logged = { level: LogLevel; module: string; message: string; context: Record<string, unknown> }[];

/** One folder, one pool of threads and one database; identities over them come and go like starts of a node. */
export interface SatchelBench {
  readonly folder: string;
  readonly path: string;
  readonly clock: ManualClock;
  readonly workers: WorkerPool;
  readonly settings: Settings;
  readonly logged: Logged;
  open(more?: Partial<IdentityInit> & { keyStore?: KeyStore | null }): Promise<Identity>;
  /** With a phrase of its own, confirmed. */
  create(identity: Identity, sealing?: Parameters<Identity['confirm']>[0]['sealing']): Promise<string>;
  exists(): boolean;
  end(): Promise<void>;
}

export const createSatchelBench = async (folder?: string): Promise<SatchelBench> => {
  const own = folder ?? mkdtempSync(join(tmpdir(), 'hypermesh-satchel-'));
  const path = join(own, 'identity');
  const clock = createManualClock();
  const { random } = createSystemOutside();
  const outside: Outside = { clock, random };
  const store: Store = await createMemoryStore(clock);
  const settings = createSettings({ store, clock });
  const logged: Logged = [];
  const logger = createSilentLogger(logged);
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: join(import.meta.dirname, 'satchel-worker.ts'), size: 1 },
  );
  const opened: Identity[] = [];
  return {
    folder: own,
    path,
    clock,
    workers,
    settings,
    logged,
    open: async ({ keyStore = null, ...init } = {}) => {
      const identity = createIdentity(
        { outside, logger, metrics: null, settings, workers, keyStore },
        { path, costs: QUICK_COSTS, ...init },
      );
      opened.push(identity);
      await identity.start();
      return identity;
    },
    create: async (identity, sealing = underPassphrase) => {
      const { draftId, words, ask } = await identity.begin();
      await identity.confirm({ draftId, words: ask.map((place) => words[place - 1] ?? ''), sealing });
      return words.join(' ');
    },
    exists: () => existsSync(path),
    end: async () => {
      for (const identity of opened) await identity.stop();
      await workers.close();
      await store.close();
      if (folder === undefined) rmSync(own, { recursive: true, force: true });
    },
  };
};
