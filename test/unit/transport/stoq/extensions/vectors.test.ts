import { describe, expect, it } from 'vitest';
import { verifyHops } from '../../../../../main/transport/stoq/extensions/hops.ts';
import {
  encodeManifest,
  encodePartHead,
  encodeReceipt,
  makeManifest,
  readManifest,
  readPartHead,
  RECEIPTS,
} from '../../../../../main/transport/stoq/extensions/split-manifest.ts';
import { createTokenGate, readTokenClaims } from '../../../../../main/transport/stoq/extensions/tokens.ts';
import {
  encodeAnswer,
  encodeQuestion,
  readAnswer,
  readQuestion,
} from '../../../../../main/transport/stoq/extensions/trace.ts';
import type { PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { stoqTasks } from '../../../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Vectors {
  peers: Record<'a' | 'b' | 'c', PeerId>;
  token: { protocol: string; message: string; nowMs: number; payload: string; record: string };
  split: {
    message: string;
    manifest: string;
    parts: { head: string; bytes: string; sha256: string }[];
    receipts: Record<'taken1' | 'had1' | 'room3', string>;
  };
  hops: { subject: string; payloads: string[]; records: string[] };
  trace: { question: string; refusal: string };
}
const vectors = readVectors<Vectors>('stoq-extensions', 'extensions.json');
const { a, b, c } = vectors.peers;
const verifier = createSelfMadeVerifier({ workers: createInlineWorkers({ rooms: { stoq: async () => stoqTasks } }) });

describe('vectors of extensions', () => {
  it('admit the token where and when it counts', async () => {
    const { token } = vectors;
    const clock = createManualClock({ nowMs: token.nowMs });
    const gate = createTokenGate(
      { outside: { clock, random: createSeededRandom(1) }, verifier },
      { self: c, isIssuer: (peer) => peer === a },
    );
    const shown = { holder: b, protocol: token.protocol, message: fromHex(token.message) };
    const claims = await gate.admit(fromHex(token.record), shown);
    expect(claims).toEqual(readTokenClaims(fromHex(token.payload)));
    expect(claims).toMatchObject({ issuer: a, holder: b, audience: c, issuedAtMs: token.nowMs });
  });

  it('are made of a message again, byte for byte', async () => {
    const { split } = vectors;
    const message = fromHex(split.message);
    const source = {
      length: message.length,
      read: (from: number, length: number) => message.slice(from, from + length),
    };
    const manifest = await makeManifest(createManualClock(), source, { id: new Uint8Array(16).fill(9), partBytes: 10 });
    expect(toHex(encodeManifest(manifest))).toBe(split.manifest);
    expect(toHex(encodeManifest(readManifest(fromHex(split.manifest))))).toBe(split.manifest);
    expect(split.parts).toHaveLength(3);
    for (const [part, { head, bytes, sha256 }] of split.parts.entries()) {
      expect(toHex(encodePartHead(part, bytes.length / 2))).toBe(head);
      expect(readPartHead(fromHex(head))).toEqual({ part, length: bytes.length / 2 });
      expect(toHex(manifest.parts[part] as Uint8Array)).toBe(sha256);
    }
    expect({
      taken1: toHex(encodeReceipt(RECEIPTS.taken, 1)),
      had1: toHex(encodeReceipt(RECEIPTS.had, 1)),
      room3: toHex(encodeReceipt(RECEIPTS.room, 3)),
    }).toEqual(split.receipts);
  });

  it('show the way of the hops', async () => {
    const records = vectors.hops.records.map(fromHex);
    const way = await verifyHops(verifier, fromHex(vectors.hops.subject), records, a);
    expect(way.map(({ from, peer, tier }) => ({ from, peer, tier }))).toEqual([
      { from: a, peer: b, tier: 'quic' },
      { from: b, peer: c, tier: 'relay' },
    ]);
  });

  it('are questions and answers in their one encoding', () => {
    const question = readQuestion(fromHex(vectors.trace.question));
    expect(question).toMatchObject({ target: c, left: 8, hops: [] });
    expect(toHex(encodeQuestion(question))).toBe(vectors.trace.question);
    const answer = readAnswer(fromHex(vectors.trace.refusal));
    expect(answer).toEqual({ refusal: 'notAllowed', by: b });
    expect(toHex(encodeAnswer(answer))).toBe(vectors.trace.refusal);
  });
});
