import { isNodeError, type WorkerPool } from '../../../base/index.ts';
import { KEY_ID_BYTES, keyIdText, verifyRecord } from '../../../base/crypto/index.ts';
import { readTransaction } from '../../../kernel/blocks/index.ts';
import {
  decodeGenesis,
  type Genesis,
  headerHash,
  type LedgerReading,
  networkOf,
  type SignatureCheck,
  verifyLedgerProof,
  voteRecord,
} from '../../../kernel/consensus/index.ts';
import {
  encodeLeaseFile,
  leaseIdOf,
  type LeaseFileVerdict,
  PROOF_KINDS,
  verifyLeaseFile,
} from '../../../kernel/leases/formats/index.ts';
import type { ProofKind, ReceiptVerdict } from '../../../../preload/contract/index.ts';
import { accountText } from '../address.ts';
import { ReceiptError } from '../errors.ts';
import { AMOUNT_MAX } from '../ledger/constants.ts';
import { findFact, type TransactionFact } from '../ledger/fact.ts';
import { readCaesarTransaction } from '../ledger/fields.ts';
import { readEconomyGenesis } from '../ledger/genesis.ts';
import type { CaesarTransaction } from '../ledger/interface.ts';
import { hexOf, sameBytes, settlementKey } from '../ledger/keys.ts';
import { decodeSettlement, type SettlementRecord } from '../ledger/records.ts';
import { caesText } from '../ledger/transactions.ts';
import { decodeReceiptFile, type ReceiptFile } from './format.ts';

// docs/formats/receipt-file.md, section "Checking". Works with nothing but the file.

/** Times beyond are none that a ledger has. */
const TIME_MS_MAX = 2 ** 48 - 1;

type Finding = ReceiptVerdict['findings'][number];
type Check = Finding['check'];

/** Why one part does not hold. */
class Flaw extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}
const mismatch = (sentence: string): Flaw => new Flaw('MISMATCH', sentence);
/** What others find to be wrong is a finding here; a bug stays one. */
const flawOf = (error: unknown): Flaw => {
  if (error instanceof Flaw) return error;
  if (isNodeError(error)) return new Flaw(error.code, error.message);
  throw error;
};

type Settle = Extract<CaesarTransaction, { kind: 'lease.settle' }>;
type SettlementFact = Extract<TransactionFact, { what: 'settlement' }>;
/** Parts that were found to hold. */
interface Parts {
  genesis?: { genesis: Genesis; network: Uint8Array };
  lease?: NonNullable<LeaseFileVerdict['lease']>;
  settle?: { transaction: Settle; hash: Uint8Array; signer: Uint8Array };
  fact?: SettlementFact;
  reading?: LedgerReading;
  payment?: SettlementRecord;
}
const need = <T>(part: T | undefined, sentence: string): T => {
  if (part === undefined) throw new Flaw('UNCHECKED', sentence);
  return part;
};

/** In this thread, one after another: for a program that does nothing else, or a thread that does this. */
const inlineCheck: SignatureCheck = {
  votes: async (items) =>
    items.map(({ keys, content, signature }) => {
      try {
        verifyRecord(voteRecord(keys, content, signature), { domain: 'consensus-vote' });
        return true;
      } catch (error) {
        if (isNodeError(error)) return false;
        throw error;
      }
    }),
  // Nobody asks for these here.
  proposal: () => Promise.resolve(false),
  transactions: (encoded) => Promise.resolve(encoded.map(() => null)),
};
const checkGenesis = (file: ReceiptFile, parts: Parts): string => {
  const genesis = decodeGenesis(file.genesis);
  const { validators } = readEconomyGenesis(genesis.app);
  const network = networkOf(file.genesis);
  parts.genesis = { genesis, network };
  return `The network is ${genesis.name}, ${hexOf(network)}; it began with ${validators.length} ${validators.length === 1 ? 'validator' : 'validators'}. That it is the one you mean, its name shows.`;
};

