import { readFileSync } from 'node:fs';
import { createCaesarApp } from '../../../../../main/apps/caesar/ledger/create-caesar-app.ts';
import { groupEconomy } from '../../../../../main/apps/caesar/ledger/economies.ts';
import type { CaesarKind, TransactionFields } from '../../../../../main/apps/caesar/ledger/interface.ts';
import { settlementKey } from '../../../../../main/apps/caesar/ledger/keys.ts';
import { readAccount } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { draftTransaction, feeOfDraft } from '../../../../../main/apps/caesar/ledger/transactions.ts';
import type { ReceiptFile } from '../../../../../main/apps/caesar/receipts/format.ts';
import { caesarTasks } from '../../../../../main/apps/caesar/tasks.ts';
import { ed25519PublicKey, keyIdBytesOf, keyIdText, signRecord } from '../../../../../main/base/crypto/index.ts';
import { parseAssetId } from '../../../../../main/base/index.ts';
import { openTransaction, type SignedTransaction } from '../../../../../main/kernel/blocks/index.ts';
import {
  createBlock,
  createVoteSigner,
  encodeGenesis,
  encodeLedgerProof,
  type Genesis,
  type LightBlock,
  networkOf,
  setHash,
  type VoteSigner,
  atOnce,
} from '../../../../../main/kernel/consensus/index.ts';
import { createLedgerTree, type LedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import {
  encodeGrant,
  encodeOffer,
  encodeReceipt,
  encodeRequest,
  leaseIdBytes,
} from '../../../../../main/kernel/leases/formats/index.ts';
import { globalAddressOf } from '../../../../../main/kernel/leases/index.ts';
import { EXAMPLE_PARAMS, exampleSet, signCommit } from '../../../../support/consensus/example-ledger.ts';
import {
  exampleGrant,
  exampleOffer,
  exampleReceipt,
  exampleRequest,
  LEASE_ID,
  signed,
} from '../../../../support/leases/records.ts';
import { createProofNode, type ProofNode } from '../../../../support/proof.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';

// A lease of a processor with its real records, proof and signatures, in the ledger of four validators of whom three sign.

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../../../../vectors/proof-file/${name}`, import.meta.url));
const known = JSON.parse(vector('small.json').toString()) as { asset: string; finishedAtMs: number };
export const PROOF_FILE = new Uint8Array(vector('small.hmproof'));
export const ASSET = parseAssetId(known.asset)!;
/** The lease begins a minute after the proof of the vector was finished. */
export const STARTS_MS = known.finishedAtMs + 60_000;
const CREATED_MS = known.finishedAtMs - 60_000;
export const MOST = 5_000_000n;
export const LEASE = leaseIdBytes(LEASE_ID);

export interface Example {
  lender: ProofNode;
  borrower: ProofNode;
  genesis: Genesis;
  fields: TransactionFields['lease.settle'];
  settle: SignedTransaction;
  file: ReceiptFile;
  light: LightBlock;
  tree: LedgerTree;
  /** Signs as an account. */
  sign<K extends CaesarKind>(who: ProofNode, kind: K, fields: TransactionFields[K], atMs: number): SignedTransaction;
  /** A block of some of the validators over the state as it is. */
  final(height: number, timeMs: number, signing?: number): Promise<LightBlock>;
}

export const leaseRecords = (lender: ProofNode, borrower: ProofNode) => {
  const keys = lender.keys.node;
  const offer = signed(
    keys,
    'lease-offer',
    encodeOffer(
      exampleOffer(keys, {
        asset: ASSET,
        kind: 'cpu',
        resource: 'cpu',
        unit: 'millicores',
        amountMax: 4000,
        priceMicro: 10_000n,
        issuedAtMs: STARTS_MS - 30_000,
        expiresAtMs: STARTS_MS + 600_000,
      }),
    ),
  );
  const request = signed(
    borrower.keys.node,
    'lease-request',
    encodeRequest(
      exampleRequest(keys, offer, {
        kind: 'cpu',
        amount: 2000,
        priceMicroMax: 10_000n,
        issuedAtMs: STARTS_MS - 10_000,
        expiresAtMs: STARTS_MS + 50_000,
      }),
    ),
  );
  const grant = signed(
    keys,
    'lease-grant',
    encodeGrant(
      exampleGrant(keys, borrower.keys.node, request, {
        amount: 2000,
        priceMicro: 10_000n,
        address: globalAddressOf(keys.public, ASSET),
        startsAtMs: STARTS_MS,
        endsAtMs: STARTS_MS + 3_600_000,
      }),
    ),
  );
  const words = encodeReceipt(
    exampleReceipt(grant, {
      sequence: 7,
      unitSeconds: 2000 * 1800,
      owedMicro: 10_000n,
      atMs: STARTS_MS + 1_800_000,
      final: true,
    }),
  );
  return {
    offer,
    request,
    grant,
    receipt: signed(keys, 'lease-receipt', words),
    countersign: signed(borrower.keys.node, 'lease-countersign', words),
  };
};

const signerOf = (number: number, { keys }: ProofNode): VoteSigner => {
  const seed = new Uint8Array(32).fill(number);
  const own = { ed25519: ed25519PublicKey(seed), falcon1024: keys.node.public.falcon1024 };
  const keyIdBytes = keyIdBytesOf(own);
  return createVoteSigner({
    keyId: keyIdText(keyIdBytes),
    keyIdBytes,
    keys: own,
    sign: (domain, payload) =>
      Promise.resolve(signRecord(own, { ed25519: seed, falcon1024: keys.node.secret.falcon1024 }, domain, payload)),
  });
};

export const createExample = async (): Promise<Example> => {
  const [lender, borrower] = [createProofNode(1, CREATED_MS), createProofNode(2, CREATED_MS)];
  // Of one FALCON pair, which takes half a second to make; each has its own Ed25519 key, and so its own id.
  const signers = [3, 4, 5, 6].map((number) => signerOf(number, lender));
  const validators = exampleSet(signers, [10, 10, 10, 10]);
  const accountOf = ({ keys }: ProofNode): Uint8Array => keyIdBytesOf(keys.account.public);
  const genesis: Genesis = {
    version: 1,
    name: 'attic',
    nonce: new Uint8Array(32).fill(9),
    createdAtMs: CREATED_MS,
    validators,
    params: EXAMPLE_PARAMS,
    app: groupEconomy([
      { account: accountOf(lender), node: null, admin: true },
      { account: accountOf(borrower), node: null, admin: false },
      ...validators.map(({ id }, place) => ({ account: new Uint8Array(32).fill(place + 1), node: id, admin: false })),
    ]),
  };
  const network = networkOf(genesis);
  const app = createCaesarApp({ workers: createInlineWorkers({ rooms: { caesar: async () => caesarTasks } }) });
  const tree = createLedgerTree(app.genesis(genesis).map(({ key, value }) => [key, value!] as const));
  const params = { feePerByte: 1n };
  const sign: Example['sign'] = (who, kind, fields, atMs) => {
    const { public: keys, secret } = who.keys.account;
    const nonce = readAccount(tree, keyIdBytesOf(keys)).nonce;
    const fee = feeOfDraft(kind, fields, params);
    const payload = draftTransaction(kind, fields, { network, nonce, fee, atMs });
    return openTransaction(signRecord(keys, secret, 'transaction', payload));
  };
  let height = 0;
  const block = async (transaction: SignedTransaction, timeMs: number): Promise<void> => {
    height += 1;
    const steps = app.apply(
      {
        network,
        height,
        timeMs,
        previousTimeMs: timeMs - 1000,
        proposer: validators[0]!.id,
        transactions: [transaction],
        evidence: [],
        signers: validators.map(({ id }) => ({ validator: id, signed: true })),
        pick: false,
        bytesMax: 4 * 1024 * 1024,
        facts: await app.facts([transaction]),
      },
      tree,
    );
    const output = atOnce(steps);
    if (!output.ok) throw new Error(`${output.code}: ${output.reason}`);
    tree.apply(output.updates);
  };
  const bind = sign(lender, 'node.bind', { certificate: lender.certificate }, STARTS_MS - 40_000);
  await block(bind, STARTS_MS - 39_000);
  const escrow = sign(
    borrower,
    'lease.escrow',
    {
      lease: LEASE,
      lender: lender.keyId,
      borrower: borrower.keyId,
      most: MOST,
      endsAtMs: STARTS_MS + 3_600_000,
    },
    STARTS_MS - 5000,
  );
  await block(escrow, STARTS_MS - 4000);
  const { offer, request, grant, receipt, countersign } = leaseRecords(lender, borrower);
  const fields = { lease: LEASE, asset: ASSET, grant, receipt, countersign, proof: PROOF_FILE };
  const settledAtMs = STARTS_MS + 1_900_000;
  const settle = sign(lender, 'lease.settle', fields, settledAtMs - 1000);
  await block(settle, settledAtMs);
  const final: Example['final'] = async (at, timeMs, signing = 3) => {
    const set = setHash(validators);
    const made = createBlock(
      {
        network,
        height: at,
        previous: network,
        timeMs,
        proposer: validators[0]!.id,
        stateRoot: tree.root(),
        validators: set,
        nextValidators: set,
      },
      { transactions: [settle.encoded], evidence: [], lastCommit: null },
    );
    return {
      header: made.header,
      commit: await signCommit(network, made, validators, signers.slice(0, signing)),
      validators,
    };
  };
  const light = await final(3, settledAtMs);
  const key = settlementKey(LEASE);
  const ledgerProof = encodeLedgerProof({ path: [], block: light, key, state: tree.prove(key) });
  return {
    lender,
    borrower,
    genesis,
    fields,
    settle,
    file: { genesis: encodeGenesis(genesis), offer, request, transaction: settle.encoded, proof: null, ledgerProof },
    light,
    tree,
    sign,
    final,
  };
};
