import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CAESAR_KINDS, readCaesarTransaction } from '../../../../../main/apps/caesar/ledger/fields.ts';
import { genesisState } from '../../../../../main/apps/caesar/ledger/genesis.ts';
import type { TransactionFields } from '../../../../../main/apps/caesar/ledger/interface.ts';
import { readEscrow, readRewards, readSettlement } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import {
  describeTransaction,
  draftTransaction,
  recordBytesOf,
} from '../../../../../main/apps/caesar/ledger/transactions.ts';
import { decodeGenesis, networkOf } from '../../../../../main/kernel/consensus/index.ts';
import { createLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { auditState } from './audit.ts';
import { accountId, ASSET, asSigned, leaseId, NETWORK, nodeId, sha, START_MS } from './world.ts';

const folder = new URL('../../../../vectors/caesar/', import.meta.url);
const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const FIELDS: TransactionFields = {
  'account.transfer': { to: accountId(1), amount: 2_500_000n, memo: 'thanks' },
  'node.bind': { certificate: Uint8Array.of(1, 2, 3) },
  'lease.escrow': {
    lease: leaseId('a'),
    lender: nodeId(1),
    borrower: nodeId('borrower'),
    most: 10_000n,
    endsAtMs: START_MS + 3_600_000,
  },
  'lease.settle': {
    lease: leaseId('a'),
    asset: ASSET,
    grant: Uint8Array.of(1),
    receipt: Uint8Array.of(2),
    countersign: Uint8Array.of(3),
    proof: null,
  },
  'lease.reclaim': { lease: leaseId('a') },
  'stake.bond': { amount: 1n },
  'stake.unbond': { amount: 2n ** 63n - 1n },
  'validator.join': { certificate: Uint8Array.of(1, 2, 3) },
  'validator.leave': {},
  'member.admit': { account: accountId(1), validator: true },
  'member.remove': { account: accountId(1) },
  'params.set': { changes: { burnPermille: 5, feePerByte: 2n } },
  'asset.list': {
    asset: ASSET,
    kind: 'cpu',
    unit: 'millicores',
    amountMax: 4000,
    privacyLevel: 'FullPublic',
    priceMicro: null,
  },
  'asset.unlist': { asset: ASSET },
};

it('has every vector under the hash that its page names', () => {
  const readme = readFileSync(new URL('README.md', folder), 'utf8');
  const files = readdirSync(folder).filter((name) => name !== 'README.md');
  expect(files).toHaveLength(6);
  for (const name of files) {
    const found = createHash('sha256')
      .update(readFileSync(new URL(name, folder)))
      .digest('hex');
    expect(readme).toContain(`| \`${name}\` | \`${found}\` |`);
  }
});

it('writes and reads every kind of transaction as the vectors have it', () => {
  const { transactions } = read<{
    transactions: { kind: keyof TransactionFields; payload: string; recordBytes: number }[];
  }>('transactions.json');
  expect(transactions.map(({ kind }) => kind)).toEqual(CAESAR_KINDS);
  for (const { kind, payload, recordBytes } of transactions) {
    const drafted = draftTransaction(kind, FIELDS[kind], { network: NETWORK, nonce: 3, fee: 4000n, atMs: START_MS });
    expect(hex(drafted)).toBe(payload);
    expect(recordBytesOf(drafted)).toBe(recordBytes);
    const signed = asSigned(bytesOf(payload), accountId(0));
    const found = readCaesarTransaction(signed);
    expect(found).toMatchObject({ kind, nonce: 3, fee: 4000n, atMs: START_MS });
    // Amounts below 2^53 are numbers on the wire; a change keeps what was sent until it is applied.
    expect(kind === 'params.set' ? FIELDS[kind] : found?.fields).toEqual(FIELDS[kind]);
    expect(describeTransaction(signed)).toMatchObject({
      kind,
      feeMicro: 4000n,
      nonce: 3,
      sentence: expect.stringMatching(/^[A-Z].{15,}\.$/) as string,
    });
  }
});

it('makes of the genesis of a home network the state of the vectors', () => {
  const { genesis, network, root, entries } = read<{
    genesis: string;
    network: string;
    root: string;
    entries: { key: string; value: string }[];
  }>('home.json');
  // Decoded, so amounts come as CBOR gives them.
  const decoded = decodeGenesis(bytesOf(genesis));
  expect(hex(networkOf(decoded))).toBe(network);
  const state = genesisState(decoded);
  expect(state.map(({ key, value }) => ({ key, value: hex(value!) }))).toEqual(entries);
  const tree = createLedgerTree(state.map(({ key, value }) => [key, value!] as const));
  expect(hex(tree.root())).toBe(root);
  expect(auditState(tree)).toEqual([]);
});

it('reads the state of the vectors', () => {
  const { root, entries } = read<{ root: string; entries: { key: string; value: string }[] }>('state.json');
  const tree = createLedgerTree(entries.map(({ key, value }) => [key, bytesOf(value)] as const));
  expect(hex(tree.root())).toBe(root);
  expect(auditState(tree)).toEqual([]);
  expect(readEscrow(tree, leaseId('b'))).toMatchObject({ most: 10_000n, best: null, borrower: nodeId('borrower') });
  expect(readSettlement(tree, leaseId('a'))).toMatchObject({ paid: 980n, burnt: 20n, back: 9000n, rewarded: true });
  expect(readRewards(tree, 0, accountId(1))).toMatchObject([
    { proof: sha('proof'), held: ['space', 'time'], uptimePermille: 950, quality: 745, points: 372_500n },
  ]);
});
