import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../../../main/base/index.ts';
import {
  encodeFrame,
  encodeRequest,
  encodeSync,
  FILES,
  type Frame,
  FrameReader,
  readEntries,
} from '../../../../../../../main/kernel/runtime/drivers/container/holder/frames.ts';
import { createHolderSession } from '../../../../../../../main/kernel/runtime/drivers/container/holder/session.ts';
import { createHolderWorkFolder } from '../../../../../../../main/kernel/runtime/drivers/container/holder/work-folder.ts';
import type { WorkEntry } from '../../../../../../../main/kernel/runtime/drivers/interface.ts';
import {
  compileCheckedHolder,
  holderMissing,
  startHolderProcess,
} from '../../../../../../support/engine/holder-process.ts';
import { freePort } from '../../../../../../support/proxy/programs.ts';
import { createSilentLogger } from '../../../../../../support/silent-logger.ts';
import { fromHex, readVectors, toHex } from '../../../../../../support/vectors.ts';

const vectors = readVectors<{
  key: string;
  session: number;
  sync: string;
  zeros: number;
  frames: { name: string; type: number; channel: number; payload: string; bytes: string }[];
  entries: WorkEntry[];
  hashes: { name: string; text: string; hash: string }[];
}>('holder-frames', 'frames.json');
const key = fromHex(vectors.key);
const vectorOf = (name: string) => vectors.frames.find((frame) => frame.name === name)!;

/** @returns a reader that is in step, and what it has read */
const readerInStep = (): { reader: FrameReader; frames: Frame[] } => {
  const frames: Frame[] = [];
  const reader = new FrameReader({ synced: () => undefined, frame: (frame) => void frames.push(frame) });
  reader.expect(key, vectors.session, true);
  reader.take(fromHex(vectors.sync));
  return { reader, frames };
};

describe('frames of a holder', () => {
  it('begin as published', () => {
    const bytes = encodeSync(key, vectors.session, true);
    expect(bytes.subarray(0, vectors.zeros).every((byte) => byte === 0)).toBe(true);
    expect(toHex(bytes.subarray(vectors.zeros))).toBe(vectors.sync);
  });
  it.each(vectors.frames)('are written and read as published: $name', ({ type, channel, payload, bytes }) => {
    expect(toHex(encodeFrame(vectors.session, type, channel, fromHex(payload)))).toBe(bytes);
    const { reader, frames } = readerInStep();
    reader.take(fromHex(bytes));
    expect(frames.map((frame) => ({ ...frame, payload: toHex(frame.payload) }))).toEqual([{ type, channel, payload }]);
  });
  it('ask about files as published', () => {
    const path = Buffer.from('a/b');
    const at = (value: number) => ({ bits: 64, value }) as const;
    const asked: [string, Uint8Array][] = [
      ['list', encodeRequest(FILES.list, [])],
      ['read', encodeRequest(FILES.read, [at(5), { bits: 32, value: 65_536 }], path)],
      ['write', encodeRequest(FILES.write, [at(0), { bits: 16, value: 3 }], path, Buffer.from('hi'))],
      ['size', encodeRequest(FILES.size, [at(4096), { bits: 8, value: 1 }], path)],
      ['folder', encodeRequest(FILES.folder, [], Buffer.from('ü'))],
      ['remove', encodeRequest(FILES.remove, [], Buffer.from('a'))],
      ['blocks', encodeRequest(FILES.blocks, [at(65_536 * 256)], path)],
      ['block', encodeRequest(FILES.block, [at(65_536)], path)],
    ];
    for (const [name, request] of asked) expect(toHex(request), name).toBe(vectorOf(name).payload);
  });
  it('list as published, and nothing that is cut or no entry', () => {
    const listing = fromHex(vectorOf('reply, listing').payload).subarray(1);
    const entries: WorkEntry[] = [];
    readEntries(listing, entries);
    expect(entries).toEqual(vectors.entries);
    // After 25 bytes the first entry is whole.
    const cuts = Array.from({ length: listing.length - 1 }, (_, index) => index + 1).filter((length) => length !== 25);
    for (const length of cuts)
      expect(() => readEntries(listing.subarray(0, length), []), String(length)).toThrow(/cut/);
    const bent = (at: number, byte: number): Uint8Array => {
      const copy = Uint8Array.from(listing);
      copy[at] = byte;
      return copy;
    };
    expect(() => readEntries(bent(0, 3), [])).toThrow(/that is none/);
    expect(() => readEntries(bent(1, 2), [])).toThrow(/that is none/);
    expect(() => readEntries(bent(9, 1), [])).toThrow(/larger than any disk/);
    expect(() => readEntries(bent(24, 0xff), [])).toThrow(/not UTF-8/);
  });
  it('are read whatever pieces they come in, after whatever was before them', () => {
    const stream = Buffer.from(vectors.frames.map(({ bytes }) => bytes).join(''), 'hex');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.integer({ min: 1, max: 90 })), (noise, lengths) => {
        const frames: Frame[] = [];
        const reader = new FrameReader({ synced: () => undefined, frame: (frame) => void frames.push(frame) });
        reader.expect(key, vectors.session, true);
        const all = Buffer.concat([noise, fromHex(vectors.sync), stream]);
        let at = 0;
        for (const length of [...lengths, all.length]) {
          reader.take(all.subarray(at, at + length));
          at = Math.min(all.length, at + length);
        }
        expect(frames).toHaveLength(vectors.frames.length);
      }),
    );
  });
  it('of another session, or too long, are an end', () => {
    expect(() => readerInStep().reader.take(encodeFrame(5, 0x81, 0, new Uint8Array(0)))).toThrow(/another session/);
    expect(() => readerInStep().reader.take(Uint8Array.of(0, 0, 2, 0, 0x81, 0, 0, 0, 0))).toThrow(/too long/);
  });

  it.skipIf(holderMissing !== null)(
    `are understood by the program, which hashes blocks as published (${holderMissing ?? 'compiled here'})`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'hm-holder-'));
      const program = join(folder, 'holder');
      await compileCheckedHolder(program);
      const holder = startHolderProcess(program, vectors.key, folder, [await freePort(), await freePort()]);
      const session = createHolderSession(
        { outside: createSystemOutside(), logger: createSilentLogger() },
        { key, doors: false, attach: async () => holder.attach(), opened: () => undefined, lost: () => undefined },
      );
      try {
        await session.start();
        const files = createHolderWorkFolder(session);
        for (const { name, text, hash } of vectors.hashes) {
          writeFileSync(join(folder, 'block'), fromHex(text));
          const block = await files.blocks!.read('block', 0);
          expect(toHex(Buffer.from(block.hash, 'base64')), name).toBe(hash);
          expect(toHex(block.bytes), name).toBe(text);
        }
      } finally {
        session.close();
        await holder.kill();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
