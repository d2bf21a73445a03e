import { isNodeError, type WorkerPool } from '../../../base/index.ts';
import { keyIdText, type KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState, SignedTransaction, TransactionVerdict } from '../../../kernel/blocks/index.ts';
import type { Application, ApplyInput, ApplyOutput, Facts, Steps } from '../../../kernel/consensus/index.ts';
import { accountHandlers, bookYield, burn, credit, debit } from './accounts.ts';
import { Books, createParamsReader } from './books.ts';
import { decodeConsensusParams } from './consensus-params.ts';
import { FACTS_KEPT, NONCES_AHEAD_MAX, TRANSACTION_AHEAD_MS } from './constants.ts';
import { beginBlock, endBlock } from './epochs.ts';
import { escrowHandlers } from './escrows.ts';
import { type FactInput, findFact, type TransactionFact } from './fact.ts';
import { readCaesarTransaction } from './fields.ts';
import { genesisState } from './genesis.ts';
import type { Handler } from './handler.ts';
import type { CaesarKind, CaesarTransaction } from './interface.ts';
import { CONSENSUS_KEY, hexOf, sameBytes } from './keys.ts';
import { listingHandlers } from './listings.ts';
import { memberHandlers } from './members.ts';
import { nodeHandlers } from './nodes.ts';
import { readValidators } from './read-state.ts';
import { Refusal, refuseUnless } from './refusal.ts';
import { stakeHandlers } from './stakes.ts';
import { punish, validatorHandlers, watchSigners } from './validators.ts';

const HANDLERS = {
  ...accountHandlers,
  ...nodeHandlers,
  ...escrowHandlers,
  ...stakeHandlers,
  ...validatorHandlers,
  ...memberHandlers,
  ...listingHandlers,
} as Readonly<Record<CaesarKind, Handler<unknown>>>;

const PERMILLE = 1000n;

/** Where a transaction stands, or is to stand. */
interface Place {
  network: Uint8Array;
  height: number;
  timeMs: number;
}
/** Fees of a block so far: whose they are is booked once, at its end. */
interface Fees {
  burnt: bigint;
  proposer: bigint;
}

export interface CaesarAppComponents {
  workers: WorkerPool;
}
export interface CaesarAppInit {
  /** Outcomes of checks in threads that are kept, some hundred bytes each. @default 8192 */
  factsKept?: number;
}

/** What a transaction has looked into in a thread; null: nothing. */
const factInputOf = (transaction: CaesarTransaction): FactInput | null => {
  switch (transaction.kind) {
    case 'node.bind':
    case 'validator.join':
      return { what: 'certificate', certificate: transaction.fields.certificate };
    case 'lease.settle':
      return { what: 'settlement', fields: transaction.fields, atMs: transaction.atMs };
    default:
      return null;
  }
};

const parsed = (signed: SignedTransaction): CaesarTransaction => {
  try {
    const transaction = readCaesarTransaction(signed);
    if (transaction !== null) return transaction;
  } catch (error) {
    if (isNodeError(error)) throw new Refusal(error.code, error.message);
    throw error;
  }
  throw new Refusal(
    'KIND_UNKNOWN',
    `Nobody here knows transactions of kind ${signed.transaction.kind}; a newer version of HyperMesh may.`,
  );
};

/**
 * What holds for every kind, except for the nonce.
 *
 * @returns nonces between the account's next one and this one
 */
