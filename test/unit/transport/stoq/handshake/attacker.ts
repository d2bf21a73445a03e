// What an attacker can do by hand: it knows the format and has sound keys of its own, and it keeps to no rule.
import { kemDecapsulate, kemEncapsulate, kemKeys } from '../../../../../main/base/crypto/index.ts';
import {
  type AnswerHead,
  binderOf,
  deriveHandshakeKeys,
  type HandshakeKeys,
  helloHash,
  NO_TICKET_SECRET,
  transcriptOfAnswer,
  transcriptOfShares,
} from '../../../../../main/transport/stoq/handshake/key-schedule.ts';
import {
  type Answer,
  encodeAnswer,
  encodeHello,
  encodeIntroduction,
  type Hello,
  type Introduction,
  parseAnswer,
  parseHello,
  parseIntroduction,
} from '../../../../../main/transport/stoq/handshake/messages.ts';
import { HELLO_BYTES } from '../../../../../main/transport/stoq/handshake/constants.ts';
import { createX25519Share, type X25519Share } from '../../../../../main/transport/stoq/handshake/x25519.ts';
import type { CarrierStream } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const random = createSeededRandom(666);

export const readExactly = async (stream: CarrierStream, length: number): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  for (let left = length; left > 0; ) {
    const part = await stream.read(left);
    if (part === null) throw new Error('the stream ended');
    parts.push(part);
    left -= part.length;
  }
  return new Uint8Array(Buffer.concat(parts));
};
export const readFrame = async (stream: CarrierStream): Promise<Uint8Array> =>
  await readExactly(stream, Buffer.from(await readExactly(stream, 4)).readUInt32BE());
export const writeFrame = async (stream: CarrierStream, bytes: Uint8Array): Promise<void> => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(bytes.length);
  await stream.write(new Uint8Array(Buffer.concat([header, bytes])));
};

/** A hello with keys of the attacker's own. */
export interface ForgedHello {
  bytes: Uint8Array;
  share: X25519Share;
  kemSecret: Uint8Array;
}
export const forgeHello = (
  binding: Uint8Array,
  change: Partial<Hello> = {},
  ticketSecret?: Uint8Array,
): ForgedHello => {
  const share = createX25519Share(random.bytes(32));
  const kem = kemKeys(random.bytes(64));
  const core = {
    versions: [1],
    nonce: random.bytes(32),
    x25519: share.public,
    kem: kem.public,
    ticketId: random.bytes(16),
    ...change,
  };
  const binder = ticketSecret === undefined ? random.bytes(32) : binderOf(ticketSecret, helloHash(binding, core));
  return {
    bytes: encodeHello({ networks: random.bytes(512), binder, ...core, ...change }),
    share,
    kemSecret: kem.secret,
  };
};

/** Plays the initiator up to the answer. */
export const dialAs = async (
  stream: CarrierStream,
  binding: Uint8Array,
  hello: ForgedHello,
  ticketSecret: Uint8Array = NO_TICKET_SECRET,
): Promise<{
  answer: Answer;
  keys: HandshakeKeys;
  theirs: Introduction;
  shares: Uint8Array;
  transcript: Uint8Array;
}> => {
  await stream.write(hello.bytes);
  const answer = parseAnswer(await readFrame(stream), [1]);
  const shares = transcriptOfShares(binding, hello.bytes, answer);
  const keys = deriveHandshakeKeys(shares, {
    ticket: answer.resumed ? ticketSecret : NO_TICKET_SECRET,
    x25519: hello.share.agree(answer.x25519) as Uint8Array,
    kem: kemDecapsulate(hello.kemSecret, answer.kem),
  });
  const theirs = parseIntroduction(keys.openAnswer(answer.sealed), 'responder', answer.resumed);
  return { answer, keys, theirs, shares, transcript: transcriptOfAnswer(shares, answer.sealed) };
};

/** Plays the responder up to its answer. */
export const answerAs = async (
  stream: CarrierStream,
  binding: Uint8Array,
  introduce: (shares: Uint8Array, hello: Hello) => Introduction | Promise<Introduction>,
  change: Partial<AnswerHead> = {},
): Promise<{ keys: HandshakeKeys; transcript: Uint8Array; hello: Hello }> => {
  const bytes = await readExactly(stream, HELLO_BYTES);
  const { hello, version } = parseHello(bytes, [1, 2, 3]);
  const share = createX25519Share(random.bytes(32));
  const { cipherText, shared } = kemEncapsulate(hello.kem, random.bytes(32));
  const head = { version, nonce: random.bytes(32), x25519: share.public, kem: cipherText, resumed: false, ...change };
  const shares = transcriptOfShares(binding, bytes, head);
  const keys = deriveHandshakeKeys(shares, {
    ticket: NO_TICKET_SECRET,
    x25519: share.agree(hello.x25519) as Uint8Array,
    kem: shared,
  });
  const sealed = keys.sealAnswer(encodeIntroduction(await introduce(shares, hello)));
  await writeFrame(stream, encodeAnswer({ ...head, sealed }));
  return { keys, transcript: transcriptOfAnswer(shares, sealed), hello };
};

/** Carries bytes both ways between two streams, as a node in the middle does, and may change what goes from the first. */
export const relay = (
  one: CarrierStream,
  two: CarrierStream,
  change: (bytes: Uint8Array, way: 'there' | 'back', place: number) => Uint8Array = (bytes) => bytes,
): void => {
  const carry = async (from: CarrierStream, to: CarrierStream, way: 'there' | 'back'): Promise<void> => {
    let place = 0;
    try {
      for (let part = await from.read(65_536); part !== null; part = await from.read(65_536)) {
        await to.write(change(part, way, place));
        place += part.length;
      }
      await to.finish();
    } catch {
      from.reset();
      to.reset();
    }
  };
  void carry(one, two, 'there');
  void carry(two, one, 'back');
};
