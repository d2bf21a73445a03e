import { describe, expect, it } from 'vitest';
import type { JobId } from '../../../../main/base/index.ts';
import type { ContentStore } from '../../../../main/kernel/runtime/content/index.ts';
import { keepOutputs } from '../../../../main/kernel/runtime/job-files.ts';
import { createMemoryFolder } from '../../../support/remote-jobs.ts';

const id = 'job-0123456789abcdef' as JobId;
/** Counts what is written into it. */
const createCountingContent = () => {
  const put: number[] = [];
  const content = {
    put: async (source: AsyncIterable<Uint8Array>) => {
      let bytes = 0;
      for await (const piece of source) bytes += piece.length;
      put.push(bytes);
      return { sha256: 'a'.repeat(64), bytes };
    },
    hold: () => Promise.resolve(),
  } as unknown as ContentStore;
  return { content, put };
};

describe('files that a job left', () => {
  it('are kept', async () => {
    const { content, put } = createCountingContent();
    const work = createMemoryFolder();
    await work.write('out/a', 0, Buffer.alloc(300_000));
    await work.write('other', 0, Buffer.alloc(10));
    expect(await keepOutputs(content, id, work, ['out'], 1_000_000)).toMatchObject([{ path: 'out/a', bytes: 300_000 }]);
    expect(put).toEqual([300_000]);
  });

  it('are not written out when they say to be larger than the folder that they lie in', async () => {
    const { content, put } = createCountingContent();
    const work = createMemoryFolder();
    const hole = { kind: 'file', bytes: 2 ** 40, executable: false, version: '1' } as const;
    work.list = () => Promise.resolve([{ ...hole, path: 'out' }]);
    work.read = (_path, _offset, bytesMax) => Promise.resolve(new Uint8Array(bytesMax));
    await expect(keepOutputs(content, id, work, ['out'], 1_000_000)).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
    // Nor many that only do so together.
    const many = Array.from({ length: 100 }, (_, index) => ({ ...hole, path: `out/${index}`, bytes: 20_000 }));
    work.list = () => Promise.resolve(many);
    await expect(keepOutputs(content, id, work, ['out'], 1_000_000)).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
    expect(put).toEqual([]);
  });
});
