import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNodeError } from '../../../../../main/base/index.ts';
import {
  decodeSeedsAnswer,
  decodeSeedsRequest,
  encodeSeedsAnswer,
  encodeSeedsRequest,
} from '../../../../../main/transport/stoq/discovery/create-seeds.ts';
import { commonBits, compareDistance, createPeerIds } from '../../../../../main/transport/stoq/discovery/dht/key.ts';
import {
  decodeLookupAnswer,
  decodeRequest,
  decodeWriteAnswer,
  encodeLookupAnswer,
  encodeRequest,
  encodeWriteAnswer,
  type DhtRequest,
} from '../../../../../main/transport/stoq/discovery/dht/messages.ts';
import { decodeDhtPayload, encodeDhtPayload } from '../../../../../main/transport/stoq/discovery/dht/record.ts';
import { encodeInvite, parseInvite } from '../../../../../main/transport/stoq/discovery/invite.ts';
import { readPacket } from '../../../../../main/transport/stoq/discovery/mdns/packets.ts';
import { membershipOf } from '../../../../../main/transport/stoq/discovery/membership.ts';
import { decodePeerRecord, encodePeerRecord } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import { openHint, sealHint } from '../../../../../main/transport/stoq/discovery/sealed-hint.ts';
import type { Address, NetworkId } from '../../../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { fakeLocal } from '../../../../support/stoq/fake-endpoints.ts';

const peer = fc.integer({ min: 0, max: 50 }).map((n) => fakeLocal(n).peerId);
const address = fc.oneof(
  fc.integer({ min: 1, max: 65535 }).map((port) => `/ip6/2a0b::${port.toString(16)}/udp/${port}/quic-v1` as Address),
  fc.integer({ min: 1, max: 65535 }).map((port) => `/ip4/8.8.8.8/tcp/${port}/tls` as Address),
);
const addresses = (maxLength: number) => fc.uniqueArray(address, { maxLength });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.nat({ max: 2 ** 48 });
const record = fc.uint8Array({ minLength: 1, maxLength: 2000 });
const claims = fc.uniqueArray(fc.record({ peer, addresses: addresses(8) }), {
  maxLength: 20,
  selector: (one) => one.peer,
});
const sealed = fc.uint8Array({ minLength: 1024, maxLength: 1024 });

/** Whatever comes in, what is thrown is one of our errors: a crash would end the node. */
const onlyOurErrors = (read: () => unknown): void => {
  try {
    read();
  } catch (error) {
    expect(isNodeError(error)).toBe(true);
  }
};
/** Random bytes are hardly ever CBOR, so most inputs are good ones with a part overwritten. */
const hurt = (good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(good, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([bytes, at, over]) => {
      const changed = new Uint8Array(bytes);
      changed.set(over.subarray(0, Math.max(0, changed.length - (at % changed.length))), at % changed.length);
      return changed;
    }),
    fc.tuple(good, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
  );
const holds = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => void, numRuns = 300): void =>
  fc.assert(
    fc.property(arbitrary, (value) => {
      law(value);
    }),
    { numRuns },
  );

