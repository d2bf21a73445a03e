import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrameReader, createFrameWriter } from '../../../../../../main/kernel/proxy/forwarders/vpn/frames.ts';
import { readPacket } from '../../../../../../main/kernel/proxy/forwarders/vpn/ipv6.ts';
import { fromHex, readVectors } from '../../../../../support/vectors.ts';
import { addressBytes } from '../../../../../support/vpn-packets.ts';

const framed = (packet: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(packet.length >> 8, packet.length & 0xff), packet]);
const packets = fc.array(fc.uint8Array({ minLength: 40, maxLength: 300 }), { maxLength: 12 });

describe('packets behind their lengths', () => {
  it('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(framed));
        const reader = createFrameReader();
        const read: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const length = cuts[n % cuts.length]!;
          expect(reader.push(bytes.subarray(at, at + length), (packet) => read.push(Buffer.from(packet)))).toBe(true);
          at += length;
        }
        expect(read).toEqual(sent.map((packet) => Buffer.from(packet)));
      }),
    );
  });
  it('are those of the vectors', () => {
    const { local, packets: all } = readVectors<{ local: string; packets: { kind: string; frame: string }[] }>(
      'tun-helper',
      'packets.json',
    );
    const kinds: string[] = [];
    const reader = createFrameReader();
    for (const { frame } of all)
      expect(
        reader.push(Buffer.from(fromHex(frame)), (packet) => kinds.push(readPacket(packet, addressBytes(local)).kind)),
      ).toBe(true);
    expect(kinds).toEqual(all.map(({ kind }) => kind));
    // One bit of the last: its sum no longer holds.
    const spoiled = Buffer.from(fromHex(all.at(-1)!.frame));
    spoiled[spoiled.length - 1]! ^= 1;
    const read: unknown[] = [];
    createFrameReader().push(spoiled, (packet) => read.push(readPacket(packet, addressBytes(local))));
    expect(read).toEqual([{ kind: 'drop', why: 'checksum' }]);
  });
  it('end with a length that no packet has', () => {
    const read: Buffer[] = [];
    const bytes = Buffer.concat([framed(Buffer.alloc(40, 1)), Uint8Array.of(0, 39)]);
    expect(createFrameReader().push(bytes, (packet) => read.push(packet))).toBe(false);
    expect(read).toHaveLength(1);
    const reader = createFrameReader();
    expect(reader.push(Buffer.from([0]), () => undefined)).toBe(true);
    expect(reader.push(Buffer.from([12]), () => undefined)).toBe(false);
  });
  it('leave together, at the end of the turn or when a buffer is full', async () => {
    const written: Buffer[] = [];
    const writer = createFrameWriter({
      bufferBytes: 200,
      bytesMax: 10_000,
      write: (bytes, done) => {
        written.push(Buffer.from(bytes));
        done();
      },
      onRoom: () => undefined,
    });
    for (let n = 1; n <= 5; n++) writer.reserve(60)!.fill(n);
    // 62 bytes each: three fit.
    expect(written.map(({ length }) => length)).toEqual([186]);
    await Promise.resolve();
    expect(written.map(({ length }) => length)).toEqual([186, 124]);
    const read: number[] = [];
    createFrameReader().push(Buffer.concat(written), (packet) => read.push(packet[0]!, packet[59]!));
    expect(read).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });
  it('wait for the write that is under way, and leave with the next', async () => {
    const written: number[] = [];
    const dones: (() => void)[] = [];
    const writer = createFrameWriter({
      bufferBytes: 1000,
      bytesMax: 10_000,
      write: (bytes, done) => {
        written.push(bytes.length);
        dones.push(done);
      },
      onRoom: () => undefined,
    });
    for (let n = 0; n < 3; n++) {
      writer.reserve(98);
      await Promise.resolve();
    }
    expect(written).toEqual([100]);
    dones[0]!();
    expect(written).toEqual([100, 200]);
    dones[1]!();
    expect(written).toEqual([100, 200]);
  });
  it('are held back while too much is under way', () => {
    const dones: (() => void)[] = [];
    let rooms = 0;
    const writer = createFrameWriter({
      bufferBytes: 1000,
      bytesMax: 2000,
      write: (_, done) => dones.push(done),
      onRoom: () => {
        rooms += 1;
      },
    });
    let taken = 0;
    while (writer.reserve(98) !== null) taken += 1;
    expect(taken).toBe(20);
    expect(writer.full).toBe(true);
    expect(dones).toHaveLength(1);
    dones[0]!();
    // The second buffer is on its way by now.
    expect([dones.length, rooms, writer.full]).toEqual([2, 0, true]);
    dones[1]!();
    expect([rooms, writer.full]).toEqual([1, false]);
    expect(writer.reserve(98)).not.toBeNull();
  });
});
