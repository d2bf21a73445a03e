import { assetIdOf, decodeCbor, Emitter, encodeCbor, sha256, type Store } from '../../../main/base/index.ts';
import {
  FALCON_PUBLIC_BYTES,
  FALCON_SIGNATURE_BYTES,
  type KeyIdBytes,
  keyIdBytesOf,
  keyIdText,
  type Signer,
} from '../../../main/base/crypto/index.ts';
import { createCaesarApp } from '../../../main/apps/caesar/ledger/create-caesar-app.ts';
import { groupEconomy } from '../../../main/apps/caesar/ledger/economies.ts';
import type { FactInput, TransactionFact } from '../../../main/apps/caesar/ledger/fact.ts';
import type { EconomyParams } from '../../../main/apps/caesar/ledger/interface.ts';
import { hexOf } from '../../../main/apps/caesar/ledger/keys.ts';
import { readTransaction, type SignedTransaction } from '../../../main/kernel/blocks/index.ts';
import {
  ConsensusError,
  type FinalBlock,
  type FollowedLedger,
  type Genesis,
  type Ledgers,
  type LedgersEvents,
  type Replica,
  atOnce,
} from '../../../main/kernel/consensus/index.ts';
import { createLedgerTree } from '../../../main/kernel/consensus/state/index.ts';
import { decodeGrant, decodeReceipt, encodeGrant, encodeReceipt } from '../../../main/kernel/leases/formats/index.ts';
import { globalAddressOf, type LeaseId, type Settlement } from '../../../main/kernel/leases/index.ts';
import type { AccountKeys } from '../../../main/apps/caesar/terms/account-keys.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import { createMemoryStore } from '../memory-store.ts';
import { createInlineWorkers } from '../stoq/inline-workers.ts';

export const MINUTE_MS = 60_000;
/** Everything in minutes. */
export const QUICK: Partial<EconomyParams> = {
  feePerByte: 1n,
  burnPermille: 20,
  disputeMs: 5 * MINUTE_MS,
  epochMs: 10 * MINUTE_MS,
  emissionPerEpoch: 1_000_000n,
  keepEpochs: 30,
  transactionMs: 10 * MINUTE_MS,
};
const CONSENSUS: Genesis['params'] = {
  blockBytesMax: 4 * 1024 * 1024,
  transactionsMax: 1024,
  heartbeatMs: 60_000,
  proposeMs: 1000,
  voteMs: 1000,
  growMs: 500,
  commitMs: 0,
  clockAheadMs: 10_000,
  evidenceBlocksMax: 100_000,
};

const keysOf = (name: string) => ({
  ed25519: new Uint8Array(sha256(Buffer.from(name))),
  falcon1024: new Uint8Array(FALCON_PUBLIC_BYTES).fill(name.length),
});
/** Records of the right size whose signatures nobody looks at. */
export const signerOf = (name: string): Signer => {
  const keys = keysOf(name);
  const keyIdBytes = keyIdBytesOf(keys);
  return {
    keys,
    keyIdBytes,
    keyId: keyIdText(keyIdBytes),
    sign: async (domain, payload) => {
      await Promise.resolve();
      return encodeCbor({
        v: 1,
        domain,
        payload,
        signer: keys,
        signatures: { ed25519: new Uint8Array(64), falcon1024: new Uint8Array(FALCON_SIGNATURE_BYTES) },
      });
    },
  };
};
const partsOf = (record: Uint8Array): { payload: Uint8Array; signer: ReturnType<typeof keysOf> } =>
  decodeCbor(record) as { payload: Uint8Array; signer: ReturnType<typeof keysOf> };
const payloadOf = (record: Uint8Array): Uint8Array => partsOf(record).payload;
const keyOf = (record: Uint8Array): KeyIdBytes => keyIdBytesOf(partsOf(record).signer);
/** As if a thread had checked it. A proof of one byte does not hold. */
const factOf = (input: FactInput): TransactionFact => {
  if (input.what === 'certificate') {
    const { node, account } = decodeCbor(input.certificate) as { node: string; account: string };
    const { keys, keyIdBytes } = signerOf(node);
    const owner = signerOf(account).keyIdBytes;
    return { ok: true, what: 'certificate', node: keyIdBytes, keys, account: owner, issuedAtMs: 1 };
  }
  const { grant, receipt, countersign, proof } = input.fields;
  if (proof?.length === 1) return { ok: false, code: 'PROOF_UNREADABLE', reason: 'The proof cannot be read.' };
  const read = decodeReceipt(payloadOf(receipt));
  return {
    ok: true,
    what: 'settlement',
    lender: keyOf(grant),
    borrower: keyOf(countersign),
    receipt: new Uint8Array(sha256(receipt)),
    sequence: read.sequence,
    final: read.final,
    owed: read.owedMicro,
    unitSeconds: BigInt(read.unitSeconds),
    uptimePermille: 1000,
    proof: proof === null ? null : { id: new Uint8Array(sha256(proof)), held: ['space', 'work'] },
  };
};
export const certificateOf = (node: string, account: string): Uint8Array => encodeCbor({ node, account });