/** The transaction alone: who signed what. What is in it is looked at by the other checks. */
const openSettle = (file: ReceiptFile, parts: Parts): void => {
  const { network } = need(
    parts.genesis,
    'The genesis does not hold, so nothing can be said of a transaction of its network.',
  );
  const record = verifyRecord(file.transaction, { domain: 'transaction' });
  const signed = readTransaction(file.transaction);
  const transaction = readCaesarTransaction(signed);
  if (transaction?.kind !== 'lease.settle') throw mismatch('The transaction settles no lease.');
  if (!sameBytes(signed.transaction.network, network))
    throw mismatch('The transaction was signed for another network.');
  parts.settle = { transaction, hash: signed.hash, signer: record.keyIdBytes };
};

const sayProof = (held: readonly ProofKind[]): string => {
  const others = PROOF_KINDS.filter((kind) => !held.includes(kind));
  if (held.length === 0) return 'None of the four parts of the proof holds.';
  if (others.length === 0) return 'All four parts of the proof of the asset hold.';
  return `Of the proof of the asset these parts hold: ${held.join(', ')}; these do not: ${others.join(', ')}.`;
};
const checkProof = (file: ReceiptFile, parts: Parts): string => {
  const { transaction } = need(
    parts.settle,
    'The transaction does not hold, so there is nothing that a proof would belong to.',
  );
  if (transaction.fields.proof !== null && file.proof !== null)
    throw mismatch('The transaction has a proof in it, and another lies beside it, which nothing vouches for.');
  const fields = { ...transaction.fields, proof: transaction.fields.proof ?? file.proof };
  const fact = findFact({ what: 'settlement', fields, atMs: transaction.atMs });
  if (!fact.ok) throw new Flaw(fact.code, fact.reason);
  if (fact.what !== 'settlement') throw new Error('A settlement was checked as something else.');
  parts.fact = fact;
  return fact.proof === null
    ? 'No proof of the asset was shown: that it was there, the two receipts say and nothing else.'
    : sayProof(fact.proof.held);
};

const isWhole = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isAmount = (value: bigint): boolean => value >= 0n && value <= AMOUNT_MAX;
const isId = (value: unknown): boolean => value instanceof Uint8Array && value.length === KEY_ID_BYTES;
/** An entry of a state that anybody may have signed: whoever makes a network of its own puts into it what it likes. */
const readPayment = (value: Uint8Array): SettlementRecord => {
  const wrong = mismatch('What the ledger says of this lease is nothing that this economy writes.');
  let payment: SettlementRecord;
  try {
    payment = decodeSettlement(value);
  } catch {
    throw wrong;
  }
  const { account, payee, lender, borrower, most, paid, burnt, back, use, height, atMs } = payment;
  if (
    ![account, payee, lender, borrower].every(isId) ||
    ![most, paid, burnt, back].every(isAmount) ||
    paid + burnt + back !== most ||
    ![height, atMs].every(isWhole) ||
    atMs > TIME_MS_MAX ||
    (use !== null && ![use.receipt, use.transaction].every(isId))
  )
    throw wrong;
  return payment;
};
const checkPayment = (parts: Parts): string => {
  const { transaction, hash } = need(
    parts.settle,
    'The transaction does not hold, so nothing can be said of a payment by it.',
  );
  const { key, value, header } = need(
    parts.reading,
    'The block does not hold, so nothing can be said of what is in its state.',
  );
  const fact = need(parts.fact, 'The receipts do not hold, so nothing can be said of a payment by them.');
  if (key !== settlementKey(transaction.fields.lease))
    throw mismatch('The proof about the ledger is of something else.');
  if (value === null)
    throw mismatch('The ledger says nothing of this lease: it was not settled then, or too long ago.');
  const payment = readPayment(value);
  const { use } = payment;
  if (use === null) throw mismatch('The ledger says that the lease ended without a receipt.');
  if (!sameBytes(use.transaction, hash)) throw mismatch('The ledger says that another transaction settled this lease.');
  if (
    !sameBytes(use.receipt, fact.receipt) ||
    use.sequence !== fact.sequence ||
    use.unitSeconds !== fact.unitSeconds ||
    use.asset !== transaction.fields.asset ||
    !sameBytes(payment.lender, fact.lender) ||
    !sameBytes(payment.borrower, fact.borrower)
  )
    throw mismatch('The ledger says that the lease was settled by another receipt.');
  parts.payment = payment;
  return `In block ${payment.height} ${accountText(payment.account)} paid ${caesText(payment.paid)} to ${accountText(payment.payee)}, says the state after block ${header.height}; ${caesText(payment.burnt)} were burnt, and ${caesText(payment.back)} of what was set aside went back.`;
};

