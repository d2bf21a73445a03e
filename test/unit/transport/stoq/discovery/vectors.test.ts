import { describe, expect, it } from 'vitest';
import { encodeSeedsAnswer, encodeSeedsRequest } from '../../../../../main/transport/stoq/discovery/create-seeds.ts';
import { dhtIdOf, recordKey, topicKey } from '../../../../../main/transport/stoq/discovery/dht/key.ts';
import {
  encodeLookupAnswer,
  encodeRequest,
  encodeWriteAnswer,
} from '../../../../../main/transport/stoq/discovery/dht/messages.ts';
import { decodeDhtPayload, encodeDhtPayload } from '../../../../../main/transport/stoq/discovery/dht/record.ts';
import { encodeInvite, parseInvite } from '../../../../../main/transport/stoq/discovery/invite.ts';
import {
  deriveMembership,
  dhtProtocolOf,
  mdnsTag,
  membershipOf,
  networkIdOf,
  rendezvousTopic,
} from '../../../../../main/transport/stoq/discovery/membership.ts';
import {
  decodeMembershipAnswer,
  decodeMembershipRequest,
  encodeMembershipAnswer,
  encodeMembershipRequest,
  membershipHash,
  membershipSession,
} from '../../../../../main/transport/stoq/discovery/membership-messages.ts';
import { decodePeerRecord, encodePeerRecord } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import { openHint, sealHint } from '../../../../../main/transport/stoq/discovery/sealed-hint.ts';
import { checkNetworkProofs, makeNetworkProofs } from '../../../../../main/transport/stoq/handshake/network-proofs.ts';
import type { Address, NetworkId, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Vectors {
  peer: PeerId;
  peerRecord: {
    peerId: PeerId;
    addresses: Address[];
    sequence: number;
    issuedAtMs: number;
    lifeMs: number;
    payload: string;
  };
  dhtRecord: {
    network: NetworkId;
    namespace: string;
    topic: string;
    value: string;
    sequence: number;
    issuedAtMs: number;
    lifeMs: number;
    signer: PeerId;
    payload: string;
    key: string;
  };
  dhtId: string;
  topicKey: { network: NetworkId; topic: string; key: string };
  requests: Record<'find' | 'put' | 'provide' | 'seeds', string>;
  answers: Record<'lookup' | 'write' | 'seeds', string>;
  network: {
    key: string;
    id: string;
    dhtProtocol: string;
    rendezvousEpoch: number;
    rendezvousTopic: string;
    mdnsEpoch: number;
    mdnsNonce: string;
    mdnsTag: string;
  };
  derived: { name: string; secret: string; key: string; id: string };
  sealedHint: { peer: PeerId; addresses: Address[]; nonceFrom: number; sealed: string };
}
interface InviteVector {
  what: string;
  inviter: PeerId;
  addresses: Address[];
  network: { name: string; key: string } | null;
  expiresAtMs: number;
  id: string;
  secret: string;
  link: string;
}
const vectors = readVectors<Vectors>('stoq-discovery', 'discovery.json');
interface MembershipVector {
  asker: PeerId;
  answerer: PeerId;
  networkKey: string;
  sessionKey: string;
  session: string;
  nonce: string;
  hash: string;
  askerProof: string;
  answererProof: string;
  place: number;
  request: string;
  answer: string;
}
const running = readVectors<MembershipVector>('stoq-discovery', 'membership.json');
const invites = readVectors<InviteVector[]>('stoq-discovery', 'invites.json');
const ramp = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => from + index);

