import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor, isNodeError } from '../../../../../main/base/index.ts';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import {
  decodeDialBackAnswer,
  decodeDialBackRequest,
  type DialBackAnswer,
  dialBackRule,
  encodeDialBackAnswer,
  encodeDialBackRequest,
} from '../../../../../main/transport/stoq/reach/dial-back.ts';
import {
  decodePunchMessage,
  encodePunchMessage,
  udpOf,
  usableCandidates,
} from '../../../../../main/transport/stoq/reach/punch.ts';
import {
  decodeRelayAnswer,
  decodeRelayRequest,
  encodeRelayAnswer,
  encodeRelayRequest,
  type RelayAnswer,
  type RelayRequest,
} from '../../../../../main/transport/stoq/reach/relay-wire.ts';
import { createOpener, createSealer, tagOf } from '../../../../../main/transport/stoq/reach/sealed.ts';
import {
  encodeBindingAnswer,
  encodeBindingRequest,
  readBindingAnswer,
  readBindingRequest,
  type UdpAddress,
} from '../../../../../main/transport/stoq/reach/stun.ts';

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../../vectors/${name}`, import.meta.url), 'utf8')) as T;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('vectors', () => {
  const side = read<{
    id: string;
    key: string;
    tag: string;
    sealed: { name: string; firstByte: number; plain: string; packet: string }[];
    binding: {
      transaction: string;
      request: string;
      seen4: UdpAddress;
      answer4: string;
      seen6: UdpAddress;
      answer6: string;
    };
    punch: { nonce: string; candidates: UdpAddress[]; message: string };
  }>('stoq-side-socket/packets.json');
  const relay = read<{
    requests: { value: RelayRequest; bytes: string }[];
    answers: { value: RelayAnswer; bytes: string }[];
    dialBack: { request: { address: Address; bytes: string }; answers: { value: DialBackAnswer; bytes: string }[] };
  }>('stoq-relay/messages.json');

  it('seals and opens the packets of the side socket', () => {
    expect(side.sealed).toHaveLength(4);
    expect(hex(tagOf(bytesOf(side.id)))).toBe(side.tag);
    for (const firstByte of [0x20, 0x21]) {
      const sealer = createSealer(firstByte, bytesOf(side.tag), bytesOf(side.key));
      const opener = createOpener(bytesOf(side.key));
      for (const { plain, packet } of side.sealed.filter((one) => one.firstByte === firstByte)) {
        expect(hex(sealer.seal(bytesOf(plain))!)).toBe(packet);
        expect(hex(opener.open(bytesOf(packet))!.plain)).toBe(plain);
      }
    }
  });
  it('asks and answers as in the vectors', () => {
    const { transaction, request, seen4, answer4, seen6, answer6 } = side.binding;
    expect(hex(encodeBindingRequest(bytesOf(transaction)))).toBe(request);
    expect(readBindingRequest(bytesOf(request))).toEqual(bytesOf(transaction));
    expect(hex(encodeBindingAnswer(bytesOf(transaction), seen4))).toBe(answer4);
    expect(readBindingAnswer(bytesOf(answer6))?.seen).toEqual(seen6);
  });
  it('writes and reads the message of punching', () => {
    const { nonce, candidates, message } = side.punch;
    expect(hex(encodePunchMessage(bytesOf(nonce), candidates))).toBe(message);
    expect(decodePunchMessage(bytesOf(message))).toEqual({ nonce: bytesOf(nonce), candidates });
  });
  it('writes and reads all messages of relays', () => {
    expect([relay.requests.length, relay.answers.length]).toEqual([3, 6]);
    for (const { value, bytes } of relay.requests) {
      expect(hex(encodeRelayRequest(value))).toBe(bytes);
      expect(decodeRelayRequest(bytesOf(bytes))).toEqual(value);
    }
    for (const { value, bytes } of relay.answers) {
      expect(hex(encodeRelayAnswer(value))).toBe(bytes);
      expect(decodeRelayAnswer(bytesOf(bytes))).toEqual(value);
    }
  });
  it('writes and reads all messages of dial-back', () => {
    const { request, answers } = relay.dialBack;
    expect(hex(encodeDialBackRequest(request.address))).toBe(request.bytes);
    expect(decodeDialBackRequest(bytesOf(request.bytes))).toBe(request.address);
    expect(answers).toHaveLength(6);
    for (const { value, bytes } of answers) {
      expect(hex(encodeDialBackAnswer(value))).toBe(bytes);
      expect(decodeDialBackAnswer(bytesOf(bytes))).toEqual(value);
    }
  });
});

describe('whatever a peer sends', () => {
  const decoders = {
    decodeRelayRequest,
    decodeRelayAnswer,
    decodeDialBackRequest,
    decodeDialBackAnswer,
    decodePunchMessage,
  };
  const field = fc.oneof(
    fc.integer({ min: -5, max: 2 ** 40 }),
    fc.constantFrom(null, true, '', 'x', '/ip4/1.2.3.4/udp/1/quic-v1'),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(fc.tuple(fc.uint8Array({ maxLength: 17 }), fc.integer({ min: 0, max: 70_000 })), { maxLength: 20 }),
  );
  const value = fc.oneof(field, fc.dictionary(fc.constantFrom('k', 'p', 'r', 'l', 'b', 'a', 'c', 'n'), field));
  it.each(Object.entries(decoders))('%s reads it or refuses it as malformed', (_name, decode) => {
    const attempt = (bytes: Uint8Array): void => {
      let code: unknown = 'MALFORMED';
      try {
        decode(bytes);
      } catch (error) {
        code = isNodeError(error) ? error.code : error;
      }
      expect(code).toBe('MALFORMED');
    };
    fc.assert(
      fc.property(value, (one) => attempt(encodeCbor(one))),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => attempt(bytes)),
      { numRuns: 500 },
    );
    expect(() => decode(new Uint8Array(0))).toThrow('is not what its format allows');
  });
});

describe('what is dialled for others', () => {
  const address = (text: string): Address => text as Address;
  const global = address('/ip6/2001:db8::7/udp/4001/quic-v1');
  const peer = '12D3KooWCEdjwkiwnqrLK5EGpLaQhg5bU6FTAdboy9n8dUV33xcW' as PeerId;
  it.each([
    ['its own host', '/ip6/2001:db8::7/tcp/22/tls', global, 'free'],
    ['another host, at a price', '/ip6/2001:db8::8/udp/4001/quic-v1', global, 'cost'],
    ['no service of the system at another host', '/ip6/2001:db8::8/tcp/22/tls', global, null],
    ['no private address of another network', '/ip4/192.168.1.1/tcp/4001/tls', global, null],
    ['no loopback', '/ip4/127.0.0.1/tcp/4001/tls', global, null],
    ['no circuit', `/ip6/2001:db8::7/udp/4001/quic-v1/p2p/${peer}/p2p-circuit`, global, null],
    ['no multicast', '/ip4/224.0.0.1/udp/4001/quic-v1', global, null],
    ['no port 0', '/ip6/2001:db8::7/udp/0/quic-v1', global, null],
    ['a private one that it is seen at', '/ip4/10.0.0.2/udp/4001/quic-v1', '/ip4/10.0.0.2/udp/9/quic-v1', 'free'],
    ['no other private one', '/ip4/10.0.0.3/udp/4001/quic-v1', '/ip4/10.0.0.2/udp/9/quic-v1', null],
    ['nothing for one behind a relay', '/ip6/2001:db8::7/udp/4001/quic-v1', null, null],
  ] as const)('%s', (_name, wanted, observed, rule) => {
    expect(dialBackRule(address(wanted), observed === null ? null : address(observed))).toBe(rule);
  });
  it('tries private addresses only behind one router, and never what leads nowhere', () => {
    const told = [
      { host: '192.168.1.5', port: 7000 },
      { host: '203.0.113.7', port: 40_000 },
      { host: '127.0.0.1', port: 7000 },
      { host: '0.0.0.0', port: 7000 },
      { host: '224.0.0.1', port: 7000 },
      { host: '203.0.113.7', port: 40_000 },
    ];
    expect(usableCandidates(told, [{ host: '198.51.100.1', port: 1 }])).toEqual([told[1]]);
    expect(usableCandidates(told, [{ host: '203.0.113.7', port: 1 }])).toEqual([told[0], told[1]]);
    expect(udpOf(global)).toEqual({ host: '2001:db8::7', port: 4001 });
    expect(udpOf(address('/ip6/2001:db8::7/tcp/4001/tls'))).toBeNull();
  });
});
