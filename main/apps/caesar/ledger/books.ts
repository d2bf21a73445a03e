import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { StateOverlay, type LedgerState, type StateUpdate } from '../../../kernel/blocks/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';
import type { EconomyParams } from './interface.ts';
import * as keys from './keys.ts';
import { decodeEconomyParams, encodeEconomyParams } from './params.ts';
import * as records from './records.ts';

/** Parameters are read by every transaction and change seldom: taken apart once for each encoding. */
export type ParamsReader = (value: Uint8Array) => EconomyParams;
export const createParamsReader = (): ParamsReader => {
  let known: { value: Uint8Array; params: EconomyParams } | null = null;
  return (value) => {
    // By content: a tree may hand out other bytes each time.
    if (known === null || !keys.sameBytes(known.value, value)) known = { value, params: decodeEconomyParams(value) };
    return known.params;
  };
};

/** The state with the changes of a block or of one transaction on top, in records instead of bytes. */
export class Books {
  readonly #below: LedgerState;
  readonly #state: StateOverlay;
  readonly #readParams: ParamsReader;

  constructor(below: LedgerState, readParams: ParamsReader) {
    this.#below = below;
    this.#state = new StateOverlay(below);
    this.#readParams = readParams;
  }

  /** Books on top of these: what a transaction changes, all of it or nothing. */
  open(): Books {
    return new Books(this.#state, this.#readParams);
  }
  /** Takes over what was changed in books that were opened here. */
  close(books: Books): void {
    this.#state.set(books.changes());
  }
  changes(): StateUpdate[] {
    return this.#state.difference();
  }
  /** As it is now, for readers. */
  get state(): LedgerState {
    return this.#state;
  }
  /** Without the changes. */
  get before(): LedgerState {
    return this.#below;
  }

  has(key: string): boolean {
    return this.#state.get(key) !== undefined;
  }
  set(key: string, value: Uint8Array | null): void {
    this.#state.set([{ key, value }]);
  }
  read<T>(key: string, decode: (value: Uint8Array) => T): T | null {
    const value = this.#state.get(key);
    return value === undefined ? null : decode(value);
  }
  /** The first keys with a prefix, at most `limit`: nothing is changed while they are read. */
  first(prefix: string, limit: number): string[] {
    const found: string[] = [];
    for (const [key] of this.#state.entries(prefix)) {
      if (found.length >= limit) break;
      found.push(key);
    }
    return found;
  }
  #must<T>(key: string, decode: (value: Uint8Array) => T): T {
    const found = this.read(key, decode);
    if (found === null) throw new Error(`The state has no ${key}, which every network has from its beginning.`);
    return found;
  }

  get params(): EconomyParams {
    return this.#must(keys.ECONOMY_KEY, this.#readParams);
  }
  setParams(params: EconomyParams): void {
    this.set(keys.ECONOMY_KEY, encodeEconomyParams(params));
  }
  account(id: KeyIdBytes): records.AccountRecord {
    return this.read(keys.accountKey(id), records.decodeAccount) ?? records.NO_ACCOUNT;
  }
  /** An account that nobody ever signed for and that has nothing is no entry. */
  setAccount(id: KeyIdBytes, record: records.AccountRecord): void {
    const isNothing = record.balance === 0n && record.escrowed === 0n && record.nonce === 0;
    this.set(keys.accountKey(id), isNothing ? null : records.encodeAccount(record));
  }
  stake(id: KeyIdBytes): records.StakeRecord {
    return this.read(keys.stakeKey(id), records.decodeStake) ?? records.NO_STAKE;
  }
  setStake(id: KeyIdBytes, record: records.StakeRecord): void {
    const isNothing = record.staked === 0n && record.unbonding.length === 0 && record.validator === null;
    this.set(keys.stakeKey(id), isNothing ? null : records.encodeStake(record));
  }
  get stakes(): records.StakesRecord {
    return this.#must(keys.STAKES_KEY, records.decodeStakes);
  }
  setStakes(record: records.StakesRecord): void {
    this.set(keys.STAKES_KEY, records.encodeStakes(record));
  }
  get supply(): records.SupplyRecord {
    return this.#must(keys.SUPPLY_KEY, records.decodeSupply);
  }
  setSupply(record: records.SupplyRecord): void {
    this.set(keys.SUPPLY_KEY, records.encodeSupply(record));
  }
  get epoch(): records.EpochRecord {
    return this.#must(keys.EPOCH_KEY, records.decodeEpoch);
  }
  setEpoch(record: records.EpochRecord): void {
    this.set(keys.EPOCH_KEY, records.encodeEpoch(record));
  }
  kind(kind: ResourceKind): records.KindRecord {
    return this.#must(keys.kindKey(kind), records.decodeKind);
  }
  setKind(kind: ResourceKind, record: records.KindRecord): void {
    this.set(keys.kindKey(kind), records.encodeKind(record));
  }
  member(id: KeyIdBytes): records.MemberRecord | null {
    return this.read(keys.memberKey(id), records.decodeMember);
  }
  validator(node: KeyIdBytes): records.ValidatorRecord | null {
    return this.read(keys.validatorKey(node), records.decodeValidator);
  }
  setValidator(node: KeyIdBytes, record: records.ValidatorRecord | null): void {
    this.set(keys.validatorKey(node), record === null ? null : records.encodeValidator(record));
  }
  /** All of them, down ones too; at most a hundred. */
  validators(): { node: KeyIdBytes; record: records.ValidatorRecord }[] {
    return [...this.#state.entries(keys.VALIDATOR)].map(([key, value]) => ({
      node: keys.bytesOfHex(key.slice(keys.VALIDATOR.length)),
      record: records.decodeValidator(value),
    }));
  }
}
