import { decodeCbor, encodeCbor, messageOf, sha256 } from '../../../base/index.ts';
import { CERTIFICATE_BYTES_MAX, KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_BYTES } from '../../../base/crypto/index.ts';
import { HandshakeError } from '../errors.ts';
import type { Address, PeerId, RemoteInfo } from '../interface.ts';
import {
  ADDRESS_CHARS_MAX,
  ADDRESSES_MAX,
  AGENT_CHARS_MAX,
  FRAME_BYTES_MAX,
  HELLO_BYTES,
  MAC_BYTES,
  NONCE_BYTES,
  PAD_STEP_BYTES,
  TICKET_ID_BYTES,
  VERSIONS_MAX,
  X25519_BYTES,
} from './constants.ts';
import type { AnswerHead, HelloCore, Role } from './key-schedule.ts';
import { PROOFS_BYTES } from './network-proofs.ts';

/** First message, always {@link HELLO_BYTES} long. Nothing in it can be told from random bytes but the shares and versions. */
export interface Hello extends HelloCore {
  /** 512 bytes, see makeNetworkProofs. */
  networks: Uint8Array;
  /** 32 bytes; random where there is no ticket. */
  binder: Uint8Array;
}
/** Second message. */
export interface Answer extends AnswerHead {
  /** An {@link Introduction} under the answer's key. */
  sealed: Uint8Array;
}
/** What each side says about itself once only the other can read it; the third message is one alone. */
export interface Introduction {
  /** Null in a resumed handshake. */
  certificate: Uint8Array | null;
  /** Signed record of the domain `stoq-handshake`; null in a resumed handshake. */
  record: Uint8Array | null;
  /** 512 bytes of the responder; null of the initiator, which has proved its networks in the hello. */
  networks: Uint8Array | null;
  /** Whether it deals with those who are in no network of its own. */
  open: boolean;
  info: Omit<RemoteInfo, 'observed'>;
  observed: Address | null;
}

/** More values than any message has: a hello has 16, an introduction with all its addresses some 30. */
const ITEMS_MAX = 64;
/** A signed record of a payload of some 200 bytes has 3.4 KiB. */
const RECORD_BYTES_MAX = 4096;
/** Printable, no spaces: addresses get into logs and onto pages. */
const ADDRESS = /^\/[\x21-\x7e]+$/;

export const malformed = (problem: string, cause?: unknown): HandshakeError =>
  new HandshakeError(
    { code: 'HANDSHAKE_MALFORMED', problem, verdict: 'reject' },
    `The other end does not speak as a node must (${problem}); look whether there is a node at this address, and of which version.`,
    cause === undefined ? undefined : { cause },
  );

const decode = (bytes: Uint8Array, what: string): Record<string, unknown> => {
  let value: unknown;
  try {
    value = decodeCbor(bytes, ITEMS_MAX);
  } catch (error) {
    throw malformed(`${what}: ${messageOf(error)}`, error);
  }
  return mapOf(value, what);
};
const mapOf = (value: unknown, what: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is not a map`);
  return value as Record<string, unknown>;
};
const exactly = (fields: Record<string, unknown>, names: readonly string[], what: string): void => {
  if (Object.keys(fields).length !== names.length || names.some((name) => !Object.hasOwn(fields, name)))
    throw malformed(`${what} does not have exactly the fields ${names.join(', ')}`);
};
const bytesOf = (value: unknown, length: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${what} is not ${length} bytes`);
  return value;
};
const bytesUpTo = (value: unknown, limit: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length === 0 || value.length > limit)
    throw malformed(`${what} is not 1 to ${limit} bytes`);
  return value;
};
const flagOf = (value: unknown, what: string): boolean => {
  if (typeof value !== 'boolean') throw malformed(`${what} is neither true nor false`);
  return value;
};
/** Highest first, each once: one list, one encoding. */
const versionsOf = (value: unknown): number[] => {
  if (!Array.isArray(value) || value.length === 0 || value.length > VERSIONS_MAX)
    throw malformed('its versions are no list, or too many');
  const versions: number[] = [];
  for (const version of value as unknown[]) {
    const before = versions.at(-1);
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1 || version > 0xffff)
      throw malformed('a version is none');
    if (before !== undefined && version >= before) throw malformed('its versions are not in order');
    versions.push(version);
  }
  return versions;
};

const HELLO_FIELDS = ['v', 'nonce', 'x25519', 'kem', 'networks', 'ticket', 'pad'] as const;

