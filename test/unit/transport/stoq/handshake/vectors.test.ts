import { createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { keyIdBytesOf, peerIdOf, verifyRecord } from '../../../../../main/base/crypto/index.ts';
import {
  type HandshakeRun,
  type HandshakeVector,
  keysOf,
  runHandshakeVector,
} from '../../../../support/stoq/handshake-vector.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const vector = readVectors<HandshakeVector>('stoq-handshake', 'handshake.json');

// What follows is written from docs/formats/stoq-handshake.md alone and shares nothing with the program but the codec.
const NAME = 'hypermesh stoq handshake';
const sha512 = (value: unknown): Uint8Array => createHash('sha512').update(encodeCbor(value)).digest();
const derive = (secret: Uint8Array, salt: Uint8Array, info: string, length: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha512', secret, salt, `${NAME} ${info}`, length));
const none = new Uint8Array(0);
const mac = (key: Uint8Array, value: Uint8Array): Uint8Array => createHmac('sha256', key).update(value).digest();
const open = (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array => {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(-16));
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]));
};
interface Opened {
  certificate: Uint8Array | null;
  record: Uint8Array | null;
  networks: Uint8Array | null;
  open: boolean;
  info: unknown;
  observed: string;
  pad: Uint8Array;
}

const read = (
  run: HandshakeRun,
  ticketSecret: Uint8Array,
): {
  hello: Record<string, Uint8Array> & { v: number[] };
  first: Opened;
  second: Opened;
  shares: Uint8Array;
  answerHash: Uint8Array;
  master: Uint8Array;
  resumed: boolean;
  helloHash: Uint8Array;
} => {
  const binding = fromHex(run.binding);
  const helloBytes = fromHex(run.hello);
  const hello = decodeCbor(helloBytes) as Record<string, Uint8Array> & { v: number[] };
  const answer = decodeCbor(fromHex(run.answer).subarray(4)) as Record<string, Uint8Array> & {
    v: number;
    resumed: boolean;
  };
  const ticketId = (hello['ticket'] as Uint8Array).subarray(0, 16);
  const helloHash = sha512([NAME, 'hello', binding, hello.v, hello['nonce'], hello['x25519'], hello['kem'], ticketId]);
  const shares = sha512([
    NAME,
    'shares',
    binding,
    helloBytes,
    answer.v,
    answer['nonce'],
    answer['x25519'],
    answer['kem'],
    answer.resumed,
  ]);
  const [secret, seed] = run.initiatorDraws.map(fromHex) as [Uint8Array, Uint8Array, Uint8Array];
  const kem = ml_kem1024.keygen(seed);
  expect(hello['x25519']).toEqual(x25519.getPublicKey(secret));
  expect(hello['kem']).toEqual(kem.publicKey);
  const root = derive(
    Buffer.concat([
      ticketSecret,
      x25519.getSharedSecret(secret, answer['x25519'] as Uint8Array),
      ml_kem1024.decapsulate(answer['kem'] as Uint8Array, kem.secretKey),
    ]),
    shares,
    'root',
    64,
  );
  const nonce = new Uint8Array(12);
  const sealed = answer['sealed'] as Uint8Array;
  const first = decodeCbor(open(derive(root, shares, 'answer', 32), nonce, sealed, shares)) as Opened;
  const answerHash = sha512([NAME, 'answer', shares, sealed]);
  const finish = fromHex(run.finish).subarray(4);
  const second = decodeCbor(open(derive(root, answerHash, 'finish', 32), nonce, finish, answerHash)) as Opened;
  const whole = sha512([NAME, 'finish', answerHash, finish, vector.initiator.peerId, vector.responder.peerId]);
  return {
    hello,
    first,
    second,
    shares,
    answerHash,
    master: derive(root, whole, 'session', 64),
    resumed: answer.resumed,
    helloHash,
  };
};
const contains = (proofs: Uint8Array, proof: Uint8Array): boolean =>
  Array.from({ length: 16 }, (_, n) => toHex(proofs.subarray(n * 32, n * 32 + 32))).includes(toHex(proof));

