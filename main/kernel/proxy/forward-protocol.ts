import { encodeCbor, type Verdict } from '../../base/index.ts';
import {
  type GlobalAddress,
  type LeaseId,
  formatGlobalAddress,
  globalAddressBytes,
  leaseIdBytes,
  leaseIdOf,
} from '../leases/index.ts';
import { FORWARD_ITEMS_MAX, FORWARD_SENTENCE_MAX } from './constants.ts';
import { FORWARD_REFUSALS, type ForwardRefusal, ProxyError } from './errors.ts';
import { type Malformed, onlyFields, readBytes, readFlag, readMap, readOneOf, readText, readWhole } from './strict.ts';

// docs/formats/forward.md

const VERSION = 1;
const GLOBAL_PREFIX = 0xfd;
const ADDRESS_BYTES = 16;
const LEASE_BYTES = 16;
/** RFC 1035: a name has at most 253 characters as people write it. */
const HOST_CHARACTERS_MAX = 253;
/** Names and addresses as they are written; no zone, no port, no brackets, nothing that a log or a header would take for more. */
const HOST = /^[0-9A-Za-z._:-]{1,253}$/;
export const FORWARD_MODES = ['stream', 'datagram'] as const;
export type ForwardMode = (typeof FORWARD_MODES)[number];

/** What whoever connects asks for. */
export type ForwardOpening = (
  | { kind: 'service'; address: GlobalAddress }
  /** The far side resolves the host, under its owner's destination policy. */
  | { kind: 'exit'; lease: LeaseId; host: string }
) & {
  port: number;
  mode: ForwardMode;
  /** Asks whether it would be let in, and nothing more: nobody is dialled, and the stream ends with the answer. */
  probe: boolean;
};
export type ForwardAnswer = { ok: true } | { ok: false; code: ForwardRefusal; sentence: string };

const malformed: Malformed = (problem: string, verdict: Verdict = 'reject') =>
  new ProxyError(
    { code: 'FORWARD_MALFORMED', problem, verdict },
    `The peer sent an opening or an answer of a forward that is not as its format has it: ${problem}.`,
  );
/** Where a sentence of a peer ends up is a window, a log or a terminal: letters, no control characters. */
const plain = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').slice(0, FORWARD_SENTENCE_MAX);

export const isForwardHost = (host: string): boolean => HOST.test(host);

export const encodeOpening = (opening: ForwardOpening): Uint8Array => {
  const { kind, port, mode, probe } = opening;
  return encodeCbor({
    v: VERSION,
    kind,
    ...(opening.kind === 'service'
      ? { address: globalAddressBytes(opening.address) }
      : { lease: leaseIdBytes(opening.lease), host: opening.host }),
    port,
    mode,
    probe,
  });
};
/** @throws {ProxyError} `FORWARD_MALFORMED` */
export const decodeOpening = (bytes: Uint8Array): ForwardOpening => {
  const map = readMap(bytes, VERSION, FORWARD_ITEMS_MAX, malformed);
  const kind = readOneOf(map['kind'], ['service', 'exit'], 'its kind', malformed);
  const rest = ['port', 'mode', 'probe'];
  onlyFields(map, ['v', 'kind', ...(kind === 'service' ? ['address'] : ['lease', 'host']), ...rest], malformed);
  const common = {
    port: readWhole(map['port'], 1, 65_535, 'its port', malformed),
    mode: readOneOf(map['mode'], FORWARD_MODES, 'its mode', malformed),
    probe: readFlag(map['probe'], 'its probe', malformed),
  };
  if (kind === 'service') {
    const address = readBytes(map['address'], ADDRESS_BYTES, 'its address', malformed);
    if (address[0] !== GLOBAL_PREFIX) throw malformed('its address does not begin with fd');
    return { kind, address: formatGlobalAddress(address), ...common };
  }
  const host = readText(map['host'], HOST_CHARACTERS_MAX, 'its host', malformed);
  if (!isForwardHost(host)) throw malformed('its host is neither a name nor an address');
  return { kind, lease: leaseIdOf(readBytes(map['lease'], LEASE_BYTES, 'its lease', malformed)), host, ...common };
};

export const encodeAnswer = (answer: ForwardAnswer): Uint8Array =>
  encodeCbor(
    answer.ok
      ? { v: VERSION, ok: true }
      : { v: VERSION, ok: false, code: answer.code, sentence: plain(answer.sentence) },
  );
/** @throws {ProxyError} `FORWARD_MALFORMED` */
export const decodeAnswer = (bytes: Uint8Array): ForwardAnswer => {
  const map = readMap(bytes, VERSION, FORWARD_ITEMS_MAX, malformed);
  if (readFlag(map['ok'], 'its ok', malformed)) {
    onlyFields(map, ['v', 'ok'], malformed);
    return { ok: true };
  }
  onlyFields(map, ['v', 'ok', 'code', 'sentence'], malformed);
  return {
    ok: false,
    code: readOneOf(map['code'], FORWARD_REFUSALS, 'its code', malformed),
    sentence: plain(readText(map['sentence'], FORWARD_SENTENCE_MAX, 'its sentence', malformed)),
  };
};
