import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../../../main/base/index.ts';
import { UPLOAD_IDLE_MS, UPLOADS_MAX } from '../../../../../main/kernel/runtime/content/constants.ts';
import { type ContentStore, createContentStore } from '../../../../../main/kernel/runtime/content/index.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { canMount, mountTinyDisk } from '../../../../support/tiny-disk.ts';

const MINUTE_MS = 60_000;
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const random = createSeededRandom(6);
const fill = (length: number): Uint8Array => Buffer.alloc(length, Buffer.from(random.bytes(61)));
async function* pieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

let folder: string;
let store: Store;
let clock: ManualClock;
let logs: Parameters<typeof createSilentLogger>[0];
let content: ContentStore;
const make = (init: { folder?: string; bytesMax?: number; freeBytesMin?: number } = {}): ContentStore =>
  createContentStore(
    { store, outside: { clock, random: createSeededRandom(1) }, logger: createSilentLogger(logs), metrics: null },
    { folder, bytesMax: 1024 * 1024, freeBytesMin: 0, ...init },
  );
const put = async (bytes: Uint8Array, expected: string | null = null): Promise<string> =>
  (await content.put(pieces(bytes), { expected, bytesMax: 1024 * 1024 })).sha256;
const read = async (sha256: string, offset = 0): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of await content.open(sha256, offset)) parts.push(part as Buffer);
  return Buffer.concat(parts);
};
const restart = async (init: Parameters<typeof make>[0] = {}): Promise<void> => {
  await content.stop();
  content = make(init);
  await content.start();
};
/** All that lies in the folder. */
const onDisk = (): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hm-content-'));
  clock = createManualClock();
  logs = [];
  store = await createMemoryStore(clock);
  content = make();
  await content.start();
});
afterEach(async () => {
  await content.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('put and open', () => {
  it('keeps what came by its hash, whole, under the name of it', async () => {
    const bytes = fill(300_000);
    const sha256 = await put(bytes);
    expect(sha256).toBe(hashOf(bytes));
    expect(await content.sizeOf(sha256)).toBe(300_000);
    expect(await read(sha256)).toEqual(Buffer.from(bytes));
    expect(await read(sha256, 299_990)).toEqual(Buffer.from(bytes.subarray(299_990)));
    expect(await read(sha256, 400_000)).toHaveLength(0);
    expect(await readFile(await content.diskPath(sha256))).toEqual(Buffer.from(bytes));
    expect(onDisk()).toEqual([sha256]);
    expect(content.usage()).toEqual({ bytes: 300_000, bytesMax: 1024 * 1024, files: 1 });
  });

  it('keeps files of any length, cut in any way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 999 }), async (bytes, size) => {
        const { sha256 } = await content.put(pieces(bytes, size), { expected: hashOf(bytes), bytesMax: 5000 });
        expect(await read(sha256)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 40 },
    );
  });

  it('refuses what is another, what is longer, and what breaks off, and keeps nothing of them', async () => {
    const bytes = fill(100_000);
    await expect(put(bytes, hashOf(fill(3)))).rejects.toMatchObject({ code: 'CONTENT_MISMATCH' });
    await expect(content.put(pieces(bytes), { expected: null, bytesMax: 99_999 })).rejects.toMatchObject({
      code: 'CONTENT_TOO_LARGE',
    });
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(bytes);
      throw new Error('the line is cut');
    };
    await expect(content.put(broken(), { expected: null, bytesMax: 1e6 })).rejects.toThrow('the line is cut');
    const abort = new AbortController();
    const aborted = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(bytes);
      abort.abort(new Error('enough'));
      yield bytes;
    };
    await expect(content.put(aborted(), { expected: null, bytesMax: 1e6, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
    expect(onDisk()).toEqual([]);
    expect(content.usage()).toMatchObject({ bytes: 0, files: 0 });
  });

  it('says of what is not here that it is missing', async () => {
    const sha256 = hashOf(fill(5));
    expect(await content.sizeOf(sha256)).toBeNull();
    await expect(content.open(sha256)).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
    await expect(content.diskPath(sha256)).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
  });

  it('takes the same from many at once, and counts it once', async () => {
    const bytes = fill(60_000);
    const all = await Promise.all(Array.from({ length: 8 }, () => put(bytes)));
    expect(new Set(all)).toEqual(new Set([hashOf(bytes)]));
    expect(content.usage()).toMatchObject({ bytes: 60_000, files: 1 });
    expect(onDisk()).toEqual([hashOf(bytes)]);
  });

  it('reads nothing of what it has', async () => {
    const bytes = fill(1000);
    await put(bytes);
    let taken = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      taken += 1;
      yield* pieces(bytes);
    };
    expect(await content.put(source(), { expected: hashOf(bytes), bytesMax: 10 })).toMatchObject({ bytes: 1000 });
    expect(taken).toBe(0);
  });

  it('asks its source for no more than it writes', async () => {
    let given = 0;
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 200; count++) {
        given += 1;
        yield await Promise.resolve(new Uint8Array(64 * 1024));
      }
    };
    await expect(content.put(source(), { expected: null, bytesMax: 200_000 })).rejects.toMatchObject({
      code: 'CONTENT_TOO_LARGE',
    });
    expect(given).toBe(4);
  });
});

