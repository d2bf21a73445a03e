import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOfHost,
  encodeBindingAnswer,
  encodeBindingRequest,
  hostOfBytes,
  normalHost,
  readBindingAnswer,
  readBindingRequest,
} from '../../../../../main/transport/stoq/reach/stun.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const vectors = JSON.parse(
  readFileSync(new URL('../../../../vectors/stoq-side-socket/rfc5769.json', import.meta.url), 'utf8'),
) as { name: string; packet: string; transaction: string; host: string; port: number }[];
const host = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes.subarray(0, 10).some((byte) => byte !== 0)),
);

describe('addresses', () => {
  it('reads and writes every address alike', () => {
    fc.assert(
      fc.property(host, (bytes) => {
        expect(bytesOfHost(hostOfBytes(bytes))).toEqual(bytes);
      }),
    );
  });
  it('has one text for one address', () => {
    expect(normalHost('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(normalHost('2001:DB8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(normalHost('fe80::1%eth0')).toBe('fe80::1%eth0');
    expect(normalHost('::')).toBe('::');
    expect(normalHost('2001:db8:0:1:1:1:1:1')).toBe('2001:db8:0:1:1:1:1:1');
    expect(() => bytesOfHost('example.org')).toThrow('no IP address');
  });
});

describe('Binding of RFC 8489', () => {
  it.each(vectors)('reads the answer of RFC 5769: $name', ({ packet, transaction, host: seen, port }) => {
    expect(readBindingAnswer(hex(packet))).toEqual({ transaction: hex(transaction), seen: { host: seen, port } });
  });
  it('answers what it asks, for every address', () => {
    expect(vectors.length).toBeGreaterThan(1);
    fc.assert(
      fc.property(
        host,
        fc.integer({ min: 1, max: 65_535 }),
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        (bytes, port, transaction) => {
          const request = encodeBindingRequest(transaction);
          expect(readBindingRequest(request)).toEqual(transaction);
          const answer = encodeBindingAnswer(transaction, { host: hostOfBytes(bytes), port });
          // Never longer than the request: no amplification.
          expect(answer.length).toBeLessThanOrEqual(request.length);
          expect(readBindingAnswer(answer)).toEqual({ transaction, seen: { host: hostOfBytes(bytes), port } });
        },
      ),
    );
  });
  it('refuses whatever is broken, and never throws', () => {
    const answer = encodeBindingAnswer(new Uint8Array(12), { host: '192.0.2.1', port: 9 });
    for (let cut = 0; cut < answer.length; cut++) expect(readBindingAnswer(answer.subarray(0, cut))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const packet = new Uint8Array(20 + bytes.length);
        packet.set(answer.subarray(0, 20));
        new DataView(packet.buffer).setUint16(2, bytes.length);
        packet.set(bytes, 20);
        readBindingAnswer(packet);
        packet[0] = 0;
        readBindingRequest(packet);
      }),
      { numRuns: 2000 },
    );
  });
  it('does not do what a request requires beyond it', () => {
    const request = encodeBindingRequest(new Uint8Array(12));
    // USERNAME, comprehension-required.
    request[20] = 0x00;
    request[21] = 0x06;
    expect(readBindingRequest(request)).toBeNull();
  });
});
