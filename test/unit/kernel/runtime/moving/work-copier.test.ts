import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorkEntry, WorkFolder } from '../../../../../main/kernel/runtime/drivers/interface.ts';
import { applyWorkChange, createWorkCopier, type WorkChange } from '../../../../../main/kernel/runtime/moving/index.ts';
import { createMemoryWorkFolder, type MemoryWorkFolder } from '../../../../support/memory-work-folder.ts';

/** What a job does to its folder. */
type Deed =
  | { kind: 'write'; path: string; offset: number; bytes: Uint8Array }
  | { kind: 'truncate'; path: string; bytes: number; executable: boolean }
  | { kind: 'makeFolder' | 'remove'; path: string };

const path = fc.constantFrom('a', 'b', 'c', 'a/a', 'a/b', 'a/b/c', 'b/a', 'c/long name', 'c/ü');
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 0, max: 40 }).map((length) => new Uint8Array(length)),
);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), path, offset: fc.integer({ min: 0, max: 60 }), bytes }),
  fc.record({
    kind: fc.constant('truncate' as const),
    path,
    bytes: fc.integer({ min: 0, max: 80 }),
    executable: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('makeFolder' as const, 'remove' as const), path }),
);
/** What the system refuses, such as a folder in place of a file, it refuses the job. */
const act = (folder: MemoryWorkFolder, what: Deed): void => {
  const { before } = folder;
  folder.before = () => undefined;
  const refused = (): undefined => undefined;
  // Memory folders do everything before they return, so that a deed can fall between two steps of the copier.
  if (what.kind === 'write') void folder.write(what.path, what.offset, what.bytes).catch(refused);
  else if (what.kind === 'truncate') void folder.truncate(what.path, what.bytes, what.executable).catch(refused);
  else void folder[what.kind](what.path).catch(refused);
  folder.before = before;
};
const into =
  (target: WorkFolder) =>
  (change: WorkChange): Promise<void> =>
    applyWorkChange(target, change);

describe.each([
  ['that names blocks itself', true],
  ['that is read and hashed', false],
])('a work folder %s, copied in rounds', (_, blocks) => {
  it('is the same at the target after the last round, whatever happened in between and during the others', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(deed, { maxLength: 12 }),
        fc.array(fc.array(deed, { maxLength: 12 }), { minLength: 1, maxLength: 4 }),
        async (first, during) => {
          const source = createMemoryWorkFolder({ blocks });
          const target = createMemoryWorkFolder();
          for (const one of first) act(source, one);
          const copier = createWorkCopier(source);
          for (const deeds of during) {
            const left = [...deeds];
            source.before = () => {
              const next = left.shift();
              if (next !== undefined) act(source, next);
            };
            await copier.round({ sink: into(target) });
          }
          source.before = () => undefined;
          await copier.round({ sink: into(target) });
          expect(target.snapshot()).toEqual(source.snapshot());
          // And then there is nothing left to do.
          expect(await copier.round({ sink: into(target) })).toEqual({ changedBytes: 0, changes: 0 });
        },
      ),
      { numRuns: 300 },
    );
  });
  it('is the same in the end although steps failed, with or without having been done', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(deed, { maxLength: 12 }),
        fc.array(
          fc.record({ deeds: fc.array(deed, { maxLength: 8 }), failsAt: fc.nat({ max: 12 }), done: fc.boolean() }),
          { minLength: 1, maxLength: 4 },
        ),
        fc.array(deed, { maxLength: 6 }),
        async (first, rounds, strays) => {
          const source = createMemoryWorkFolder({ blocks });
          const target = createMemoryWorkFolder();
          for (const one of first) act(source, one);
          // Left by a copier before this one.
          for (const one of strays) act(target, one);
          const copier = createWorkCopier(source, { there: await target.list() });
          for (const { deeds, failsAt, done } of rounds) {
            for (const one of deeds) act(source, one);
            let steps = 0;
            const round = copier.round({
              sink: async (change) => {
                const fails = steps++ === failsAt;
                if (!fails || done) await applyWorkChange(target, change);
                if (fails) throw new Error('the link broke');
              },
            });
            const [ended] = await Promise.allSettled([round]);
            expect(ended.status === 'rejected' ? String(ended.reason) : 'Error: the link broke').toContain('the link');
          }
          await copier.round({ sink: into(target) });
          expect(target.snapshot()).toEqual(source.snapshot());
        },
      ),
      { numRuns: 300 },
    );
  });
  it('sends of a large file what changed, and nothing of a hole', async () => {
    const size = blocks ? 8000 : 8 * 1024 * 1024;
    const source = createMemoryWorkFolder({ blocks });
    const target = createMemoryWorkFolder();
    await source.write('large', size - 1, Uint8Array.of(1));
    const copier = createWorkCopier(source);
    const block = blocks ? 8 : 256 * 1024;
    expect(await copier.round({ sink: into(target) })).toEqual({ changedBytes: block, changes: 3 });
    expect(target.files.get('large')!.bytes.equals(source.files.get('large')!.bytes)).toBe(true);
    await source.write('large', 3 * block + 2, Uint8Array.of(7));
    expect(await copier.round({ sink: into(target) })).toEqual({ changedBytes: block, changes: 1 });
    // Touched, and the same.
    await source.write('large', 3 * block + 2, Uint8Array.of(7));
    expect(await copier.round({ sink: into(target) })).toEqual({ changedBytes: 0, changes: 0 });
    expect(target.files.get('large')!.bytes.equals(source.files.get('large')!.bytes)).toBe(true);
  });
});

