import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, sha256, type WorkerPool } from '../../../../../main/base/index.ts';
import { CarrierError, HandshakeError, PeerError } from '../../../../../main/transport/stoq/errors.ts';
import { createHandshaker } from '../../../../../main/transport/stoq/handshake/create-handshaker.ts';
import { HELLO_BYTES } from '../../../../../main/transport/stoq/handshake/constants.ts';
import {
  deriveHandshakeKeys,
  helloHash,
  NO_TICKET_SECRET,
  transcriptOfAnswer,
  transcriptOfShares,
} from '../../../../../main/transport/stoq/handshake/key-schedule.ts';
import {
  encodeAnswer,
  encodeHello,
  encodeIntroduction,
  encodeStatement,
  type Introduction,
  parseAnswer,
  parseHello,
  parseIntroduction,
} from '../../../../../main/transport/stoq/handshake/messages.ts';
import { createX25519Share } from '../../../../../main/transport/stoq/handshake/x25519.ts';
import type { KeyId } from '../../../../../main/base/crypto/index.ts';
import type { LocalPeer, PeerId, PeerVerifier } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createFakeChannel, createPipe } from '../../../../support/stoq/pipe.ts';
import { readExactly, readFrame, writeFrame } from './attacker.ts';
import { binding, network, optionsOf } from './fixture.ts';

/** Together with the deep ones more than a hundred thousand. */
const PARSED = 100_000;
const DEEP = 4_000;
/** What a leak of a hundred bytes an input would take many times over. */
const GROWTH_BYTES_MAX = 8 * 1024 * 1024;

/** Noise from a pool: a hundred thousand inputs take most of their time in drawing numbers otherwise. */
const seeded = createSeededRandom(4);
const pool = seeded.bytes(1 << 20);
const random = {
  below: seeded.below,
  bytes: (length: number): Uint8Array => {
    const at = seeded.below(pool.length - length);
    return pool.slice(at, at + length);
  },
};
const collect = (): number => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
};