/** One ledger, whose blocks a test makes. */
export interface TestLedger extends FollowedLedger {
  readonly waiting: Map<string, SignedTransaction>;
  /** Submissions that were taken, in order. */
  readonly taken: string[];
  /** Throws instead of taking anything. */
  away: ConsensusError | null;
  /** Everything that waits, in a block of so much later. */
  block(afterMs?: number): Promise<FinalBlock>;
  /** Forgets what waits, as a node does that is started again. */
  forget(): void;
  /** Older blocks are not there any more. */
  pruned: boolean;
}
export interface EconomyWorld {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly ledgers: Ledgers;
  /** The network that lender and borrower follow, and the lender's own. */
  readonly ledger: TestLedger;
  current: TestLedger | null;
  keys(account: string, node: string): AccountKeys & { locked: boolean };
  /** Signs, sends and makes final, without a sender. */
  apply(signer: Signer, kind: string, fields: Record<string, unknown>): Promise<void>;
}
/** Members are `lender`, `borrower` and `admin`; their nodes are `<name>-node`. */
export const createEconomyWorld = async (
  given: { params?: Partial<EconomyParams>; home?: boolean } = {},
): Promise<EconomyWorld> => {
  const clock = createManualClock();
  const store = await createMemoryStore(clock);
  const events = new Emitter<LedgersEvents>();
  const app = createCaesarApp({
    workers: createInlineWorkers({
      rooms: { caesar: () => Promise.resolve({ 'caesar.fact': (input: unknown) => factOf(input as FactInput) }) },
    }),
  });
  const founders = ['lender', 'borrower', 'admin'].map((name) => ({
    account: signerOf(name).keyIdBytes,
    node: name === 'admin' ? signerOf(`${name}-node`).keyIdBytes : null,
    admin: name === 'admin',
  }));
  const genesis: Genesis = {
    version: 1,
    name: 'meadow',
    nonce: new Uint8Array(32),
    createdAtMs: clock.nowMs(),
    validators: [{ id: signerOf('admin-node').keyIdBytes, keys: signerOf('admin-node').keys, power: 10 }],
    params: CONSENSUS,
    app: groupEconomy(founders, { ...QUICK, ...given.params }),
  };
  const network = new Uint8Array(32).fill(9);
  const id = hexOf(network);
  const tree = createLedgerTree(app.genesis(genesis).map(({ key, value }) => [key, value!] as const));
  const blocks: FinalBlock[] = [];
  let timeMs = clock.nowMs();
  const place = () => ({ network, height: blocks.length + 1, timeMs: Math.max(timeMs + 1, clock.nowMs()) });
  const replica = {
    genesis,
    network,
    status: () => ({ network, height: blocks.length, timeMs, sync: { state: 'current' } }),
    state: () => tree.frozen(),
    params: () => CONSENSUS,
    validators: () => app.validators(tree),
    waiting: () => [...ledger.waiting.values()],
    block: (height: number) => Promise.resolve(ledger.pruned ? null : (blocks[height - 1] ?? null)),
    submit: async (encoded: Uint8Array) => {
      await Promise.resolve();
      if (ledger.away !== null) throw ledger.away;
      const signed = readTransaction(encoded);
      const verdict = app.check(signed, tree, place());
      if (!verdict.accepted && verdict.code !== 'NONCE_AHEAD')
        throw new ConsensusError(
          { code: 'TRANSACTION_REFUSED', refusal: verdict.code, reason: verdict.reason },
          verdict.reason,
        );
      ledger.waiting.set(hexOf(signed.hash), signed);
      ledger.taken.push(signed.transaction.kind);
      return signed;
    },
  } as unknown as Replica;
  const ledger: TestLedger = {
    id,
    name: 'meadow',
    home: given.home ?? false,
    replica,
    genesisBytes: new Uint8Array(),
    waiting: new Map(),
    taken: [],
    away: null,
    pruned: false,
    forget: () => {
      ledger.waiting.clear();
    },
    block: async (afterMs = 1_000) => {
      await clock.advance(afterMs);
      const transactions = [...ledger.waiting.values()].sort(
        (one, other) =>
          (one.transaction.data as { nonce: number }).nonce - (other.transaction.data as { nonce: number }).nonce,
      );
      const nextMs = Math.max(timeMs + 1, clock.nowMs());
      const steps = app.apply(
        {
          ...place(),
          timeMs: nextMs,
          previousTimeMs: timeMs,
          proposer: signerOf('admin-node').keyIdBytes,
          transactions,
          evidence: [],
          signers: app.validators(tree).map((validator) => ({ validator: validator.id, signed: true })),
          pick: true,
          bytesMax: CONSENSUS.blockBytesMax,
          facts: await app.facts(transactions),
        },
        tree,
      );
      const output = atOnce(steps);
      if (!output.ok) throw new Error(`${output.code}: ${output.reason}`);
      tree.apply(output.updates);
      timeMs = nextMs;
      for (const { hash } of output.taken) ledger.waiting.delete(hexOf(hash));
      // As a pool does: what cannot stand any more is dropped.
      for (const [name, signed] of ledger.waiting) {
        const verdict = app.check(signed, tree, place());
        if (!verdict.accepted && verdict.code !== 'NONCE_AHEAD') ledger.waiting.delete(name);
      }
      const header = { height: blocks.length + 1, timeMs, proposer: signerOf('admin-node').keyIdBytes };
      const final = { block: { header }, transactions: output.taken, updates: output.updates, evidence: [] };
      blocks.push(final as unknown as FinalBlock);
      events.emit('final', { ledger, block: final as unknown as FinalBlock });
      await clock.advance(0);
      return final as unknown as FinalBlock;
    },
  };
  const world: EconomyWorld = {
    clock,
    store,
    ledger,
    current: ledger,
    ledgers: {
      on: (name: keyof LedgersEvents, listener: never) => events.on(name, listener),
      list: () => [ledger],
      current: () => world.current,
      find: () => ledger,
    } as unknown as Ledgers,
    keys: (account, node) => {
      const keys = {
        locked: false,
        on: () => () => undefined,
        node: () => (keys.locked ? null : { signer: signerOf(node), certificate: certificateOf(node, account) }),
        account: () => (keys.locked ? null : { signer: signerOf(account) }),
      };
      return keys;
    },
    apply: async (signer, kind, fields) => {
      const nonce = (await import('../../../main/apps/caesar/sending/rules.ts')).nextNonce(tree, signer.keyIdBytes);
      const { encodeTransaction } = await import('../../../main/kernel/blocks/index.ts');
      const payload = encodeTransaction({
        version: 1,
        network,
        kind,
        asset: null,
        previous: null,
        atMs: place().timeMs,
        data: { ...fields, nonce, fee: 1_000_000n },
      });
      await replica.submit(await signer.sign('transaction', payload));
      await ledger.block();
    },
  };
  return world;
};