describe('a copier', () => {
  const listing = (entries: readonly Partial<WorkEntry>[]): WorkFolder => ({
    ...createMemoryWorkFolder(),
    list: async () =>
      entries.map((entry) => ({ path: 'a', kind: 'file', bytes: 0, executable: false, version: '1', ...entry })),
  });
  it.each([
    ['a path that leads up', [{ path: '../etc/passwd' }], 'WORK_REFUSED'],
    ['a path that leads up in the middle', [{ path: 'a/../../b' }], 'WORK_REFUSED'],
    ['an absolute path', [{ path: '/etc/passwd' }], 'WORK_REFUSED'],
    ['an empty part', [{ path: 'a//b' }], 'WORK_REFUSED'],
    ['nothing', [{ path: '' }], 'WORK_REFUSED'],
    ['a NUL', [{ path: 'a\0b' }], 'WORK_REFUSED'],
    ['half a character', [{ path: 'a\ud800' }], 'WORK_REFUSED'],
    ['a path that is too long', [{ path: 'ab/'.repeat(400) + 'c' }], 'WORK_REFUSED'],
    ['a name that is too long', [{ path: 'n'.repeat(256) }], 'WORK_REFUSED'],
    ['a path that is too deep', [{ path: 'a/'.repeat(64) + 'b' }], 'WORK_REFUSED'],
    ['a size below nothing', [{ bytes: -1 }], 'WORK_REFUSED'],
    ['a size that is no number', [{ bytes: Number.NaN }], 'WORK_REFUSED'],
    ['more than the limit', [{ bytes: 2 ** 36 }, { path: 'b', bytes: 1 }], 'SCRATCH_FULL'],
    ['too many', Array.from({ length: 100_001 }, (_, index) => ({ path: `f${index}` })), 'TOO_MANY_FILES'],
  ])('refuses a source that lists %s, before it sends anything', async (_, entries, code) => {
    const told: WorkChange[] = [];
    const round = createWorkCopier(listing(entries)).round({ sink: async (change) => void told.push(change) });
    await expect(round).rejects.toMatchObject({ code });
    expect(told).toEqual([]);
  });
  it('tells when a file that is still there cannot be read', async () => {
    const source = createMemoryWorkFolder();
    await source.write('shut', 0, Uint8Array.of(1));
    const read = source.read.bind(source);
    let shut = true;
    source.read = async (...args) => {
      if (!shut) return read(...args);
      source.files.get('shut')!.bytes = Buffer.from([1]);
      return read('other', 0, 1);
    };
    const target = createMemoryWorkFolder();
    const copier = createWorkCopier(source);
    await expect(copier.round({ sink: into(target) })).rejects.toMatchObject({ code: 'WORK_REFUSED' });
    shut = false;
    await copier.round({ sink: into(target) });
    expect(target.snapshot()).toEqual(source.snapshot());
  });
  it('tells when the target is full, and begins nothing more', async () => {
    const source = createMemoryWorkFolder();
    for (let index = 0; index < 100; index++) await source.write(`f${index}`, 0, new Uint8Array(10));
    let steps = 0;
    const target = createMemoryWorkFolder({ bytesMax: 5 });
    const sink = async (change: WorkChange): Promise<void> => {
      steps += 1;
      await applyWorkChange(target, change);
    };
    await expect(createWorkCopier(source).round({ sink })).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
    expect(steps).toBeLessThan(20);
  });
  it('ends when it is told to', async () => {
    const source = createMemoryWorkFolder();
    for (let index = 0; index < 100; index++) await source.write(`f${index}`, 0, new Uint8Array(10));
    const stop = new AbortController();
    let steps = 0;
    const round = createWorkCopier(source).round({
      signal: stop.signal,
      sink: async () => {
        if (++steps === 5) stop.abort(new Error('enough'));
      },
    });
    await expect(round).rejects.toThrow('enough');
    expect(steps).toBeLessThan(40);
  });
});

describe('a step from elsewhere', () => {
  const large = new Uint8Array(1024 * 1024 + 1);
  it.each<[string, WorkChange]>([
    ['a folder above', { kind: 'folder', path: '../up' }],
    ['removing what is elsewhere', { kind: 'remove', path: '/etc' }],
    ['removing everything', { kind: 'remove', path: '.' }],
    ['a size below nothing', { kind: 'size', path: 'a', bytes: -1, executable: false }],
    ['half a byte', { kind: 'size', path: 'a', bytes: 1.5, executable: false }],
    ['a piece before the file', { kind: 'block', path: 'a', offset: -1, bytes: new Uint8Array(1) }],
    ['a piece beyond all', { kind: 'block', path: 'a', offset: Number.MAX_SAFE_INTEGER, bytes: new Uint8Array(1) }],
    ['a piece that is too large', { kind: 'block', path: 'a', offset: 0, bytes: large }],
  ])('is refused where no copier makes it: %s', async (_, change) => {
    const target = createMemoryWorkFolder();
    await expect(applyWorkChange(target, change)).rejects.toMatchObject({ code: 'WORK_REFUSED' });
    expect(target.snapshot()).toEqual({});
  });
});
