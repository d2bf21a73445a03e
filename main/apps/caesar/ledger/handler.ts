import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Hash } from '../../../kernel/blocks/index.ts';
import type { Books } from './books.ts';
import type { TransactionFact } from './fact.ts';
import type { CaesarKind, TransactionFields } from './interface.ts';

/** What a transaction is applied with. */
export interface Work<F> {
  /** Of this transaction alone: what is written is dropped when it is refused. */
  books: Books;
  signer: KeyIdBytes;
  fields: F;
  hash: Hash;
  height: number;
  /** Of the block. */
  timeMs: number;
  atMs: number;
  /** What a thread found out; null while it is only looked at for the pool and nothing is known yet. */
  fact: TransactionFact | null;
}
/** Does what a kind says, or throws a `Refusal`. */
export type Handler<F> = (work: Work<F>) => void;
export type Handlers<K extends CaesarKind> = { [Kind in K]: Handler<TransactionFields[Kind]> };