export const ASSET = assetIdOf('cpu', encodeCbor({ v: 1 }));
/** A lease that is over, as the engine tells it: an hour of a core for 10 000 micro-CAES. */
export const settlementOf = async (
  side: 'lent' | 'borrowed',
  change: Partial<Settlement> & { final?: boolean } = {},
): Promise<Settlement> => {
  const lender = signerOf('lender-node');
  const borrower = signerOf('borrower-node');
  const { final = true, ...rest } = change;
  const lease = (rest.lease ?? `lease-${'0'.repeat(31)}1`) as LeaseId;
  const startsAtMs = Date.UTC(2026, 0, 5);
  const grant = await lender.sign(
    'lease-grant',
    encodeGrant({
      id: lease,
      request: new Uint8Array(32),
      borrower: borrower.keyIdBytes,
      amount: 1000,
      address: globalAddressOf(lender.keys, ASSET),
      priceMicro: rest.priceMicro ?? 10_000n,
      tickMs: 60_000,
      startsAtMs,
      endsAtMs: startsAtMs + 60 * MINUTE_MS,
    }),
  );
  const payload = encodeReceipt({
    id: lease,
    grant: new Uint8Array(sha256(grant)),
    sequence: 3,
    unitSeconds: 1_800_000,
    sentBytes: 0,
    receivedBytes: 0,
    owedMicro: (rest.priceMicro ?? 10_000n) / 2n,
    atMs: startsAtMs + 30 * MINUTE_MS,
    final,
  });
  return {
    lease,
    side,
    resource: 'cpu',
    asset: ASSET,
    lender: lender.keyIdBytes,
    borrower: borrower.keyIdBytes,
    priceMicro: 10_000n,
    mostMicro: rest.priceMicro ?? 10_000n,
    endsAtMs: decodeGrant(payloadOf(grant)).endsAtMs,
    ledger: new Uint8Array(32).fill(9),
    anonymous: false,
    endedAtMs: startsAtMs + 30 * MINUTE_MS,
    grant,
    receipt: await lender.sign('lease-receipt', payload),
    countersigned: await borrower.sign('lease-countersign', payload),
    ...rest,
  };
};
