import { createHash, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { MemoryError } from '../../../../../main/kernel/proxy/memory/errors.ts';
import { createPageSeal } from '../../../../../main/kernel/proxy/memory/page-seal.ts';
import { createPool } from '../../../../../main/kernel/proxy/memory/pool.ts';
import {
  type Answer,
  createIncoming,
  decodeOpening,
  decodeOpeningAnswer,
  encodeAnswer,
  encodeOpening,
  encodeOpeningAnswer,
  type OpeningAnswer,
  putRequest,
  readAnswer,
  readRequest,
  type Request,
} from '../../../../../main/kernel/proxy/memory/protocol.ts';
import {
  decodeRecordHeader,
  decodeSegmentHeader,
  encodeRecordHeader,
  encodeSegmentHeader,
  type RecordHeader,
} from '../../../../../main/kernel/proxy/memory/store/layout.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Vectors {
  opening: { lease: LeaseId; session: string; answered: number; bytes: string };
  openingAnswers: (OpeningAnswer & { bytes: string })[];
  requests: (Request & { offset: number; bytes: string })[];
  answers: (Answer & { bytes: string })[];
  sealedPage: { key: string; page: number; stamp: number; head: string; sha256: string };
  segment: { generation: string; order: number; bytes: string };
  records: (RecordHeader & { bytes: string })[];
}
const vectors = readVectors<Vectors>('far-memory', 'far-memory.json');
const unlessMalformed = (read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(MemoryError);
    expect(error).toMatchObject({ code: 'MALFORMED', data: { verdict: 'reject' } });
    return null;
  }
};

describe('formats of far memory', () => {
  it('are those that are written down', () => {
    const { opening, openingAnswers, requests, answers, sealedPage, segment, records } = vectors;
    const { bytes: openingBytes, session, ...rest } = opening;
    const given = { ...rest, session: fromHex(session) };
    expect(toHex(encodeOpening(given))).toBe(openingBytes);
    expect(decodeOpening(fromHex(openingBytes))).toEqual(given);
    for (const { bytes, ...answer } of openingAnswers) {
      expect(toHex(encodeOpeningAnswer(answer))).toBe(bytes);
      expect(decodeOpeningAnswer(fromHex(bytes))).toEqual(answer);
    }
    for (const { bytes, ...request } of requests) {
      const header = Buffer.alloc(24);
      putRequest(header, 0, request);
      expect(toHex(header)).toBe(bytes);
      expect(readRequest(fromHex(bytes))).toEqual(request);
    }
    for (const { bytes, ...answer } of answers) {
      expect(toHex(encodeAnswer(answer))).toBe(bytes);
      expect(readAnswer(fromHex(bytes))).toEqual(answer);
    }
    const seal = createPageSeal(createSecretKey(fromHex(sealedPage.key)), 4096);
    const plain = Uint8Array.from({ length: 4096 }, (_, i) => i & 0xff);
    const slot = Buffer.alloc(seal.slotBytes);
    seal.seal(sealedPage.page, sealedPage.stamp, plain, slot, 0);
    expect(toHex(slot.subarray(0, 64))).toBe(sealedPage.head);
    expect(createHash('sha256').update(slot).digest('hex')).toBe(sealedPage.sha256);
    expect(seal.stampOf(slot, 0)).toBe(sealedPage.stamp);
    expect(seal.open(sealedPage.page, sealedPage.stamp, slot, 0)).toEqual(new Uint8Array(plain));
    expect(seal.open(sealedPage.page + 1, sealedPage.stamp, slot, 0)).toBeNull();
    expect(seal.open(sealedPage.page, sealedPage.stamp - 1, slot, 0)).toBeNull();

    const generation = fromHex(segment.generation);
    expect(toHex(encodeSegmentHeader({ generation, order: segment.order }))).toBe(segment.bytes);
    expect(decodeSegmentHeader(fromHex(segment.bytes))).toEqual({ generation, order: segment.order });
    expect(decodeSegmentHeader(new Uint8Array(32))).toBeNull();
    for (const { bytes, ...record } of records) {
      expect(toHex(encodeRecordHeader(generation, record))).toBe(bytes);
      expect(decodeRecordHeader(generation, fromHex(bytes), 0)).toEqual(record);
      expect(decodeRecordHeader(new Uint8Array(8), fromHex(bytes), 0)).toBeNull();
    }
  });

  it('are refused where they are none, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(unlessMalformed(() => decodeOpening(bytes))).toBeNull();
        expect(unlessMalformed(() => decodeOpeningAnswer(bytes))).toBeNull();
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (place, byte) => {
        const bytes = fromHex(vectors.opening.bytes);
        bytes[place % bytes.length] = byte;
        unlessMalformed(() => decodeOpening(bytes));
        const answer = fromHex((vectors.openingAnswers[1] as { bytes: string }).bytes);
        answer[place % answer.length] = byte;
        unlessMalformed(() => decodeOpeningAnswer(answer));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), (bytes) => {
        unlessMalformed(() => readRequest(bytes));
        unlessMalformed(() => readAnswer(bytes.subarray(0, 16)));
      }),
    );
  });

  it('put bytes together however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.infiniteStream(fc.nat(60)),
        (chunks, sizes) => {
          const incoming = createIncoming();
          for (const chunk of chunks) incoming.push(chunk);
          const whole = Buffer.concat(chunks);
          const seen: Uint8Array[] = [];
          for (const size of sizes) {
            if (incoming.bytes === 0) break;
            const length = Math.min(size, incoming.bytes);
            if (size % 2 === 0) seen.push(incoming.take(length));
            else {
              const into = new Uint8Array(length + 2);
              incoming.copy(into, 1, length);
              seen.push(into.subarray(1, 1 + length));
            }
          }
          expect(Buffer.concat(seen).equals(whole)).toBe(true);
        },
      ),
    );
  });
});

describe('a pool', () => {
  it('is there, all zeros, gives ranges over its seams, and is nothing once it was given back', async () => {
    const size = 16 * 2 ** 20 + 5000;
    const before = process.memoryUsage().arrayBuffers;
    const pool = await createPool(size);
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThanOrEqual(size);
    expect(pool.views(0, size).every((view) => view.every((byte) => byte === 0))).toBe(true);
    const seam = pool.views(16 * 2 ** 20 - 2, 4);
    expect(seam.map(({ length }) => length)).toEqual([2, 2]);
    seam.forEach((view) => view.fill(9));
    expect(pool.views(16 * 2 ** 20 - 3, 6).flatMap((view) => [...view])).toEqual([0, 9, 9, 9, 9, 0]);
    expect(() => pool.views(size - 1, 2)).toThrow('within');
    expect(() => pool.views(-1, 2)).toThrow('within');
    await Promise.all([pool.release(), pool.release()]);
    // Whoever still holds a view holds nothing: not even zeros.
    expect(seam.map(({ length }) => length)).toEqual([0, 0]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size / 2);
  });
});

describe('an operation that comes byte by byte', () => {
  it('takes the memory of its bytes, and not of the packets that they came in', () => {
    const count = 60_000;
    const before = process.memoryUsage().arrayBuffers;
    const incoming = createIncoming();
    let most = 0;
    for (let sent = 0; sent < count; sent++) {
      incoming.push(Buffer.alloc(8_192, sent).subarray(0, 1));
      if (sent % 10_000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    expect(incoming.take(count)).toEqual(Uint8Array.from({ length: count }, (_, place) => place & 255));
    expect(incoming.bytes).toBe(0);
    expect(most).toBeLessThan(200 * 1024 * 1024);
  });
});