export const encodeHello = (hello: Hello): Uint8Array => {
  const fields = {
    v: hello.versions,
    nonce: hello.nonce,
    x25519: hello.x25519,
    kem: hello.kem,
    networks: hello.networks,
    ticket: new Uint8Array([...hello.ticketId, ...hello.binder]),
  };
  // From 256 to 65 535 bytes a length takes three bytes, and one byte less at the empty pad: what is missing is the pad.
  const pad = HELLO_BYTES - encodeCbor({ ...fields, pad: new Uint8Array(0) }).length - 2;
  return encodeCbor({ ...fields, pad: new Uint8Array(pad) });
};

/**
 * @param known - versions that this program speaks
 * @returns the hello, and the highest version that both speak
 * @throws {HandshakeError} `HANDSHAKE_MALFORMED` | `VERSION_UNKNOWN`
 */
export const parseHello = (bytes: Uint8Array, known: readonly number[]): { hello: Hello; version: number } => {
  if (bytes.length !== HELLO_BYTES) throw malformed(`a hello has ${HELLO_BYTES} bytes`);
  const fields = decode(bytes, 'the hello');
  // A later version may have other fields, so it is told before they are looked at.
  const versions = versionsOf(fields['v']);
  const version = versions.find((offered) => known.includes(offered));
  if (version === undefined)
    throw new HandshakeError(
      { code: 'VERSION_UNKNOWN', offered: versions, verdict: 'ignore' },
      `The other node speaks version ${versions.join(', ')} and this one ${known.join(', ')}; update the older of the two.`,
    );
  exactly(fields, HELLO_FIELDS, 'the hello');
  const ticket = bytesOf(fields['ticket'], TICKET_ID_BYTES + MAC_BYTES, 'its ticket');
  if (!(fields['pad'] instanceof Uint8Array) || fields['pad'].some((byte) => byte !== 0))
    throw malformed('its filling is not empty');
  return {
    version,
    hello: {
      versions,
      nonce: bytesOf(fields['nonce'], NONCE_BYTES, 'its nonce'),
      x25519: bytesOf(fields['x25519'], X25519_BYTES, 'its X25519 share'),
      kem: bytesOf(fields['kem'], KEM_PUBLIC_BYTES, 'its ML-KEM key'),
      networks: bytesOf(fields['networks'], PROOFS_BYTES, 'its proofs of networks'),
      ticketId: ticket.subarray(0, TICKET_ID_BYTES),
      binder: ticket.subarray(TICKET_ID_BYTES),
    },
  };
};

const ANSWER_FIELDS = ['v', 'nonce', 'x25519', 'kem', 'resumed', 'sealed'] as const;

export const encodeAnswer = (answer: Answer): Uint8Array => {
  const { version, nonce, x25519, kem, resumed, sealed } = answer;
  return encodeCbor({ v: version, nonce, x25519, kem, resumed, sealed });
};

/** @param offered - versions in the hello @throws {HandshakeError} `HANDSHAKE_MALFORMED` */
export const parseAnswer = (bytes: Uint8Array, offered: readonly number[]): Answer => {
  const fields = decode(bytes, 'the answer');
  exactly(fields, ANSWER_FIELDS, 'the answer');
  const version = offered.find((known) => known === fields['v']);
  if (version === undefined) throw malformed('its version was not offered');
  return {
    version,
    nonce: bytesOf(fields['nonce'], NONCE_BYTES, 'its nonce'),
    x25519: bytesOf(fields['x25519'], X25519_BYTES, 'its X25519 share'),
    kem: bytesOf(fields['kem'], KEM_CIPHERTEXT_BYTES, 'its ML-KEM ciphertext'),
    resumed: flagOf(fields['resumed'], 'whether it resumes'),
    sealed: bytesUpTo(fields['sealed'], FRAME_BYTES_MAX, 'what is sealed'),
  };
};

const isAddress = (text: unknown): text is Address =>
  typeof text === 'string' && text.length <= ADDRESS_CHARS_MAX && ADDRESS.test(text);
/** What is too long or too much is left out rather than refused by the other end. */
export const boundInfo = (info: Omit<RemoteInfo, 'observed'>): Omit<RemoteInfo, 'observed'> => ({
  agent: info.agent
    .replaceAll(/\p{Cc}|\p{Cs}/gu, '')
    .slice(0, AGENT_CHARS_MAX)
    .toWellFormed(),
  addresses: info.addresses.filter(isAddress).slice(0, ADDRESSES_MAX),
  sidePort: info.sidePort,
  relays: info.relays,
});

