import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ReceiptError } from '../../../../../main/apps/caesar/errors.ts';
import { findFact, type TransactionFact } from '../../../../../main/apps/caesar/ledger/fact.ts';
import type { TransactionFields } from '../../../../../main/apps/caesar/ledger/interface.ts';
import { accountKey, settlementKey } from '../../../../../main/apps/caesar/ledger/keys.ts';
import { readSettlement } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { makeReceipt, type ReceiptFile } from '../../../../../main/apps/caesar/receipts/format.ts';
import { verifyReceipt, verifyReceiptInWorkers } from '../../../../../main/apps/caesar/receipts/verify.ts';
import { caesarTasks } from '../../../../../main/apps/caesar/tasks.ts';
import { keyIdBytesOf } from '../../../../../main/base/crypto/index.ts';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { encodeGenesis, encodeLedgerProof } from '../../../../../main/kernel/consensus/index.ts';
import { encodeReceipt } from '../../../../../main/kernel/leases/formats/index.ts';
import { receiptVerdict } from '../../../../../preload/contract/index.ts';
import { exampleReceipt, MEMORY_ASSET, signed } from '../../../../support/leases/records.ts';
import { SMALL_REQUIREMENTS } from '../../../../support/proof.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { createExample, type Example, LEASE, MOST, STARTS_MS } from './example.ts';

let example: Example;
let bytes: Uint8Array;
beforeAll(async () => {
  example = await createExample();
  bytes = makeReceipt(example.file);
}, 120_000);

/** What a changed file is refused with: the checks that fail, with their codes. */
const failures = async (change: Partial<ReceiptFile>): Promise<Record<string, string | null>> => {
  const verdict = await verifyReceipt(makeReceipt({ ...example.file, ...change }));
  expect(receiptVerdict.parse(verdict)).toEqual(verdict);
  expect(verdict.passed).toBe(false);
  expect(verdict.receipt).toBeNull();
  return Object.fromEntries(verdict.findings.filter(({ passed }) => !passed).map(({ check, code }) => [check, code]));
};
/** With another byte, the last one unless told. */
const flipped = (record: Uint8Array, at = record.length - 1): Uint8Array => {
  const copy = record.slice();
  copy[at]! ^= 1;
  return copy;
};

