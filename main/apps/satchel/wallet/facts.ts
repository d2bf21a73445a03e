import { decodeCbor, encodeCbor } from '../../../base/codec.ts';
import { WALLET_ROWS_VERSION } from './constants.ts';
import { WalletError } from './errors.ts';

/** What an account had after a block. */
export interface AccountFacts {
  /** Booked: without the yield that its next transaction books. */
  balanceMicro: bigint;
  escrowedMicro: bigint;
  stakedMicro: bigint;
  unbonding: readonly { amountMicro: bigint; atMs: number }[];
}
export const NO_FACTS: AccountFacts = { balanceMicro: 0n, escrowedMicro: 0n, stakedMicro: 0n, unbonding: [] };

/** What the next block is told from. Blocks may have been read since of which only the transactions are known. */
export interface Ledgered {
  /** As of `height`. */
  facts: AccountFacts;
  height: number;
  /** Of the blocks read since: what their lines say together, what went into the stake, fees of its node's blocks, and evidence. */
  since: { told: bigint; bonded: bigint; proposed: bigint; accused: bigint };
}
export const NOTHING_SINCE: Ledgered['since'] = { told: 0n, bonded: 0n, proposed: 0n, accused: 0n };

export const encodeLedgered = ({
  facts: { balanceMicro, escrowedMicro, stakedMicro, unbonding },
  height,
  since,
}: Ledgered): Uint8Array =>
  encodeCbor({
    v: WALLET_ROWS_VERSION,
    height,
    since,
    balance: balanceMicro,
    escrowed: escrowedMicro,
    staked: stakedMicro,
    unbonding: unbonding.map(({ amountMicro, atMs }) => [amountMicro, atMs]),
  });

/** @throws {WalletError} `WALLET_NEWER` */
export const decodeLedgered = (bytes: Uint8Array): Ledgered => {
  const value = decodeCbor(bytes) as {
    v: number;
    height: number;
    since: Record<keyof Ledgered['since'], number | bigint>;
    balance: number | bigint;
    escrowed: number | bigint;
    staked: number | bigint;
    unbonding: [number | bigint, number][];
  };
  if (value.v > WALLET_ROWS_VERSION) throw walletNewer(value.v);
  return {
    height: value.height,
    since: {
      told: BigInt(value.since.told),
      bonded: BigInt(value.since.bonded),
      proposed: BigInt(value.since.proposed),
      accused: BigInt(value.since.accused),
    },
    facts: {
      balanceMicro: BigInt(value.balance),
      escrowedMicro: BigInt(value.escrowed),
      stakedMicro: BigInt(value.staked),
      unbonding: value.unbonding.map(([amount, atMs]) => ({ amountMicro: BigInt(amount), atMs })),
    },
  };
};
export const walletNewer = (found: number): WalletError =>
  new WalletError(
    { code: 'WALLET_NEWER', found },
    `The wallet’s rows were written by a newer version of HyperMesh (format ${found}), so they were left as they are; install the newer version again.`,
  );