const said = (introduction: Introduction): Record<string, unknown> => ({
  certificate: introduction.certificate,
  networks: introduction.networks,
  open: introduction.open,
  info: introduction.info,
  observed: introduction.observed,
});
/** Filled up with zeros to a multiple of {@link PAD_STEP_BYTES}. */
export const encodeIntroduction = (introduction: Introduction): Uint8Array => {
  const fields = { ...said(introduction), record: introduction.record };
  // A length takes one to three bytes, so what is aimed at is hit within two tries.
  const bare = encodeCbor({ ...fields, pad: new Uint8Array(0) }).length;
  const whole = Math.ceil((bare + 2) / PAD_STEP_BYTES) * PAD_STEP_BYTES;
  for (const header of [2, 1, 0]) {
    const pad = whole - bare - header;
    const encoded = pad < 0 ? null : encodeCbor({ ...fields, pad: new Uint8Array(pad) });
    if (encoded?.length === whole) return encoded;
  }
  // Between 22 and 24 and between 254 and 257 spare bytes no length fits: the next multiple does.
  return encodeCbor({ ...fields, pad: new Uint8Array(whole + PAD_STEP_BYTES - bare - 2) });
};

const INTRODUCTION_FIELDS = ['certificate', 'record', 'networks', 'open', 'info', 'observed', 'pad'] as const;
const INFO_FIELDS = ['agent', 'addresses', 'sidePort', 'relays'] as const;

const infoOf = (value: unknown): Omit<RemoteInfo, 'observed'> => {
  const fields = mapOf(value, 'what it says of itself');
  exactly(fields, INFO_FIELDS, 'what it says of itself');
  const { agent, addresses, sidePort } = fields;
  if (typeof agent !== 'string' || agent.length > AGENT_CHARS_MAX || /\p{Cc}/u.test(agent))
    throw malformed('the name of its program is none');
  if (!Array.isArray(addresses) || addresses.length > ADDRESSES_MAX) throw malformed('it has too many addresses');
  if (
    sidePort !== null &&
    !(typeof sidePort === 'number' && Number.isInteger(sidePort) && sidePort > 0 && sidePort < 65_536)
  )
    throw malformed('its port is none');
  return {
    agent,
    addresses: addresses.map(addressOf),
    sidePort,
    relays: flagOf(fields['relays'], 'whether it relays'),
  };
};
const addressOf = (value: unknown): Address => {
  if (!isAddress(value)) throw malformed('an address is none');
  return value;
};

/** @param by - whose introduction @param resumed - whether it comes without certificate @throws {HandshakeError} `HANDSHAKE_MALFORMED` */
export const parseIntroduction = (bytes: Uint8Array, by: Role, resumed: boolean): Introduction => {
  const fields = decode(bytes, 'the introduction');
  exactly(fields, INTRODUCTION_FIELDS, 'the introduction');
  const { certificate, record, networks, observed, pad } = fields;
  if (!(pad instanceof Uint8Array) || pad.some((byte) => byte !== 0)) throw malformed('its filling is not empty');
  if (resumed && (certificate !== null || record !== null)) throw malformed('what was resumed is signed again');
  if (by === 'initiator' && networks !== null) throw malformed('it proves its networks twice');
  return {
    certificate: resumed ? null : bytesUpTo(certificate, CERTIFICATE_BYTES_MAX, 'its certificate'),
    record: resumed ? null : bytesUpTo(record, RECORD_BYTES_MAX, 'what it signed'),
    networks: by === 'initiator' ? null : bytesOf(networks, PROOFS_BYTES, 'its proofs of networks'),
    open: flagOf(fields['open'], 'whether it is open'),
    info: infoOf(fields['info']),
    observed: observed === null ? null : addressOf(observed),
  };
};

/** What is signed. The responder cannot name the initiator, which has not shown itself yet; the session's keys name both. */
export interface Statement {
  role: Role;
  /** Of the shares for the responder, of the answer for the initiator. 64 bytes. */
  transcript: Uint8Array;
  introduction: Introduction;
  initiator: PeerId | null;
  responder: PeerId;
}
/** Canonical dag-cbor; a reader makes it again from what it knows, and compares. */
export const encodeStatement = (statement: Statement): Uint8Array =>
  encodeCbor({
    v: 1,
    role: statement.role,
    transcript: statement.transcript,
    said: sha256(encodeCbor(said(statement.introduction))),
    initiator: statement.initiator,
    responder: statement.responder,
  });