describe('what threads find out of a settlement', () => {
  const fact = (change: Partial<TransactionFields['lease.settle']> = {}): TransactionFact =>
    findFact(
      { what: 'settlement', fields: { ...example.fields, ...change }, atMs: example.settle.transaction.atMs },
      SMALL_REQUIREMENTS,
    );
  it('is who lent what to whom, and which parts of the proof hold', () => {
    expect(fact()).toMatchObject({
      ok: true,
      lender: example.lender.keyId,
      borrower: example.borrower.keyId,
      sequence: 7,
      final: true,
      owed: 10_000n,
      unitSeconds: 3_600_000n,
      uptimePermille: 1000,
      proof: { held: ['space', 'stake', 'work', 'time'] },
    });
    expect(fact({ proof: null })).toMatchObject({ ok: true, proof: null });
    // The same again, wherever it is done.
    expect(fact()).toEqual(fact());
  });
  it.each<[string, () => Partial<TransactionFields['lease.settle']>, string]>([
    ['another lease', () => ({ lease: new Uint8Array(16) }), 'LEASE_OF_ANOTHER'],
    ['another asset', () => ({ asset: MEMORY_ASSET }), 'ASSET_OF_ANOTHER'],
    ['a forged grant', () => ({ grant: flipped(example.fields.grant) }), 'SIGNATURE_INVALID'],
    ['a forged receipt', () => ({ receipt: flipped(example.fields.receipt) }), 'SIGNATURE_INVALID'],
    ['the lender’s signature as the borrower’s', () => ({ countersign: example.fields.receipt }), 'DOMAIN_MISMATCH'],
    ['rubbish', () => ({ receipt: Uint8Array.of(1, 2, 3) }), 'RECORD_MALFORMED'],
    ['a proof of nothing', () => ({ proof: Uint8Array.of(0xff) }), 'PROOF_UNREADABLE'],
    ['a proof with a changed byte', () => ({ proof: flipped(example.fields.proof!, 5) }), 'PROOF_MALFORMED'],
  ])('refuses %s', (_, change, code) => {
    expect(fact(change())).toMatchObject({ ok: false, code });
  });
  it('refuses a receipt that only the lender would sign, claims too much, or asks too much', () => {
    const both = (change: Parameters<typeof exampleReceipt>[1]) => {
      const words = encodeReceipt(exampleReceipt(example.fields.grant, { ...change, atMs: STARTS_MS + 1000 }));
      return {
        receipt: signed(example.lender.keys.node, 'lease-receipt', words),
        countersign: signed(example.borrower.keys.node, 'lease-countersign', words),
      };
    };
    expect(fact(both({ unitSeconds: 2000 * 3660, owedMicro: 0n }))).toMatchObject({ ok: true });
    expect(fact(both({ unitSeconds: 2000 * 3660 + 1, owedMicro: 0n }))).toMatchObject({ code: 'RECEIPT_TOO_HIGH' });
    expect(fact(both({ unitSeconds: 3600, owedMicro: 11n }))).toMatchObject({ code: 'RECEIPT_TOO_HIGH' });
    const other = both({ unitSeconds: 3600, owedMicro: 1n });
    expect(fact({ countersign: other.countersign })).toMatchObject({ code: 'RECEIPTS_DIFFER' });
    const self = signed(
      example.lender.keys.node,
      'lease-countersign',
      encodeReceipt(exampleReceipt(example.fields.grant)),
    );
    expect(fact({ countersign: self })).toMatchObject({ code: 'SIGNER_MISMATCH' });
  });
  it('refuses a proof of another node or of another day', () => {
    const { lender, borrower } = example;
    // The same lease, but lent by the one whose proof it is not.
    expect(keyIdBytesOf(borrower.keys.node.public)).not.toEqual(lender.keyId);
    const file = decodeCbor(example.fields.proof!) as { proof: { challenge: Record<string, unknown> } };
    const changed = encodeCbor({
      ...file,
      proof: { ...file.proof, challenge: { ...file.proof.challenge, node: borrower.keyId } },
    });
    expect(fact({ proof: changed })).toMatchObject({ code: 'PROOF_OF_ANOTHER' });
  });
  it('is a refusal even where checking breaks down, so that no transaction keeps others from a block', () => {
    const broken = { ...example.fields, proof: 5 as never };
    for (const input of [
      { what: 'settlement', fields: broken, atMs: STARTS_MS + 1_900_000 },
      { what: 'settlement', fields: null as never, atMs: 0 },
      { what: 'certificate', certificate: null as never },
    ] as const)
      expect(findFact(input)).toMatchObject({ ok: false, reason: expect.stringMatching(/./) });
  });
  it('is a sentence for anything else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.constantFrom('grant', 'receipt', 'countersign', 'proof'),
        (junk, name) => {
          const found = fact({ [name]: junk });
          expect(found).toMatchObject({ ok: false, reason: expect.stringMatching(/\.$/) as string });
        },
      ),
      { numRuns: 30 },
    );
    expect(findFact({ what: 'certificate', certificate: Uint8Array.of(1) })).toMatchObject({ ok: false });
  });
});