const checkCommon = (signed: SignedTransaction, transaction: CaesarTransaction, books: Books, place: Place): number => {
  const { params } = books;
  refuseUnless(
    sameBytes(signed.transaction.network, place.network),
    'NETWORK_WRONG',
    'The transaction was signed for another network; sign it again for this one.',
  );
  const { atMs, nonce, fee } = transaction;
  refuseUnless(
    atMs >= place.timeMs - params.transactionMs,
    'TOO_OLD',
    'The transaction was signed too long ago for the network’s clock; sign it again, and set the clock of this machine if it is behind.',
  );
  refuseUnless(
    atMs <= place.timeMs + Math.max(params.transactionMs, TRANSACTION_AHEAD_MS),
    'TIME_AHEAD',
    'The transaction was signed at a time that is still to come for the network; set the clock of this machine.',
  );
  const next = books.account(signed.signerBytes).nonce;
  refuseUnless(
    nonce >= next,
    'NONCE_USED',
    `Transaction ${nonce} of this account is in the ledger already, and the next is ${next}; it cannot be done twice.`,
  );
  refuseUnless(
    nonce - next <= NONCES_AHEAD_MAX,
    'NONCE_TOO_FAR',
    `The next transaction of this account is ${next}, and this one is ${nonce}; at most ${NONCES_AHEAD_MAX} wait for one another.`,
  );
  const least = BigInt(signed.encoded.length) * params.feePerByte;
  refuseUnless(
    fee >= least,
    'FEE_LOW',
    `A transaction of ${signed.encoded.length} bytes costs at least ${least} micro-CAES here, and this one offers ${fee}; offer more.`,
  );
  return nonce - next;
};

/** Does one transaction, or throws and has changed nothing. */
const applyOne = (
  books: Books,
  signed: SignedTransaction,
  transaction: CaesarTransaction,
  place: Place,
  fact: TransactionFact | null,
): { books: Books; fee: { burnt: bigint; proposer: bigint } } => {
  const { signerBytes: signer, hash } = signed;
  const { fee, fields, kind, atMs } = transaction;
  const own = books.open();
  bookYield(own, signer);
  debit(own, signer, fee, 'The fee of this transaction');
  const account = own.account(signer);
  own.setAccount(signer, { ...account, nonce: account.nonce + 1 });
  HANDLERS[kind]({ books: own, signer, fields, hash, height: place.height, timeMs: place.timeMs, atMs, fact });
  const burnt = (fee * BigInt(books.params.feeBurnPermille)) / PERMILLE;
  return { books: own, fee: { burnt, proposer: fee - burnt } };
};

const payFees = (books: Books, proposer: KeyIdBytes, fees: Fees): void => {
  const account = books.validator(proposer)?.account ?? null;
  // Its stake was slashed in this very block: what it would have got is nobody's.
  burn(books, account === null ? fees.burnt + fees.proposer : fees.burnt);
  if (account !== null) credit(books, account, fees.proposer);
};

