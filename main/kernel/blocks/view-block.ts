import { keyIdText } from '../../base/crypto/index.ts';
import type { BlockSummary, BlockView, ProofVerdict } from '../../../preload/contract/index.ts';
import { hex } from './format/strict.ts';
import type { BlockHeader } from './interface.ts';
import type { OpenedBody } from './task-types.ts';

/** Fields as people read them: bytes in hex, large numbers as text. */
const readable = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, readable(field)]));
  return value;
};
const fieldsOf = (data: unknown): Record<string, unknown> => {
  const value = readable(data);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : { data: value };
};

/** A block as a face takes it apart. */
export const viewOf = (block: {
  summary: BlockSummary;
  header: BlockHeader;
  headerBytes: number;
  /** Null: pruned. */
  readers: number | null;
  sealedBytes: number;
  body: OpenedBody | null;
  /** Inclusion of each transaction. */
  paths: readonly Uint8Array[][];
  verdict: ProofVerdict | null;
}): BlockView => {
  const { summary, header, body, readers } = block;
  return {
    ...summary,
    header: {
      version: header.version,
      network: hex(header.network),
      height: header.height,
      previous: header.previous && hex(header.previous),
      merkleRoot: hex(header.merkleRoot),
      stateRoot: hex(header.stateRoot),
      timeMs: header.timeMs,
      difficulty: header.difficulty.toString(),
      proposer: keyIdText(header.proposer),
    },
    headerBytes: block.headerBytes,
    sealed: readers === null ? null : { readers, bytes: block.sealedBytes, paddingBytes: body && body.paddingBytes },
    canonicalBytes: body && body.canonicalBytes,
    compressedBytes: body && body.compressedBytes,
    transactionsList:
      body &&
      body.transactions.map(({ hash, encoded, signer, transaction }, index) => ({
        hash: hex(hash),
        index,
        kind: transaction.kind,
        asset: transaction.asset,
        previous: transaction.previous && hex(transaction.previous),
        signer,
        atMs: transaction.atMs,
        sizeBytes: encoded.length,
        data: fieldsOf(transaction.data),
        leaf: hex(body.leaves[index] as Uint8Array),
        inclusion: (block.paths[index] ?? []).map(hex),
      })),
    leaves: body && body.leaves.length,
    stateUpdates:
      body && body.updates.map(({ key, value }) => ({ key, removed: value === null, sizeBytes: value?.length ?? 0 })),
    proof: block.verdict,
  };
};
