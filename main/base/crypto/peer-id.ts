import { base58btc } from 'multiformats/bases/base58';

/** Protobuf `PublicKey { Type = Ed25519 (1), Data = 32 bytes }` inside an identity multihash, libp2p's peer-ids spec. */
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** @param ed25519 - 32-byte public key @returns `12D3KooW…`, https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md */
export const peerIdOf = (ed25519: Uint8Array): string =>
  // Peer ids are written without multibase's prefix `z`.
  base58btc.encode(Buffer.concat([PREFIX, ed25519])).slice(1);