/** Which of the two checks a failed proof about the ledger belongs to. */
const isOfSignatures = (code: string): boolean => code === 'SIGNATURES_TOO_FEW' || code === 'SIGNATURE_FORGED';
const sayMs = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');

const CHECKS_OF_LEASE = { offer: 'offer', request: 'request', grant: 'grant', countersigned: 'receipt' } as const;
const checkLease = (file: ReceiptFile, parts: Parts, say: (finding: Finding) => void): void => {
  const unchecked = (sentence: string): void => {
    for (const check of Object.values(CHECKS_OF_LEASE)) say({ check, passed: false, code: 'UNCHECKED', sentence });
  };
  if (parts.settle === undefined) {
    unchecked('The transaction does not hold, and the records of the lease are in it.');
    return;
  }
  const { grant, receipt, countersign } = parts.settle.transaction.fields;
  let verdict: LeaseFileVerdict;
  try {
    verdict = verifyLeaseFile(
      encodeLeaseFile({
        offer: file.offer,
        request: file.request,
        grant,
        countersigned: { receipt, countersign },
        latest: null,
      }),
    );
  } catch (error) {
    const { code, message } = flawOf(error);
    for (const check of Object.values(CHECKS_OF_LEASE)) say({ check, passed: false, code, sentence: message });
    return;
  }
  for (const { check, passed, code, sentence } of verdict.findings)
    if (check !== 'latest') say({ check: CHECKS_OF_LEASE[check], passed, code, sentence });
  if (verdict.lease !== null && verdict.lease.id === leaseIdOf(parts.settle.transaction.fields.lease))
    parts.lease = verdict.lease;
};

const summaryOf = (parts: Parts): ReceiptVerdict['receipt'] => {
  const { genesis, lease, settle, fact, reading, payment } = parts;
  if (
    genesis === undefined ||
    lease === undefined ||
    settle === undefined ||
    fact === undefined ||
    reading === undefined ||
    payment === undefined
  )
    return null;
  return {
    network: genesis.genesis.name,
    networkId: hexOf(genesis.network),
    lease: lease.id,
    kind: lease.kind,
    unit: lease.unit,
    amount: lease.amount,
    unitSeconds: Number(fact.unitSeconds),
    startsAtMs: lease.startsAtMs,
    endsAtMs: lease.endsAtMs,
    lender: lease.lender,
    lenderAccount: accountText(payment.payee),
    borrower: lease.borrower,
    borrowerAccount: accountText(payment.account),
    paidMicro: payment.paid.toString(),
    burntMicro: payment.burnt.toString(),
    proofs: PROOF_KINDS.map((kind) => ({ kind, passed: fact.proof?.held.includes(kind) ?? false })),
    height: payment.height,
    vouchedHeight: reading.header.height,
    block: hexOf(headerHash(reading.header)),
    transaction: hexOf(settle.hash),
    settledAtMs: payment.atMs,
    signers: reading.signers.map(({ id }) => keyIdText(id)),
  };
};

/**
 * Checks all of a receipt with what it holds and nothing else. Takes some hundred milliseconds: in a thread, or in a program that
 * does nothing else.
 *
 * @throws {ReceiptError} `RECEIPT_MALFORMED` | `RECEIPT_NEWER` when it is no receipt file
 */