/** Changes bytes as a fuzzer does: bits, bytes, whole runs; cuts, adds, repeats, and now and then nothing but noise. */
const mutate = (bytes: Uint8Array, keepLength = false): Uint8Array => {
  let changed: Uint8Array = bytes.slice();
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(Math.max(1, changed.length));
    const length = 1 + random.below(40);
    switch (random.below(keepLength ? 5 : 9)) {
      case 0:
        changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        changed[at] = [0, 1, 0x17, 0x18, 0x19, 0x1b, 0x40, 0x5b, 0x7f, 0x80, 0x9f, 0xbf, 0xf6, 0xfb, 0xff][
          random.below(15)
        ] as number;
        break;
      case 2:
        changed.set(random.bytes(Math.min(length, changed.length - at)), at);
        break;
      case 3:
        // Early bytes hold the structure.
        changed[random.below(Math.min(64, changed.length || 1))] = random.below(256);
        break;
      case 4:
        changed.copyWithin(at, random.below(Math.max(1, changed.length)), changed.length);
        break;
      case 5:
        changed = changed.slice(0, at);
        break;
      case 6:
        changed = Buffer.concat([changed.subarray(0, at), random.bytes(length), changed.subarray(at)]);
        break;
      case 7:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + length)]);
        break;
      default:
        if (random.below(8) === 0) changed = random.bytes(random.below(4000));
    }
  }
  return changed;
};
/** The same on values: what a peer with a sound encoder but no manners sends. */
const mutateValue = (bytes: Uint8Array): Uint8Array => {
  const value = decodeCbor(bytes) as Record<string, unknown>;
  const names = Object.keys(value);
  const name = names[random.below(names.length)] as string;
  const strange = [
    null,
    true,
    -1,
    0,
    2 ** 53,
    1.5,
    '',
    '/',
    '/x y',
    'ü'.repeat(300),
    [],
    {},
    [[[]]],
    new Uint8Array(0),
    new Uint8Array(40_000),
    { a: 1 },
  ];
  const pick = strange[random.below(strange.length)];
  switch (random.below(4)) {
    case 0:
      delete value[name];
      break;
    case 1:
      Object.defineProperty(value, ['a', '__proto__', 'toString'][random.below(3)] as string, {
        value: pick,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      break;
    default:
      value[name] = pick;
  }
  return encodeCbor(value);
};

// Signatures and ML-KEM stand in by hashes: what is tried here is everything around them.
const cipherFill = (seed: Uint8Array, length: number): Uint8Array => {
  const filled = new Uint8Array(length);
  for (let at = 0; at < length; at += seed.length) filled.set(seed.subarray(0, length - at), at);
  return filled;
};
const toyKem = {
  publicOf: (secret: Uint8Array): Uint8Array => cipherFill(sha256(secret), 1568),
  sharedOf: (key: Uint8Array, cipherText: Uint8Array): Uint8Array => sha256(Buffer.concat([key, cipherText])),
};
const toyWorkers: WorkerPool = {
  size: 1,
  run: (task, input) => {
    const give = (value: unknown): Promise<never> => Promise.resolve(value as never);
    if (task === 'stoq.kemKeys') {
      const secret = cipherFill(input as Uint8Array, 3168);
      return give({ public: toyKem.publicOf(secret), secret });
    }
    if (task === 'stoq.decapsulate') {
      const { secret, cipherText } = input as { secret: Uint8Array; cipherText: Uint8Array };
      return give(toyKem.sharedOf(toyKem.publicOf(secret), cipherText));
    }
    const { key, random: seed } = input as { key: Uint8Array; random: Uint8Array };
    const cipherText = cipherFill(seed, 1568);
    return give({ ok: true, value: { cipherText, shared: toyKem.sharedOf(key, cipherText) } });
  },
  close: () => Promise.resolve(),
};
const toyPeer = (name: string): LocalPeer => ({
  peerId: name as PeerId,
  keyId: `key:${name}` as KeyId,
  certificate: new Uint8Array(Buffer.from(name)),
  sign: (_, payload) => Promise.resolve(encodeCbor([name, payload])),
});
const toyVerifier: PeerVerifier = {
  verify: (certificate) => {
    const name = Buffer.from(certificate).toString();
    if (!/^[ab]$/.test(name))
      return Promise.reject(
        new PeerError({ code: 'CERTIFICATE_REFUSED', problem: 'toy', verdict: 'reject' }, 'No such toy.'),
      );
    const none = new Uint8Array(0);
    return Promise.resolve({
      peerId: name as PeerId,
      keyId: `key:${name}` as KeyId,
      keys: { ed25519: none, falcon1024: none },
      kem: none,
      certificate,
    });
  },
  openRecord: (_, record) => {
    try {
      const [name, payload] = decodeCbor(record) as [string, Uint8Array];
      const none = new Uint8Array(0);
      return Promise.resolve({
        payload: new Uint8Array(payload),
        keyId: `key:${name}` as KeyId,
        keys: { ed25519: none, falcon1024: none },
      });
    } catch {
      return Promise.reject(
        new PeerError({ code: 'SIGNATURE_REFUSED', problem: 'toy', verdict: 'reject' }, 'No such toy.'),
      );
    }
  },
};

const clock = createManualClock();
const handshakerOf = (name: string): ReturnType<typeof createHandshaker> =>
  createHandshaker(
    { outside: { clock, random }, logger: createSilentLogger(), workers: toyWorkers, metrics: null },
    { local: toyPeer(name), verifier: toyVerifier, memberships: () => [network('one')], open: () => true },
  );
const [nodeA, nodeB] = [handshakerOf('a'), handshakerOf('b')];
const introductionOf = (name: string, networks: Uint8Array | null): Introduction => ({
  certificate: new Uint8Array(Buffer.from(name)),
  record: null,
  networks,
  open: true,
  info: optionsOf().info,
  observed: optionsOf().observed,
});
const BOUND = binding(1);

/** One end is ours and keeps to the rules until it sends the message that is tried. @returns how the other end took it */
const againstResponder = async (
  stage: 'hello' | 'finish' | 'introduction',
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<unknown> => {
  const [evil, end] = createPipe();
  const outcome = nodeB.respond(createFakeChannel('in', BOUND), end, optionsOf()).then(
    () => null,
    (error: unknown) => error,
  );
  const share = createX25519Share(random.bytes(32));
  const secret = cipherFill(random.bytes(64), 3168);
  const core = {
    versions: [1],
    nonce: random.bytes(32),
    x25519: share.public,
    kem: toyKem.publicOf(secret),
    ticketId: random.bytes(16),
  };
  helloHash(BOUND, core);
  const hello = encodeHello({ ...core, networks: random.bytes(512), binder: random.bytes(32) });
  if (stage === 'hello') {
    await evil.write(change(hello)).catch(() => undefined);
    await evil.finish();
    return await outcome;
  }
  await evil.write(hello);
  const answer = parseAnswer(await readFrame(evil), [1]);
  const shares = transcriptOfShares(BOUND, hello, answer);
  const keys = deriveHandshakeKeys(shares, {
    ticket: NO_TICKET_SECRET,
    x25519: share.agree(answer.x25519) as Uint8Array,
    kem: toyKem.sharedOf(core.kem, answer.kem),
  });
  const transcript = transcriptOfAnswer(shares, answer.sealed);
  const introduction = introductionOf('a', null);
  const record = encodeCbor([
    'a',
    encodeStatement({
      role: 'initiator',
      transcript,
      introduction,
      initiator: 'a' as PeerId,
      responder: 'b' as PeerId,
    }),
  ]);
  const plain = encodeIntroduction({ ...introduction, record });
  if (stage === 'introduction') await writeFrame(evil, keys.sealFinish(transcript, change(plain)));
  else {
    const sealed = keys.sealFinish(transcript, plain);
    const frame = new Uint8Array(4 + sealed.length);
    new DataView(frame.buffer).setUint32(0, sealed.length);
    frame.set(sealed, 4);
    await evil.write(change(frame)).catch(() => undefined);
  }
  await evil.finish().catch(() => undefined);
  return await outcome;
};
const againstInitiator = async (
  stage: 'answer' | 'introduction',
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<unknown> => {
  const [end, evil] = createPipe();
  const outcome = nodeA.initiate(createFakeChannel('out', BOUND), end, optionsOf()).then(
    () => null,
    (error: unknown) => error,
  );
  const bytes = await readExactly(evil, HELLO_BYTES);
  const { hello } = parseHello(bytes, [1]);
  const share = createX25519Share(random.bytes(32));
  const cipherText = cipherFill(random.bytes(32), 1568);
  const head = { version: 1, nonce: random.bytes(32), x25519: share.public, kem: cipherText, resumed: false };
  const shares = transcriptOfShares(BOUND, bytes, head);
  const keys = deriveHandshakeKeys(shares, {
    ticket: NO_TICKET_SECRET,
    x25519: share.agree(hello.x25519) as Uint8Array,
    kem: toyKem.sharedOf(hello.kem, cipherText),
  });
  const introduction = introductionOf('b', random.bytes(512));
  const record = encodeCbor([
    'b',
    encodeStatement({ role: 'responder', transcript: shares, introduction, initiator: null, responder: 'b' as PeerId }),
  ]);
  const plain = encodeIntroduction({ ...introduction, record });
  const answer = encodeAnswer({ ...head, sealed: keys.sealAnswer(stage === 'introduction' ? change(plain) : plain) });
  const frame = new Uint8Array(4 + answer.length);
  new DataView(frame.buffer).setUint32(0, answer.length);
  frame.set(answer, 4);
  await evil.write(stage === 'answer' ? change(frame) : frame).catch(() => undefined);
  await evil.finish().catch(() => undefined);
  return await outcome;
};
const attempts: readonly ((change: (bytes: Uint8Array) => Uint8Array) => Promise<unknown>)[] = [
  (change) => againstResponder('hello', change),
  (change) => againstResponder('finish', change),
  (change) => againstResponder('introduction', change),
  (change) => againstInitiator('answer', change),
  (change) => againstInitiator('introduction', change),
];
const isExpected = (error: unknown): boolean =>
  error instanceof HandshakeError || error instanceof PeerError || error instanceof CarrierError;

// Twelve seconds of one processor; a machine with other work takes a multiple.
describe('whatever a stranger sends', { timeout: 240_000 }, () => {
  it(`${PARSED} changed messages are read, or refused as what they are`, () => {
    const x = random.bytes(32);
    const kem = random.bytes(1568);
    const hello = encodeHello({
      versions: [1],
      nonce: x,
      x25519: x,
      kem,
      ticketId: random.bytes(16),
      networks: random.bytes(512),
      binder: x,
    });
    const answer = encodeAnswer({ version: 1, nonce: x, x25519: x, kem, resumed: false, sealed: random.bytes(3000) });
    const record = random.bytes(300);
    const readers: readonly [Uint8Array, (bytes: Uint8Array) => unknown, keepLength: boolean][] = [
      [hello, (bytes) => parseHello(bytes, [1]), true],
      [answer, (bytes) => parseAnswer(bytes, [1]), false],
      [
        encodeIntroduction({ ...introductionOf('a', random.bytes(512)), record }),
        (bytes) => parseIntroduction(bytes, 'responder', false),
        false,
      ],
      [
        encodeIntroduction({ ...introductionOf('a', null), record }),
        (bytes) => parseIntroduction(bytes, 'initiator', false),
        false,
      ],
      [
        encodeIntroduction({ ...introductionOf('a', null), certificate: null }),
        (bytes) => parseIntroduction(bytes, 'initiator', true),
        false,
      ],
    ];
    for (const [bytes, read] of readers) expect(() => read(bytes)).not.toThrow();
    let before = 0;
    const taken = { read: 0, refused: 0 };
    for (let n = 0; n < PARSED; n++) {
      // The first tenth fills caches and compiles.
      if (n === PARSED / 10) before = collect();
      const [bytes, read, keepLength] = readers[n % readers.length] as (typeof readers)[number];
      const input = random.below(8) === 0 ? mutateValue(bytes) : mutate(bytes, keepLength && random.below(10) > 0);
      try {
        read(input);
        taken.read += 1;
      } catch (error) {
        if (!(error instanceof HandshakeError)) throw error;
        taken.refused += 1;
      }
    }
    expect(taken.read + taken.refused).toBe(PARSED);
    expect(taken.refused).toBeGreaterThan(PARSED / 3);
    expect(collect() - before).toBeLessThan(GROWTH_BYTES_MAX);
  });

  it(`${DEEP} live handshakes end in a session or a typed error at every state, and leave nothing behind`, async () => {
    // What they begin from is sound: but for the change, all would succeed.
    const errors = await Promise.all(attempts.map((attempt) => attempt((bytes) => bytes)));
    expect(errors[0]).toMatchObject({ data: { problem: 'the stream ended in the middle of the handshake' } });
    expect(errors.slice(1)).toEqual([null, null, null, null]);
    let before = 0;
    const codes = new Map<string, number>();
    for (let n = 0; n < DEEP; n++) {
      if (n === DEEP / 4) before = collect();
      const attempt = attempts[n % attempts.length] as (typeof attempts)[number];
      const byValue = n % 3 === 0 && n % attempts.length !== 1 && n % attempts.length !== 3;
      const error = await attempt((bytes) => (byValue ? mutateValue(bytes) : mutate(bytes)));
      if (error !== null && !isExpected(error)) throw error;
      const code = error === null ? 'session' : (error as HandshakeError).code;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(collect() - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(clock.pendingCount).toBe(0);
    expect(codes.get('HANDSHAKE_MALFORMED')).toBeGreaterThan(DEEP / 10);
    expect(codes.get('HANDSHAKE_REFUSED')).toBeGreaterThan(DEEP / 20);
  });
});
