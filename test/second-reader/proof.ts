/** Challenge, combined proof, stake and proof file, written from docs/formats/proof.md, proof-stake.md and proof-file.md. */
import { decode, encode, type Value } from './cbor.ts';
import { readCertificate } from './certificate.ts';
import { hex, isMap, Reader, readMap, readProof, same, sha256 } from './fields.ts';
import { readRecord } from './record.ts';
import { demand } from './refusal.ts';
import { type Answered, checkSpace } from './space.ts';
import { checkTime, type Time, type Verifier } from './time.ts';
import { checkWork, type Work } from './work.ts';

const malformed = 'PROOF_MALFORMED';
const latest = 253_402_300_799_999;

/** What is to be proved, and its hash. */
export interface Challenge {
  readonly hash: Uint8Array;
  readonly network: Uint8Array;
  readonly node: Uint8Array;
  readonly asset: string;
  readonly purpose: string;
  readonly nonce: Uint8Array;
  readonly issuer: Uint8Array;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly anchor: { readonly height: number; readonly hash: Uint8Array } | null;
}

/** A combined proof of which everything was checked. */
export interface Combined {
  readonly challenge: Challenge;
  readonly id: Uint8Array;
  readonly space: Answered[];
  readonly stakeMicro: bigint;
  readonly work: Work;
  readonly time: Time;
}

/** Read a challenge. */
export function readChallenge(value: Value): Challenge {
  const names = 'v network node asset purpose nonce issuer issuedAtMs expiresAtMs anchor';
  const fields = new Reader(value, names, malformed);
  demand(fields.whole('v') === 1, 'PROOF_VERSION', 'challenge');
  const encoded = encode(value);
  demand(encoded.length <= 1024, malformed, 'challenge too large');
  const issuedAtMs = fields.whole('issuedAtMs', 0, latest);
  const given = fields.value('anchor');
  const anchor = given === null ? null : new Reader(given, 'height hash', malformed);
  return {
    hash: sha256(encoded),
    network: fields.bytes('network', 32),
    node: fields.bytes('node', 32),
    asset: fields.text('asset', /^asset:(cpu|gpu|memory|storage|network|container|economic):b[a-z2-7]{58}$/),
    purpose: fields.text('purpose', /^[a-z][a-z0-9.-]{0,63}$/),
    nonce: fields.bytes('nonce', 32),
    issuer: fields.bytes('issuer', 32),
    issuedAtMs,
    expiresAtMs: fields.whole('expiresAtMs', issuedAtMs + 1, Math.min(latest, issuedAtMs + 604_800_000)),
    anchor: anchor === null ? null : { height: anchor.whole('height'), hash: anchor.bytes('hash', 32) },
  };
}

/** Name of a combined proof. */
export function combinedIdOf(space: Uint8Array, stake: Uint8Array, work: Uint8Array, time: Uint8Array): Uint8Array {
  return sha256(encode([space, stake, work, time]));
}

/** What the last segment of a chain of time absorbs. */
export function closingOf(space: Uint8Array, work: Uint8Array): Uint8Array {
  return sha256(encode([sha256(space), sha256(work)]));
}

/** Check a combined proof with everything in it. */
export function checkCombined(value: Value, attachments: Uint8Array[], verifier: Verifier): Combined {
  const { nowMs, skewMs } = verifier;
  demand(encode(value).length <= 3_145_728, 'PROOF_TOO_LARGE', 'combined proof');
  const fields = new Reader(value, 'v challenge space stake work time', malformed);
  demand(fields.whole('v') === 1, 'PROOF_VERSION', 'combined proof');
  const challenge = readChallenge(fields.value('challenge'));
  const [space, stake, work, time] = ['space', 'stake', 'work', 'time'].map((name) => {
    const part = fields.bytes(name, undefined, 1_310_720);
    demand(part.length > 0, malformed, `no ${name}`);
    return part;
  }) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  demand(challenge.issuedAtMs <= nowMs + skewMs, 'FROM_THE_FUTURE', 'issued after now');
  const shown = checkWork(work, challenge.hash);
  demand(shown.wallUs / 1000 <= nowMs - challenge.issuedAtMs + skewMs, 'TIME_IMPOSSIBLE', 'longer than there was');
  const stakeMicro = checkStake(stake, challenge, { space, work, time }, verifier);
  return {
    challenge,
    id: combinedIdOf(space, stake, work, time),
    space: checkSpace(space, challenge.hash, challenge.node, attachments),
    stakeMicro,
    work: shown,
    time: checkTime(time, challenge, closingOf(space, work), verifier),
  };
}

/** Read and check a proof file. */
export function checkProofFile(bytes: Uint8Array, verifier: Verifier): Combined {
  const code = 'PROOF_UNREADABLE';
  demand(bytes.length <= 4_194_304, code, 'too large');
  const fields = readMap(bytes, 'v kind proof attachments', code, code);
  fields.text('kind', /^hypermesh-proof$/);
  const [proof, named] = [fields.value('proof'), fields.value('attachments')];
  demand(isMap(proof) && isMap(named) && Object.keys(named).length <= 4, code, 'no proof, or other attachments');
  const parts = ['space', 'stake', 'work', 'time'].map((name) => proof[name]);
  const attachments = Object.entries(named).map(([name, attachment]) => {
    demand(attachment instanceof Uint8Array && attachment.length <= 3_145_728, code, 'attachment');
    demand(hex(sha256(attachment)) === name, code, 'an attachment of another name');
    const isNamed = parts.some((part) => part instanceof Uint8Array && Buffer.from(part).includes(sha256(attachment)));
    demand(isNamed, code, 'an attachment that nothing names');
    return attachment;
  });
  return checkCombined(proof, attachments, verifier);
}

type Parts = { space: Uint8Array; work: Uint8Array; time: Uint8Array };

/** Check a proof of stake for a challenge and the three proofs beside it; returns the stake. */
export function checkStake(bytes: Uint8Array, challenge: Challenge, parts: Parts, verifier: Verifier): bigint {
  demand(bytes.length <= 24_576, 'PROOF_TOO_LARGE', 'stake');
  const record = readRecord(bytes, 'proof-stake', challenge.node);
  const names = 'v kind challenge space work time certificate stake';
  const fields = readProof(record.payload, names);
  fields.text('kind', /^stake$/);
  demand(same(fields.bytes('challenge', 32), challenge.hash), 'CHALLENGE_MISMATCH', 'another challenge');
  for (const name of ['space', 'work', 'time'] as const) {
    demand(same(fields.bytes(name, 32), sha256(parts[name])), 'PARTS_MISMATCH', name);
  }
  const stake = new Reader(fields.value('stake'), 'micro height network', malformed);
  const micro = BigInt(stake.text('micro', /^(0|[1-9][0-9]{0,29})$/));
  demand(same(stake.bytes('network', 32), challenge.network), 'STAKE_IN_OTHER_NETWORK', 'stake');
  const height = stake.value('height') === null ? null : stake.whole('height');
  demand(micro === 0n || height !== null, 'STAKE_UNFOUNDED', 'no height');
  const certificate = readCertificate(fields.bytes('certificate', undefined, 16_384));
  demand(same(certificate.node, record.signer), 'CERTIFICATE_OF_OTHER_KEYS', 'certificate');
  demand(certificate.issuedAtMs <= verifier.nowMs + verifier.skewMs, 'CERTIFICATE_LATER', 'certificate');
  return micro;
}

/** Read the encoded map of a proof, as a block holds it. */
export function decodeProof(bytes: Uint8Array): Value {
  return decode(bytes, malformed, 32_768);
}