describe('quota', () => {
  it('throws away what nobody holds, used longest ago first', async () => {
    const names: string[] = [];
    for (let count = 0; count < 4; count++) {
      names.push(await put(fill(250_000)));
      await clock.advance(2 * MINUTE_MS);
    }
    await content.hold('job:a', [names[0]!]);
    await read(names[1]!);
    const added = await put(fill(250_000));
    expect(await Promise.all(names.map((name) => content.sizeOf(name)))).toEqual([250_000, 250_000, null, 250_000]);
    await restart();
    // The order is known after a restart, too.
    await put(fill(250_000));
    expect(await content.sizeOf(names[3]!)).toBeNull();
    expect(await content.sizeOf(names[1]!)).toBe(250_000);
    expect(await content.sizeOf(added)).toBe(250_000);
  });

  it('is full when everything is held, and loses nothing of it', async () => {
    const names = await Promise.all([1, 2, 3, 4].map(() => put(fill(250_000))));
    await content.hold('job:a', names);
    await expect(put(fill(200_000))).rejects.toMatchObject({ code: 'CONTENT_FULL' });
    for (const name of names) expect(hashOf(await read(name))).toBe(name);
    expect(content.usage()).toMatchObject({ bytes: 1_000_000, files: 4 });
    await content.release('job:a');
    await put(fill(200_000));
  });

  it('never takes more than it may, whoever comes at once', async () => {
    const all = await Promise.allSettled(Array.from({ length: 12 }, () => put(fill(200_000))));
    expect(all.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused).toEqual(refused.map(() => expect.objectContaining({ code: 'CONTENT_FULL' })));
    const { bytes } = content.usage();
    expect(bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(onDisk()).toHaveLength(bytes / 200_000);
  });

  it('leaves alone what is being read', async () => {
    const name = await put(fill(900_000));
    const reader = await content.open(name);
    await expect(put(fill(900_000))).rejects.toMatchObject({ code: 'CONTENT_FULL' });
    const parts: Buffer[] = [];
    for await (const part of reader) parts.push(part as Buffer);
    expect(hashOf(Buffer.concat(parts))).toBe(name);
    await put(fill(900_000));
    expect(await content.sizeOf(name)).toBeNull();
  });

  it('leaves so much of the disk free', async () => {
    await restart({ freeBytesMin: 2 ** 52 });
    await expect(put(fill(1000))).rejects.toMatchObject({ code: 'CONTENT_FULL' });
  });

  it('keeps within a quota that became smaller', async () => {
    const names: string[] = [];
    for (let count = 0; count < 4; count++) {
      names.push(await put(fill(250_000)));
      await clock.advance(MINUTE_MS);
    }
    await content.hold('image:a', [names[0]!]);
    await restart({ bytesMax: 500_000 });
    expect(content.usage()).toMatchObject({ bytes: 500_000, files: 2 });
    expect(await content.sizeOf(names[0]!)).toBe(250_000);
  });
});

describe('holds', () => {
  it('last over restarts, and end with the last holder', async () => {
    const [a, b] = [await put(fill(100)), await put(fill(200))];
    await content.hold('job:1', [a, b]);
    await content.hold('job:2', [b]);
    await content.hold('job:2', [b]);
    await restart();
    expect(content.holdsOf('job:1').toSorted()).toEqual([a, b].toSorted());
    await content.discard('job:1');
    expect(await content.sizeOf(a)).toBeNull();
    expect(await content.sizeOf(b)).toBe(200);
    await content.discard('job:2');
    expect(onDisk()).toEqual([]);
    expect(content.holdsOf('job:2')).toEqual([]);
    expect(await store.all('test', 'SELECT * FROM content_holds')).toEqual([]);
  });

  it('may come before what is held', async () => {
    const bytes = fill(600_000);
    await content.hold('job:1', [hashOf(bytes)]);
    await put(bytes);
    await expect(put(fill(600_000))).rejects.toMatchObject({ code: 'CONTENT_FULL' });
    expect(await content.sizeOf(hashOf(bytes))).toBe(600_000);
  });
});

describe('a start', () => {
  it('takes away what was not whole and counts again, and leaves foreign files where they are', async () => {
    const sha256 = await put(fill(100));
    await content.stop();
    writeFileSync(join(folder, 'tmp/7'), 'half');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    mkdirSync(join(folder, '00'), { recursive: true });
    writeFileSync(join(folder, '00', 'f'.repeat(64)), 'in the wrong folder');
    mkdirSync(join(folder, '00', '0'.repeat(64)));
    content = make();
    await content.start();
    expect(content.usage()).toMatchObject({ bytes: 100, files: 1 });
    expect(existsSync(join(folder, 'tmp/7'))).toBe(false);
    expect(onDisk()).toEqual(['f'.repeat(64), 'notes.txt', sha256].toSorted());
    expect(logs?.filter(({ level }) => level === 'warn').map(({ context }) => context['foreign'])).toEqual([3]);
  });

  it('orders by the time of last use', async () => {
    const names = await Promise.all([1, 2, 3].map(() => put(fill(300_000))));
    for (const [place, name] of names.entries())
      utimesSync(join(folder, name.slice(0, 2), name), 1000 - place, 1000 - place);
    await restart();
    await put(fill(300_000));
    expect(await Promise.all(names.map((name) => content.sizeOf(name)))).toEqual([300_000, 300_000, null]);
  });

  it('finds what was damaged or taken away behind its back', async () => {
    const [a, b] = [await put(fill(100)), await put(fill(200))];
    truncateSync(await content.diskPath(a), 50);
    rmSync(await content.diskPath(b));
    await expect(content.open(a)).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
    await expect(content.open(b)).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
    expect(content.usage()).toMatchObject({ bytes: 0, files: 0 });
    expect(onDisk()).toEqual([]);
  });
});

describe('uploads', () => {
  it('come in pieces, in order, and are named by the last answer', async () => {
    const bytes = fill(25_000);
    const first = await content.upload(null, bytes.subarray(0, 10_000), false);
    expect(first).toMatchObject({ bytes: 10_000, sha256: null });
    expect(first.upload).toMatch(/^[0-9a-z]{16}$/);
    const rest = await Promise.all([
      content.upload(first.upload, bytes.subarray(10_000, 20_000), false),
      content.upload(first.upload, bytes.subarray(20_000), true),
    ]);
    expect(rest.at(-1)).toEqual({ upload: first.upload, bytes: 25_000, sha256: hashOf(bytes) });
    expect(await read(hashOf(bytes))).toEqual(Buffer.from(bytes));
    await expect(content.upload(first.upload, bytes, true)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
    expect(await content.upload(null, new Uint8Array(0), true)).toMatchObject({ sha256: hashOf(new Uint8Array(0)) });
  });

  it('are not too many, and are thrown away when nothing comes', async () => {
    const ids = await Promise.all(
      Array.from({ length: UPLOADS_MAX }, async () => (await content.upload(null, fill(10), false)).upload),
    );
    await expect(content.upload(null, fill(1), true)).rejects.toMatchObject({ code: 'TOO_MANY_UPLOADS' });
    await clock.advance(UPLOAD_IDLE_MS - 1);
    await content.upload(ids[0]!, fill(10), false);
    await clock.advance(1);
    await expect.poll(onDisk).toHaveLength(1);
    await expect(content.upload(ids[1]!, fill(1), true)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
    expect(await content.upload(ids[0]!, fill(10), true)).toMatchObject({ bytes: 30 });
  });

  it('stop at the quota', async () => {
    const { upload } = await content.upload(null, fill(600_000), false);
    await expect(content.upload(upload, fill(600_000), false)).rejects.toMatchObject({ code: 'CONTENT_TOO_LARGE' });
    await expect(content.upload(upload, fill(1), false)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' });
    expect(onDisk()).toEqual([]);
    expect(content.usage()).toMatchObject({ bytes: 0 });
  });
});

describe.skipIf(!canMount)(`a full disk (${canMount ? 'mounted here' : 'no right to mount here'})`, () => {
  it('is told as such, and loses nothing that was kept', async () => {
    const disk = mountTinyDisk(2 * 1024 * 1024);
    if (disk === null) throw new Error('no disk');
    const own = createContentStore(
      { store, outside: { clock, random }, logger: createSilentLogger(logs), metrics: null },
      { folder: disk.path, bytesMax: 2 ** 40, freeBytesMin: 0 },
    );
    try {
      await own.start();
      const kept = await own.put(pieces(fill(900_000)), { expected: null, bytesMax: 2 ** 40 });
      await own.hold('job:a', [kept.sha256]);
      const loose = await own.put(pieces(fill(500_000)), { expected: null, bytesMax: 2 ** 40 });
      // Room is made by what nobody holds; when that is not enough, it is full.
      const next = await own.put(pieces(fill(900_000)), { expected: null, bytesMax: 2 ** 40 });
      expect(await own.sizeOf(loose.sha256)).toBeNull();
      await own.hold('job:b', [next.sha256]);
      await expect(own.put(pieces(fill(900_000)), { expected: null, bytesMax: 2 ** 40 })).rejects.toMatchObject({
        code: 'CONTENT_FULL',
      });
      expect(hashOf(await readFile(await own.diskPath(kept.sha256)))).toBe(kept.sha256);
      expect(hashOf(await readFile(await own.diskPath(next.sha256)))).toBe(next.sha256);
      expect(readdirSync(join(disk.path, 'tmp'))).toEqual([]);
      await own.stop();
    } finally {
      disk.remove();
    }
  });
});
