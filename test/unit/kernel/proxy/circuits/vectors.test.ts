import { createHash } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { CELL, createLayer, packFrame, unpackFrame } from '../../../../../main/kernel/proxy/circuits/cells.ts';
import { CELL_BYTES } from '../../../../../main/kernel/proxy/circuits/constants.ts';
import { CIRCUIT_REFUSALS } from '../../../../../main/kernel/proxy/circuits/errors.ts';
import { deriveHop } from '../../../../../main/kernel/proxy/circuits/handshake.ts';
import {
  decodeBegin,
  decodeBegun,
  decodeExtend,
  decodeRefusal,
  encodeBegin,
  encodeBegun,
  encodeExtend,
  encodeRefusal,
} from '../../../../../main/kernel/proxy/circuits/messages.ts';
import type { PeerId } from '../../../../../main/transport/stoq/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Sent<T> {
  value: T;
  bytes: string;
}
const vectors = readVectors<{
  types: Record<string, number>;
  handshake: {
    depth: number;
    peer: PeerId;
    fills: Record<'kemKey' | 'x25519' | 'kem' | 'answer' | 'secretX25519' | 'secretKem', number>;
    forward: string;
    backward: string;
    exporter: string;
    mac: string;
  };
  cells: { text: string; plainBegins: string; sealedBegins: string; tag: string; ends: string; sha256: string }[];
  messages: {
    extend: Sent<{ peer: PeerId; certificate: boolean }>;
    begin: Sent<{ session: string; have: number; proof: null }>;
    resume: Sent<{ session: string; have: number; proof: string }>;
    begun: Sent<number>;
    refusals: { reason: string; bytes: string }[];
  };
}>('circuit', 'circuit.json');

test('types and refusals are those that were published', () => {
  expect(vectors.types).toEqual(CELL);
  expect(vectors.messages.refusals.map(({ reason }) => reason)).toEqual(CIRCUIT_REFUSALS);
  for (const [index, { bytes, reason }] of vectors.messages.refusals.entries()) {
    expect(toHex(encodeRefusal(CIRCUIT_REFUSALS[index] ?? 'off'))).toBe(bytes);
    expect(decodeRefusal(fromHex(bytes))).toBe(reason);
  }
});

test('a handshake gives the published keys, and cells under them are the published ones', () => {
  const { depth, peer, fills, ...expected } = vectors.handshake;
  const filled = (name: keyof typeof fills, length: number): Uint8Array => new Uint8Array(length).fill(fills[name]);
  const keys = deriveHop(
    { x25519: filled('secretX25519', 32), kem: filled('secretKem', 32) },
    {
      peer,
      kemKey: filled('kemKey', 1568),
      told: { depth, x25519: filled('x25519', 32), kem: filled('kem', 1568) },
      answer: filled('answer', 32),
    },
  );
  for (const name of ['forward', 'backward', 'exporter', 'mac'] as const)
    expect(toHex(keys[name])).toBe(expected[name]);

  const layer = createLayer(keys.forward, depth);
  const other = createLayer(keys.forward, depth);
  for (const { text, plainBegins, sealedBegins, tag, ends, sha256 } of vectors.cells) {
    const cell = Buffer.alloc(CELL_BYTES);
    packFrame(cell, CELL.data, Buffer.from(text));
    expect(toHex(cell).startsWith(plainBegins)).toBe(true);
    layer.seal(cell);
    expect(toHex(cell).startsWith(sealedBegins)).toBe(true);
    expect(toHex(cell).endsWith(tag + ends)).toBe(true);
    expect(createHash('sha256').update(cell).digest('hex')).toBe(sha256);
    other.open(cell);
    expect(Buffer.from(unpackFrame(cell).body).toString()).toBe(text);
  }
});

test('every message has the published bytes', () => {
  const { extend, begin, resume, begun } = vectors.messages;
  expect(toHex(encodeExtend(extend.value))).toBe(extend.bytes);
  expect(decodeExtend(fromHex(extend.bytes))).toEqual(extend.value);
  for (const { value, bytes } of [begin, resume]) {
    const proof = value.proof === null ? null : fromHex(value.proof);
    const given = { session: fromHex(value.session), have: value.have, proof };
    expect(toHex(encodeBegin(given))).toBe(bytes);
    const read = decodeBegin(fromHex(bytes));
    expect([toHex(read.session), read.have, read.proof && toHex(read.proof)]).toEqual([
      value.session,
      value.have,
      value.proof,
    ]);
  }
  expect(toHex(encodeBegun(begun.value))).toBe(begun.bytes);
  expect(decodeBegun(fromHex(begun.bytes))).toBe(begun.value);
});