describe('a receipt', () => {
  it('passes with nothing else at hand, and says what was lent, proved and paid', async () => {
    const verdict = await verifyReceipt(bytes);
    expect(receiptVerdict.parse(verdict)).toEqual(verdict);
    expect(verdict.findings.map(({ check, passed }) => [check, passed])).toEqual(
      ['genesis', 'offer', 'request', 'grant', 'receipt', 'proof', 'payment', 'block', 'signatures'].map((check) => [
        check,
        true,
      ]),
    );
    expect(verdict.receipt).toMatchObject({
      network: 'attic',
      kind: 'cpu',
      unit: 'millicores',
      amount: 2000,
      unitSeconds: 3_600_000,
      lender: example.lender.signer.keyId,
      borrower: example.borrower.signer.keyId,
      paidMicro: '9900',
      burntMicro: '100',
      height: 3,
      settledAtMs: STARTS_MS + 1_900_000,
      transaction: Buffer.from(example.settle.hash).toString('hex'),
    });
    expect(verdict.receipt!.signers).toHaveLength(3);
    expect(readSettlement(example.tree, LEASE)).toMatchObject({ paid: 9900n, burnt: 100n, back: MOST - 10_000n });
    const workers = createInlineWorkers({ rooms: { caesar: async () => caesarTasks } });
    expect(await verifyReceiptInWorkers({ workers }, bytes)).toEqual(verdict);
    await expect(verifyReceiptInWorkers({ workers }, Uint8Array.of(1))).rejects.toMatchObject({
      code: 'RECEIPT_MALFORMED',
    });
  });

  it('is another network’s with another genesis', async () => {
    const genesis = encodeGenesis({ ...example.genesis, nonce: new Uint8Array(32).fill(8) });
    expect(await failures({ genesis })).toMatchObject({ block: 'NETWORK_WRONG', payment: 'MISMATCH' });
    expect(await failures({ genesis: Uint8Array.of(0) })).toMatchObject({
      genesis: 'CONSENSUS_MALFORMED',
      block: 'UNCHECKED',
      payment: 'UNCHECKED',
      offer: 'UNCHECKED',
    });
  });
  it('does not pass with other records of the lease', async () => {
    expect(await failures({ offer: flipped(example.file.offer) })).toEqual({
      offer: 'FORGED',
      request: 'UNCHECKED',
      grant: 'UNCHECKED',
      receipt: 'UNCHECKED',
    });
    expect(await failures({ request: flipped(example.file.request) })).toMatchObject({ request: 'FORGED' });
    expect(await failures({ transaction: flipped(example.file.transaction, 3000) })).toMatchObject({
      payment: 'SIGNATURE_INVALID',
    });
  });
  it('does not pass with another transaction that settles the same', async () => {
    const again = example.sign(
      example.borrower,
      'lease.settle',
      { ...example.fields, proof: null },
      STARTS_MS + 1_899_000,
    );
    expect(await failures({ transaction: again.encoded })).toEqual({ payment: 'MISMATCH' });
    // Whoever brings the proof beside it changes nothing of that.
    expect(await failures({ transaction: again.encoded, proof: example.fields.proof })).toEqual({
      payment: 'MISMATCH',
    });
    const transfer = example.sign(
      example.lender,
      'account.transfer',
      { to: new Uint8Array(32), amount: 5n, memo: '' },
      STARTS_MS,
    );
    expect(await failures({ transaction: transfer.encoded })).toMatchObject({
      payment: 'MISMATCH',
      grant: 'UNCHECKED',
    });
  });
  it('does not pass without more than two thirds of the signatures, or with one that does not hold', async () => {
    const key = settlementKey(LEASE);
    const state = example.tree.prove(key);
    const two = await example.final(3, example.light.header.timeMs, 2);
    expect(await failures({ ledgerProof: encodeLedgerProof({ path: [], block: two, key, state }) })).toMatchObject({
      signatures: 'SIGNATURES_TOO_FEW',
      payment: 'UNCHECKED',
    });
    const { commit } = example.light;
    const present = commit.signatures.findIndex((one) => one !== null);
    // One signature three times.
    const repeated = {
      ...commit,
      signatures: commit.signatures.map((one) => (one === null ? null : commit.signatures[present]!)),
    };
    expect(
      await failures({
        ledgerProof: encodeLedgerProof({ path: [], block: { ...example.light, commit: repeated }, key, state }),
      }),
    ).toMatchObject({ signatures: 'SIGNATURE_FORGED' });
  });
  it('does not pass with another value of the state, or with that of another key', async () => {
    const key = accountKey(keyIdBytesOf(example.lender.keys.account.public));
    const other = encodeLedgerProof({ path: [], block: example.light, key, state: example.tree.prove(key) });
    expect(await failures({ ledgerProof: other })).toEqual({ payment: 'MISMATCH' });
    const state = example.tree.prove(settlementKey(LEASE));
    const forged = decodeCbor(state) as { value: Uint8Array };
    forged.value = flipped(forged.value, 20);
    const changed = encodeLedgerProof({
      path: [],
      block: example.light,
      key: settlementKey(LEASE),
      state: encodeCbor(forged),
    });
    expect(Object.keys(await failures({ ledgerProof: changed }))).toEqual(['payment', 'block', 'signatures']);
  });
  it('does not pass, and breaks nothing, with what a network of somebody’s own wrote into its state', async () => {
    const key = settlementKey(LEASE);
    const before = example.tree.get(key)!;
    const right = decodeCbor(before) as Record<string, unknown>;
    const use = right['use'] as Record<string, unknown>;
    const junk: unknown[] = [
      null,
      5,
      {},
      { ...right, use: 5 },
      { ...right, use: { ...use, transaction: 5 } },
      { ...right, use: { ...use, unitSeconds: 'many' } },
      { ...right, paid: 'all' },
      { ...right, paid: 5 },
      { ...right, paid: -1 },
      { ...right, account: null },
      { ...right, payee: 'me' },
      { ...right, atMs: 2 ** 53 - 1 },
      { ...right, height: 'high' },
    ];
    try {
      for (const value of junk.map((one) => encodeCbor(one))) {
        example.tree.apply([{ key, value }]);
        const block = await example.final(3, example.light.header.timeMs);
        const ledgerProof = encodeLedgerProof({ path: [], block, key, state: example.tree.prove(key) });
        expect(await failures({ ledgerProof })).toEqual({ payment: 'MISMATCH' });
      }
    } finally {
      example.tree.apply([{ key, value: before }]);
    }
  });
  it('does not pass with a proof beside the one that was settled with', async () => {
    expect(await failures({ proof: Uint8Array.of(1, 2, 3) })).toMatchObject({ proof: 'MISMATCH' });
  });
  it('is refused where it is no receipt file at all', async () => {
    const value = decodeCbor(bytes) as Record<string, unknown>;
    const broken: [unknown, string][] = [
      [{ ...value, v: 2, more: 1 }, 'RECEIPT_NEWER'],
      [{ ...value, v: 0 }, 'RECEIPT_MALFORMED'],
      [{ ...value, kind: 'hypermesh-lease' }, 'RECEIPT_MALFORMED'],
      [{ ...value, more: 1 }, 'RECEIPT_MALFORMED'],
      [{ ...value, offer: new Uint8Array(0) }, 'RECEIPT_MALFORMED'],
      [{ ...value, genesis: null }, 'RECEIPT_MALFORMED'],
      [[], 'RECEIPT_MALFORMED'],
      [null, 'RECEIPT_MALFORMED'],
    ];
    for (const [one, code] of broken) await expect(verifyReceipt(encodeCbor(one))).rejects.toMatchObject({ code });
    await expect(verifyReceipt(new Uint8Array(6_000_001))).rejects.toMatchObject({ code: 'RECEIPT_MALFORMED' });
  });
  it('never passes with any changed byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const copy = bytes.slice();
        copy[at]! ^= by;
        const outcome = await verifyReceipt(copy).then(
          ({ passed }) => (passed ? 'passed' : 'RECEIPT_FAILED'),
          (error: unknown) => (error instanceof ReceiptError ? error.code : 'another error'),
        );
        expect(outcome).toMatch(/^RECEIPT_/);
      }),
      { numRuns: 12 },
    );
  }, 120_000);
});

it('reads the receipt of the vectors', async () => {
  const folder = new URL('../../../../vectors/caesar/', import.meta.url);
  const file = readFileSync(new URL('receipt.hmreceipt', folder));
  const expected = JSON.parse(readFileSync(new URL('receipt.json', folder), 'utf8')) as {
    sha256: string;
    verdict: unknown;
  };
  expect(createHash('sha256').update(file).digest('hex')).toBe(expected.sha256);
  expect(await verifyReceipt(new Uint8Array(file))).toEqual(expected.verdict);
});