describe('published examples', () => {
  it('of records are what is written, and are read again', () => {
    const { payload, ...record } = vectors.peerRecord;
    expect(toHex(encodePeerRecord(record))).toBe(payload);
    expect(decodePeerRecord(fromHex(payload), record.peerId)).toEqual(record);
    const { dhtRecord } = vectors;
    const opened = decodeDhtPayload(fromHex(dhtRecord.payload), {
      network: dhtRecord.network,
      signer: dhtRecord.signer,
      encoded: new Uint8Array(0),
    });
    expect(toHex(encodeDhtPayload(opened))).toBe(dhtRecord.payload);
    expect([toHex(opened.key), toHex(opened.value), toHex(opened.topic)]).toEqual([
      dhtRecord.key,
      dhtRecord.value,
      dhtRecord.topic,
    ]);
    expect(toHex(recordKey(dhtRecord.network, dhtRecord.namespace, dhtRecord.signer, fromHex(dhtRecord.topic)))).toBe(
      dhtRecord.key,
    );
  });

  it('of keys are what is computed', () => {
    expect(toHex(dhtIdOf(vectors.peer))).toBe(vectors.dhtId);
    expect(toHex(topicKey(vectors.topicKey.network, fromHex(vectors.topicKey.topic)))).toBe(vectors.topicKey.key);
  });

  it('of messages are what is sent', () => {
    const key = ramp(32);
    const { requests, answers, peer } = vectors;
    expect(toHex(encodeRequest({ ask: 'find', key }))).toBe(requests.find);
    expect(toHex(encodeRequest({ ask: 'put', record: ramp(3) }))).toBe(requests.put);
    expect(toHex(encodeRequest({ ask: 'provide', key, sealed: null }))).toBe(requests.provide);
    expect(toHex(encodeSeedsRequest({ want: 32, record: null }))).toBe(requests.seeds);
    const closer = [{ peer, addresses: vectors.peerRecord.addresses }];
    expect(toHex(encodeLookupAnswer({ closer, record: null, providers: [], sealed: [] }))).toBe(answers.lookup);
    expect(toHex(encodeWriteAnswer({ outcome: 'stored', newer: null }))).toBe(answers.write);
    expect(toHex(encodeSeedsAnswer({ record: null, others: [ramp(3)] }))).toBe(answers.seeds);
  });

  it('of private networks are what name, secret and key give', async () => {
    const { network, derived, sealedHint } = vectors;
    const key = fromHex(network.key);
    expect(networkIdOf(key)).toBe(network.id);
    expect(dhtProtocolOf(key)).toBe(network.dhtProtocol);
    const topic = rendezvousTopic(key, network.rendezvousEpoch);
    expect(toHex(topic)).toBe(network.rendezvousTopic);
    expect(toHex(mdnsTag(key, network.mdnsEpoch, fromHex(network.mdnsNonce)))).toBe(network.mdnsTag);
    const membership = await deriveMembership({ workers: createInlineWorkers() }, derived);
    expect([toHex(membership.key), membership.id]).toEqual([derived.key, derived.id]);
    const random = { bytes: (length: number) => ramp(length, sealedHint.nonceFrom), below: () => 0 };
    const { peer, addresses } = sealedHint;
    expect(toHex(sealHint({ key, context: topic, random }, { peer, addresses }))).toBe(sealedHint.sealed);
    expect(openHint(key, topic, fromHex(sealedHint.sealed))).toEqual({ peer, addresses });
  });

  it('of networks of a running session are what both ends send, and prove', () => {
    const { asker, answerer, place, ...hex } = running;
    const labels: Record<string, string> = { membership: hex.sessionKey, 'membership session': hex.session };
    const connection = { exportKey: (label: string) => fromHex(labels[label] ?? '') };
    const nonce = fromHex(hex.nonce);
    const hash = membershipHash(connection, { asker, answerer, nonce });
    expect(toHex(hash)).toBe(hex.hash);
    const networks = [membershipOf('home', fromHex(hex.networkKey))];
    const random = { bytes: (length: number) => new Uint8Array(length).fill(0xee), below: () => 0 };
    const shown = makeNetworkProofs(networks, 'asker', hash, random);
    const answered = makeNetworkProofs(networks, 'answerer', hash, random);
    const at = (proofs: Uint8Array): string => toHex(proofs.subarray(place * 32, (place + 1) * 32));
    expect([at(shown), at(answered)]).toEqual([hex.askerProof, hex.answererProof]);
    expect(toHex(encodeMembershipRequest({ nonce, proofs: shown }))).toBe(hex.request);
    expect(toHex(encodeMembershipAnswer({ session: membershipSession(connection), proofs: answered }))).toBe(
      hex.answer,
    );
    expect(checkNetworkProofs(networks, 'asker', hash, decodeMembershipRequest(fromHex(hex.request)).proofs)).toEqual(
      networks,
    );
    expect(checkNetworkProofs(networks, 'answerer', hash, decodeMembershipAnswer(fromHex(hex.answer)).proofs)).toEqual(
      networks,
    );
  });

  it.each(invites)('of an invite $what is the link that is made, and is read again', ({ link, network, ...vector }) => {
    const invite = {
      inviter: vector.inviter,
      addresses: vector.addresses,
      network: network === null ? null : membershipOf(network.name, fromHex(network.key)),
      expiresAtMs: vector.expiresAtMs,
      id: fromHex(vector.id),
      secret: fromHex(vector.secret),
    };
    expect(encodeInvite(invite)).toBe(link);
    expect(parseInvite(link, vector.expiresAtMs)).toEqual(invite);
  });
});