export const verifyReceipt = async (encoded: Uint8Array): Promise<ReceiptVerdict> => {
  const file = decodeReceiptFile(encoded);
  const parts: Parts = {};
  const found = new Map<Check, Finding>();
  const say = (finding: Finding): void => void found.set(finding.check, finding);
  const attempt = (check: Check, work: () => string): void => {
    try {
      say({ check, passed: true, code: null, sentence: work() });
    } catch (error) {
      const { code, message } = flawOf(error);
      say({ check, passed: false, code, sentence: message });
    }
  };
  attempt('genesis', () => checkGenesis(file, parts));
  let noSettle: Flaw | null = null;
  try {
    openSettle(file, parts);
  } catch (error) {
    noSettle = flawOf(error);
  }
  checkLease(file, parts, say);
  attempt('proof', () => checkProof(file, parts));
  await checkBlock(file, parts, say);
  attempt('payment', () => {
    if (noSettle !== null) throw noSettle;
    return checkPayment(parts);
  });
  const findings = ORDER.map((check) => found.get(check)).filter((finding) => finding !== undefined);
  const receipt = findings.every(({ passed }) => passed) ? summaryOf(parts) : null;
  return { passed: receipt !== null, findings, receipt };
};
const ORDER: readonly Check[] = [
  'genesis',
  'offer',
  'request',
  'grant',
  'receipt',
  'proof',
  'payment',
  'block',
  'signatures',
];

const checkBlock = async (file: ReceiptFile, parts: Parts, say: (finding: Finding) => void): Promise<void> => {
  const failed = (block: Flaw, signatures: Flaw): void => {
    say({ check: 'block', passed: false, code: block.code, sentence: block.message });
    say({ check: 'signatures', passed: false, code: signatures.code, sentence: signatures.message });
  };
  const unchecked = (sentence: string): Flaw => new Flaw('UNCHECKED', sentence);
  const { genesis } = parts;
  if (genesis === undefined) {
    const flaw = unchecked('The genesis does not hold, so nobody is known who could have signed.');
    failed(flaw, flaw);
    return;
  }
  try {
    // Read perhaps years later: whoever once was a validator is believed, and what that means stands in the page.
    const reading = await verifyLedgerProof({ genesis: genesis.genesis, check: inlineCheck }, file.ledgerProof, {
      nowMs: 0,
      trustMs: null,
    });
    parts.reading = reading;
    const { header, signers, total } = reading;
    say({
      check: 'block',
      passed: true,
      code: null,
      sentence: `Block ${header.height} of ${sayMs(header.timeMs)}, ${hexOf(headerHash(header))}, vouches for the state that the payment stands in.`,
    });
    const power = signers.reduce((sum, one) => sum + one.power, 0);
    say({
      check: 'signatures',
      passed: true,
      code: null,
      sentence: `${signers.length} validators with ${power} of ${total} votes signed it: ${signers.map(({ id }) => keyIdText(id)).join(', ')}.`,
    });
  } catch (error) {
    const flaw = flawOf(error);
    if (isOfSignatures(flaw.code)) failed(unchecked('Too few signatures hold, so the block is nobody’s.'), flaw);
    else failed(flaw, unchecked('The block does not hold, so it does not matter who signed it.'));
  }
};

/** What crosses from a thread: typed errors do not. */
export type ReceiptOutcome =
  | { readable: true; verdict: ReceiptVerdict }
  | { readable: false; code: 'RECEIPT_MALFORMED' | 'RECEIPT_NEWER'; found: number; problem: string; sentence: string };
export const receiptOutcome = async (encoded: Uint8Array): Promise<ReceiptOutcome> => {
  try {
    return { readable: true, verdict: await verifyReceipt(encoded) };
  } catch (error) {
    if (!(error instanceof ReceiptError)) throw error;
    const data = error.data as { found?: number; problem?: string };
    return {
      readable: false,
      code: error.code,
      found: data.found ?? 0,
      problem: data.problem ?? '',
      sentence: error.message,
    };
  }
};
/** {@link verifyReceipt} in a thread, for a node that has other things to do. @throws {ReceiptError} as there */
export const verifyReceiptInWorkers = async (
  { workers }: { workers: WorkerPool },
  encoded: Uint8Array,
): Promise<ReceiptVerdict> => {
  const outcome = await workers.run<Uint8Array, ReceiptOutcome>('caesar.verifyReceipt', encoded);
  if (outcome.readable) return outcome.verdict;
  const { code, found, problem, sentence } = outcome;
  throw new ReceiptError(
    code === 'RECEIPT_NEWER' ? { code, found, verdict: 'ignore' } : { code, problem, verdict: 'reject' },
    sentence,
  );
};