/** The ledger of accounts, leases, stakes, members and parameters, as `Application` of the agreement. docs/economy.md */
export const createCaesarApp = ({ workers }: CaesarAppComponents, init: CaesarAppInit = {}): Application => {
  const { factsKept = FACTS_KEPT } = init;
  const readParams = createParamsReader();
  /** By hash, the oldest first. Depends on nothing but the transaction, so that a second look is as good as the first. */
  const known = new Map<string, TransactionFact>();
  const remember = (name: string, fact: TransactionFact): void => {
    known.delete(name);
    known.set(name, fact);
    const [oldest] = known.keys();
    if (known.size > factsKept && oldest !== undefined) known.delete(oldest);
  };
  const booksOf = (state: LedgerState): Books => new Books(state, readParams);

  const check = (signed: SignedTransaction, state: LedgerState, place: Place): TransactionVerdict => {
    try {
      const books = booksOf(state);
      const transaction = parsed(signed);
      const ahead = checkCommon(signed, transaction, books, place);
      if (ahead > 0) {
        // A pool keeps what pays most: what cannot pay now takes nobody's place, or names made for nothing would fill it with promises.
        const own = books.open();
        bookYield(own, signed.signerBytes);
        debit(own, signed.signerBytes, transaction.fee, 'The fee of this transaction');
        return {
          accepted: false,
          code: 'NONCE_AHEAD',
          reason: `Transaction ${transaction.nonce - ahead} of this account comes first; this one waits for it.`,
        };
      }
      applyOne(books, signed, transaction, place, known.get(hexOf(signed.hash)) ?? null);
      return { accepted: true };
    } catch (error) {
      if (error instanceof Refusal) return { accepted: false, code: error.code, reason: error.message };
      throw error;
    }
  };

  /** What was found out beforehand; otherwise it is found out here, which takes milliseconds. */
  const factOf = (signed: SignedTransaction, transaction: CaesarTransaction, facts: Facts): TransactionFact | null => {
    const input = factInputOf(transaction);
    if (input === null) return null;
    const name = hexOf(signed.hash);
    const found = (facts.get(name) as TransactionFact | undefined) ?? known.get(name) ?? findFact(input);
    remember(name, found);
    return found;
  };

  const apply = function* (input: ApplyInput, state: LedgerState): Steps<ApplyOutput> {
    const { height, timeMs, proposer, transactions, evidence, signers, pick, bytesMax, facts } = input;
    const books = booksOf(state);
    beginBlock(books, { timeMs });
    for (const one of evidence) {
      punish(books, one, height);
      yield;
    }
    watchSigners(books, signers, height);
    const fees: Fees = { burnt: 0n, proposer: 0n };
    const taken: SignedTransaction[] = [];
    const consensus = books.read(CONSENSUS_KEY, decodeConsensusParams);
    let bytes = 0;
    for (const [index, signed] of transactions.entries()) {
      try {
        refuseUnless(
          bytes + signed.encoded.length <= bytesMax && taken.length < (consensus?.transactionsMax ?? 0),
          'BLOCK_FULL',
          'The block has no room for this transaction; the next one may.',
        );
        const transaction = parsed(signed);
        const ahead = checkCommon(signed, transaction, books, input);
        refuseUnless(ahead === 0, 'NONCE_AHEAD', 'Other transactions of this account come first.');
        const done = applyOne(books, signed, transaction, input, factOf(signed, transaction, facts));
        books.close(done.books);
        fees.burnt += done.fee.burnt;
        fees.proposer += done.fee.proposer;
        bytes += signed.encoded.length;
        taken.push(signed);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (!pick) return { ok: false, index, code: error.code, reason: error.message };
      }
      yield;
    }
    payFees(books, proposer, fees);
    yield* endBlock(books, { height, timeMs });
    return { ok: true, updates: books.changes(), taken };
  };

  const facts = async (transactions: readonly SignedTransaction[]): Promise<Facts> => {
    const found = new Map<string, unknown>();
    const wanted: { name: string; input: FactInput }[] = [];
    for (const signed of transactions) {
      const name = hexOf(signed.hash);
      const before = known.get(name);
      if (before !== undefined) {
        found.set(name, before);
        continue;
      }
      try {
        const input = factInputOf(parsed(signed));
        if (input !== null) wanted.push({ name, input });
      } catch (error) {
        // What cannot be read is refused where it is applied.
        if (!(error instanceof Refusal)) throw error;
      }
    }
    const work = async (): Promise<void> => {
      for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
        const fact = await workers.run<FactInput, TransactionFact>('caesar.fact', next.input);
        remember(next.name, fact);
        found.set(next.name, fact);
      }
    };
    await Promise.all(Array.from({ length: Math.min(workers.size, wanted.length) }, work));
    return found;
  };

  return {
    genesis: genesisState,
    check,
    rank: (signed) => {
      const { nonce, fee } = parsed(signed);
      return {
        account: keyIdText(signed.signerBytes),
        nonce,
        // Only an order between waiting ones: exact enough, and never part of the state.
        feePerByte: Number((fee * 1000n) / BigInt(signed.encoded.length)) / 1000,
      };
    },
    apply,
    validators: (state) =>
      readValidators(state).flatMap(({ node, keys, power }) => (power > 0 ? [{ id: node, keys, power }] : [])),
    params: (state) => {
      const value = state.get(CONSENSUS_KEY);
      if (value === undefined) throw new Error('The state of a ledger has the parameters of its agreement.');
      return decodeConsensusParams(value);
    },
    facts,
  };
};