describe('codecs of discovery', () => {
  it('read peer records that they wrote, and throw our errors at others', () => {
    const good = fc.record({
      peerId: peer,
      addresses: addresses(16),
      sequence: count,
      issuedAtMs: count,
      lifeMs: fc.integer({ min: 1, max: 86_400_000 }),
    });
    holds(good, (value) => expect(decodePeerRecord(encodePeerRecord(value), value.peerId)).toEqual(value));
    holds(
      hurt(good.map(encodePeerRecord)),
      (bytes) => onlyOurErrors(() => decodePeerRecord(bytes, fakeLocal(1).peerId)),
      1000,
    );
  });

  it('read records of the DHT that they wrote', () => {
    const network = 'public' as NetworkId;
    const good = fc.record({
      network: fc.constant(network),
      namespace: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
      topic: fc.uint8Array({ maxLength: 64 }),
      value: fc.uint8Array({ maxLength: 500 }),
      sequence: count,
      issuedAtMs: count,
      lifeMs: fc.integer({ min: 1, max: 86_400_000 }),
    });
    const context = { network, signer: fakeLocal(1).peerId, encoded: new Uint8Array(0) };
    holds(good, (value) => expect(decodeDhtPayload(encodeDhtPayload(value), context)).toMatchObject(value));
    holds(hurt(good.map(encodeDhtPayload)), (bytes) => onlyOurErrors(() => decodeDhtPayload(bytes, context)), 1000);
  });

  it('read requests and answers of the DHT that they wrote', () => {
    const ids = createPeerIds(10);
    const request: fc.Arbitrary<DhtRequest> = fc.oneof(
      fc.record({ ask: fc.constantFrom('find' as const, 'get' as const, 'providers' as const), key }),
      fc.record({ ask: fc.constantFrom('put' as const, 'announce' as const), record }),
      fc.record({ ask: fc.constant('provide' as const), key, sealed: fc.option(sealed) }),
    );
    holds(request, (value) => expect(decodeRequest(encodeRequest(value))).toEqual(value));
    holds(hurt(request.map(encodeRequest)), (bytes) => onlyOurErrors(() => decodeRequest(bytes)), 1000);
    const answer = fc.record({
      closer: claims,
      record: fc.option(record),
      providers: claims,
      sealed: fc.array(sealed, { maxLength: 3 }),
    });
    holds(answer, (value) => expect(decodeLookupAnswer(encodeLookupAnswer(value), ids)).toMatchObject(value), 100);
    holds(hurt(answer.map(encodeLookupAnswer)), (bytes) => onlyOurErrors(() => decodeLookupAnswer(bytes, ids)), 500);
    const outcome = fc.constantFrom(
      'stored' as const,
      'older' as const,
      'full' as const,
      'busy' as const,
      'far' as const,
      'late' as const,
    );
    const write = fc.record({ outcome, newer: fc.option(record) });
    holds(write, (value) => expect(decodeWriteAnswer(encodeWriteAnswer(value))).toEqual(value));
    holds(hurt(write.map(encodeWriteAnswer)), (bytes) => onlyOurErrors(() => decodeWriteAnswer(bytes)));
  });

  it('read seeds that they wrote', () => {
    const request = fc.record({ want: fc.nat({ max: 32 }), record: fc.option(record) });
    holds(request, (value) => expect(decodeSeedsRequest(encodeSeedsRequest(value))).toEqual(value));
    holds(hurt(request.map(encodeSeedsRequest)), (bytes) => onlyOurErrors(() => decodeSeedsRequest(bytes)));
    const answer = fc.record({ record: fc.option(record), others: fc.array(record, { maxLength: 32 }) });
    holds(answer, (value) => expect(decodeSeedsAnswer(encodeSeedsAnswer(value))).toEqual(value), 50);
    holds(hurt(answer.map(encodeSeedsAnswer)), (bytes) => onlyOurErrors(() => decodeSeedsAnswer(bytes)));
  });

  it('read invites that they wrote, at most 800 characters, and throw our errors at others', () => {
    const nowMs = Date.UTC(2026, 0, 5);
    const network = fc
      .tuple(
        fc.stringMatching(/^[a-z0-9 ]{1,64}$/).filter((name) => name.trim() === name && name !== ''),
        key,
      )
      .map(([name, bytes]) => membershipOf(name, bytes));
    const good = fc.record({
      inviter: peer,
      addresses: addresses(8),
      network: fc.option(network),
      expiresAtMs: fc.integer({ min: nowMs, max: nowMs * 2 }),
      id: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      secret: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    });
    holds(good, (value) => {
      const link = encodeInvite(value);
      expect(link.length).toBeLessThanOrEqual(800);
      const read = parseInvite(link, nowMs);
      expect({ ...read, addresses: [] }).toEqual({ ...value, addresses: [] });
      // What did not fit was left out, from the end.
      expect(read.addresses).toEqual(value.addresses.slice(0, read.addresses.length));
    });
    holds(
      fc.tuple(good.map(encodeInvite), fc.nat(), fc.string({ minLength: 1, maxLength: 3 })),
      ([link, at, over]) => {
        const place = at % link.length;
        onlyOurErrors(() => parseInvite(link.slice(0, place) + over + link.slice(place + over.length), nowMs));
        onlyOurErrors(() => parseInvite(link.slice(0, place), nowMs));
      },
      500,
    );
    holds(fc.string({ maxLength: 900 }), (text) => {
      onlyOurErrors(() => parseInvite(text, nowMs));
      onlyOurErrors(() => parseInvite(`hypermesh:join/${text}`, nowMs));
    });
  });

  it('open hints that they sealed with the same key and context only', () => {
    const random = createSeededRandom(7);
    holds(
      fc.tuple(peer, addresses(8), key, key),
      ([one, list, secret, context]) => {
        const bytes = sealHint({ key: secret, context, random }, { peer: one, addresses: list });
        expect(bytes).toHaveLength(1024);
        expect(openHint(secret, context, bytes)).toEqual({ peer: one, addresses: list });
        const changed = new Uint8Array(bytes);
        changed[500] = (changed[500] ?? 0) ^ 1;
        expect(openHint(secret, context, changed)).toBeNull();
        expect(openHint(secret, new Uint8Array(1), bytes)).toBeNull();
      },
      100,
    );
    holds(fc.uint8Array({ maxLength: 1100 }), (bytes) =>
      expect(openHint(new Uint8Array(32), new Uint8Array(0), bytes)).toBeNull(),
    );
  });

  it('make nothing of packets of any shape', () => {
    const where = { memberships: [membershipOf('family', new Uint8Array(32))], nowMs: 0, zone: 'eth0' };
    const text = fc
      .oneof(fc.constant('v=1'), fc.constant('t='), fc.constant('s='), fc.constant('dnsaddr='), fc.string())
      .chain((start) => fc.uint8Array({ maxLength: 250 }).map((rest) => Buffer.concat([Buffer.from(start), rest])));
    const item = fc.record({
      name: fc.oneof(fc.constant('x._hypermesh._udp.local'), fc.string(), fc.integer()),
      type: fc.oneof(fc.constant('TXT'), fc.string()),
      data: fc.oneof(
        fc.array(text).map((rest) => [Buffer.from('v=1'), ...rest]),
        fc.anything(),
      ),
    });
    const packet = fc.oneof(
      fc.anything(),
      fc.record({
        type: fc.constant('response'),
        answers: fc.oneof(fc.array(item), fc.anything()),
        additionals: fc.oneof(fc.array(item), fc.anything()),
      }),
    );
    holds(packet, (value) => expect(readPacket(value, where)).toEqual([]), 1000);
  });

  it('order by distance as numbers do', () => {
    const big = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
    holds(fc.tuple(key, key, key), ([target, a, b]) => {
      const [left, right] = [big(target) ^ big(a), big(target) ^ big(b)];
      expect(Math.sign(compareDistance(target, a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      const bits = (big(a) ^ big(b)).toString(2).length;
      expect(commonBits(a, b)).toBe(big(a) === big(b) ? 256 : 256 - bits);
    });
  });
});
