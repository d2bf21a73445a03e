import { decodeCbor, encodeCbor, type Statement, type Store } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { ResourceKey } from '../../../../preload/contract/index.ts';

export type EarnedKind = 'lease' | 'reward' | 'yield' | 'fees';
/** What one final block brought to an account of this node; docs/formats/caesar-rows.md. */
export interface Earned {
  /** `lease:<id>`, `reward:<ledger>:<epoch>:<lease>`, `yield:<ledger>:<height>`, `fees:<ledger>:<height>`; the ledger by 12 digits. */
  id: string;
  /** Hex id. */
  ledger: string;
  kind: EarnedKind;
  account: KeyIdBytes;
  amountMicro: bigint;
  resource: ResourceKey | null;
  lease: string | null;
  height: number;
  atMs: number;
  /** Epoch of a reward, null otherwise. */
  epoch: number | null;
}
/** How far the blocks of a ledger were looked at, for one account. */
export interface EarnedProgress {
  account: KeyIdBytes;
  fromHeight: number;
  height: number;
  /** Of the stake, when that was last looked at. */
  staked: bigint;
  index: bigint;
}
export interface EarnedSum {
  resource: ResourceKey | null;
  ledger: string;
  amountMicro: bigint;
}
/** Every call is one transaction, durable when it resolves. */
export interface EarnedRows {
  /** What is there already stays as it is. */
  add(ledger: string, earned: readonly Earned[], progress: EarnedProgress | null): Promise<void>;
  progress(ledger: string): Promise<EarnedProgress | null>;
  get(id: string): Promise<Earned | null>;
  /** Newest first. */
  list(fromMs: number, resource: ResourceKey | null, limit: number): Promise<{ entries: Earned[]; total: number }>;
  sums(fromMs: number, resource: ResourceKey | null): Promise<EarnedSum[]>;
  /** By steps of time, from one on. */
  series(fromMs: number, stepMs: number, resource: ResourceKey | null): Promise<Map<number, bigint>>;
}

type Row = {
  id: string;
  ledger: string;
  kind: EarnedKind;
  account: Uint8Array;
  amount_micro: number | bigint;
  resource: string | null;
  lease: string | null;
  height: number;
  at_ms: number;
  facts: Uint8Array;
};
const COLUMNS = 'id, ledger, kind, account, amount_micro, resource, lease, height, at_ms, facts';
const earnedOf = ({ amount_micro: amount, at_ms: atMs, facts, ...row }: Row): Earned => ({
  ...row,
  amountMicro: BigInt(amount),
  atMs,
  epoch: (decodeCbor(facts) as { epoch: number | null }).epoch,
});
const WHERE = 'at_ms >= ? AND (? IS NULL OR resource = ?)';

export const createEarnedRows = ({ store }: { store: Store }): EarnedRows => ({
  add: async (ledger, earned, progress) => {
    const statements: Statement[] = earned.map((one) => ({
      sql: `INSERT INTO caesar_rewards (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      params: [
        one.id,
        one.ledger,
        one.kind,
        one.account,
        one.amountMicro,
        one.resource,
        one.lease,
        one.height,
        one.atMs,
        encodeCbor({ epoch: one.epoch }),
      ],
    }));
    if (progress !== null)
      statements.push({
        sql: `INSERT INTO caesar_progress (ledger, accounts, from_height, height) VALUES (?, ?, ?, ?)
              ON CONFLICT (ledger) DO UPDATE SET accounts = excluded.accounts, from_height = excluded.from_height, height = excluded.height`,
        params: [
          ledger,
          encodeCbor({
            account: progress.account,
            staked: progress.staked.toString(),
            index: progress.index.toString(),
          }),
          progress.fromHeight,
          progress.height,
        ],
      });
    if (statements.length > 0) await store.transaction('caesar.earned', statements);
  },
  progress: async (ledger) => {
    const row = await store.get<{ accounts: Uint8Array; from_height: number; height: number }>(
      'caesar.progress',
      'SELECT accounts, from_height, height FROM caesar_progress WHERE ledger = ?',
      [ledger],
    );
    if (row === undefined) return null;
    const { account, staked, index } = decodeCbor(row.accounts) as {
      account: KeyIdBytes;
      staked: string;
      index: string;
    };
    return { account, staked: BigInt(staked), index: BigInt(index), fromHeight: row.from_height, height: row.height };
  },
  get: async (id) => {
    const row = await store.get<Row>('caesar.reward', `SELECT ${COLUMNS} FROM caesar_rewards WHERE id = ?`, [id]);
    return row === undefined ? null : earnedOf(row);
  },
  list: async (fromMs, resource, limit) => {
    const params = [fromMs, resource, resource];
    const rows = await store.all<Row>(
      'caesar.rewards',
      `SELECT ${COLUMNS} FROM caesar_rewards WHERE ${WHERE} ORDER BY at_ms DESC, id LIMIT ?`,
      [...params, limit],
    );
    const count = await store.get<{ count: number }>(
      'caesar.rewardCount',
      `SELECT count(*) AS count FROM caesar_rewards WHERE ${WHERE}`,
      params,
    );
    return { entries: rows.map(earnedOf), total: count?.count ?? 0 };
  },
  sums: async (fromMs, resource) =>
    (
      await store.all<{ resource: string | null; ledger: string; sum: number | bigint }>(
        'caesar.rewardSums',
        `SELECT resource, ledger, sum(amount_micro) AS sum FROM caesar_rewards WHERE ${WHERE} GROUP BY resource, ledger`,
        [fromMs, resource, resource],
      )
    ).map(({ sum, ...row }) => ({ ...row, amountMicro: BigInt(sum) })),
  series: async (fromMs, stepMs, resource) =>
    new Map(
      (
        await store.all<{ step: number; sum: number | bigint }>(
          'caesar.rewardSeries',
          `SELECT (at_ms - ?) / ? AS step, sum(amount_micro) AS sum FROM caesar_rewards WHERE ${WHERE} GROUP BY step`,
          [fromMs, stepMs, fromMs, resource, resource],
        )
      ).map(({ step, sum }) => [step, BigInt(sum)]),
    ),
});