describe('vectors of the handshake', () => {
  it('are what both ends of this program make with the same random numbers', async () => {
    expect(await runHandshakeVector(vector.initiator, vector.responder)).toEqual(vector);
  });

  it('read as the page on the format says: full, resumed with its ticket, and a sealed stream', () => {
    const full = read(vector.full, new Uint8Array(32));
    expect(full.resumed).toBe(false);
    expect(fromHex(vector.full.hello)).toHaveLength(2560);
    for (const introduction of [full.first, full.second]) expect(encodeCbor(introduction).length % 1024).toBe(0);
    const key = fromHex(vector.network.key);
    const proof = (role: string, hash: Uint8Array): Uint8Array =>
      mac(key, encodeCbor(['hypermesh stoq network', role, hash]));
    expect(contains(full.hello['networks'] as Uint8Array, proof('initiator', full.helloHash))).toBe(true);
    expect(contains(full.first.networks as Uint8Array, proof('responder', full.shares))).toBe(true);

    for (const [role, shown, who, transcript] of [
      ['responder', full.first, vector.responder, full.shares],
      ['initiator', full.second, vector.initiator, full.answerHash],
    ] as const) {
      const keys = keysOf(who.entropy);
      expect(who.peerId).toBe(peerIdOf(keys.node.public.ed25519));
      expect(toHex(shown.certificate as Uint8Array)).toBe(who.certificate);
      const { payload } = verifyRecord(shown.record as Uint8Array, {
        domain: 'stoq-handshake',
        signer: keyIdBytesOf(keys.node.public),
      });
      const { certificate, networks, open: isOpen, info, observed } = shown;
      expect(decodeCbor(payload)).toEqual({
        v: 1,
        role,
        transcript: new Uint8Array(transcript),
        said: new Uint8Array(
          createHash('sha256')
            .update(encodeCbor({ certificate, networks, open: isOpen, info, observed }))
            .digest(),
        ),
        initiator: role === 'initiator' ? vector.initiator.peerId : null,
        responder: vector.responder.peerId,
      });
    }
    expect(toHex(derive(full.master, none, 'id', 16))).toBe(vector.full.sessionId);
    expect(toHex(derive(full.master, none, 'key example', 32))).toBe(vector.full.exampleKey);

    const secret = derive(full.master, none, 'ticket secret initiator', 32);
    const resumed = read(vector.resumed, secret);
    expect(resumed.resumed).toBe(true);
    const ticket = resumed.hello['ticket'] as Uint8Array;
    expect(ticket.slice(0, 16)).toEqual(derive(full.master, none, 'ticket id initiator', 16));
    expect(toHex(ticket.subarray(16))).toBe(toHex(mac(derive(secret, none, 'binder', 32), resumed.helloHash)));
    expect([resumed.first.certificate, resumed.first.record, resumed.second.certificate]).toEqual([null, null, null]);
    expect(toHex(derive(resumed.master, none, 'id', 16))).toBe(vector.resumed.sessionId);
    expect(toHex(derive(resumed.master, none, 'key example', 32))).toBe(vector.resumed.exampleKey);

    const streamKey = derive(resumed.master, none, 'key sealed stream 1 opener', 32);
    const plain = vector.sealedStream.records.map((record, count) => {
      const bytes = fromHex(record);
      const nonce = new Uint8Array(12);
      nonce[11] = count;
      return toHex(open(streamKey, nonce, bytes.subarray(3), bytes.subarray(0, 3)));
    });
    expect(plain).toEqual([...vector.sealedStream.writes, '']);
    expect(vector.sealedStream.records.map((record) => record.slice(0, 6))).toEqual(['000001', '000009', '800000']);
  });
});
