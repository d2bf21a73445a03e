import { decodeCbor, encodeCbor, type Store } from '../../../base/index.ts';
import type { AssetId } from '../../../base/index.ts';
import type { LeaseDeal, LeaseId } from '../../../kernel/leases/index.ts';
import type { ResourceKey } from '../../../../preload/contract/index.ts';

/** How far the payment of a lease is. `unpaid`: it is over and nothing came of it. */
export type PayStep = 'agreed' | 'escrowed' | 'settling' | 'settled' | 'unpaid';
/** A lease of this node as it stands on a ledger; docs/formats/caesar-rows.md. */
export interface PaidLease {
  lease: LeaseId;
  side: 'lent' | 'borrowed';
  /** Hex id. */
  ledger: string;
  step: PayStep;
  resource: ResourceKey;
  asset: AssetId;
  priceMicro: bigint;
  mostMicro: bigint;
  /** By the last receipt; 0 before. */
  owedMicro: bigint;
  unitSeconds: number;
  /** Id of the proof that was shown, hex; null without one. */
  proof: string | null;
  atMs: number;
  /** What keeps it from the next step, a sentence; empty when nothing does. */
  reason: string;
}
/** A row of a lease that goes by the same in its deal and in its settlement. */
export const paidLeaseOf = (
  { lease, side, resource, asset, priceMicro, mostMicro }: LeaseDeal,
  stand: Pick<PaidLease, 'ledger' | 'step' | 'owedMicro' | 'unitSeconds' | 'proof' | 'atMs' | 'reason'>,
): PaidLease => ({ lease, side, resource, asset, priceMicro, mostMicro, ...stand });
const KEPT_MAX = 20_000;

export interface PaidLeaseRows {
  put(lease: PaidLease): Promise<void>;
  get(lease: LeaseId): Promise<PaidLease | null>;
  /** Newest first. */
  list(query: { side: 'lent' | 'borrowed'; steps: readonly PayStep[]; limit: number }): Promise<PaidLease[]>;
}
type Row = {
  lease: string;
  side: PaidLease['side'];
  ledger: string;
  step: PayStep;
  facts: Uint8Array;
  at_ms: number;
  reason: string;
};
type Facts = Pick<PaidLease, 'resource' | 'asset' | 'unitSeconds' | 'proof'> & {
  priceMicro: string;
  mostMicro: string;
  owedMicro: string;
};
const paidOf = ({ lease, at_ms: atMs, facts, ...row }: Row): PaidLease => {
  const { priceMicro, mostMicro, owedMicro, ...rest } = decodeCbor(facts) as Facts;
  return {
    ...row,
    ...rest,
    lease: lease as LeaseId,
    priceMicro: BigInt(priceMicro),
    mostMicro: BigInt(mostMicro),
    owedMicro: BigInt(owedMicro),
    atMs,
  };
};
const COLUMNS = 'lease, side, ledger, step, facts, at_ms, reason';

export const createPaidLeaseRows = ({ store }: { store: Store }): PaidLeaseRows => ({
  put: async ({ lease, side, ledger, step, atMs, reason, ...facts }) => {
    const { resource, asset, unitSeconds, proof, priceMicro, mostMicro, owedMicro } = facts;
    const kept: Facts = {
      resource,
      asset,
      unitSeconds,
      proof,
      priceMicro: priceMicro.toString(),
      mostMicro: mostMicro.toString(),
      owedMicro: owedMicro.toString(),
    };
    await store.transaction('caesar.lease', [
      {
        sql: `INSERT INTO caesar_leases (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
              ON CONFLICT (lease) DO UPDATE SET ledger = excluded.ledger, step = excluded.step, facts = excluded.facts,
                at_ms = excluded.at_ms, reason = excluded.reason`,
        params: [lease, side, ledger, step, encodeCbor(kept), atMs, reason],
      },
      {
        sql: `DELETE FROM caesar_leases WHERE step IN ('settled', 'unpaid') AND lease IN
              (SELECT lease FROM caesar_leases ORDER BY at_ms DESC LIMIT -1 OFFSET ?)`,
        params: [KEPT_MAX],
      },
    ]);
  },
  get: async (lease) => {
    const row = await store.get<Row>('caesar.paidLease', `SELECT ${COLUMNS} FROM caesar_leases WHERE lease = ?`, [
      lease,
    ]);
    return row === undefined ? null : paidOf(row);
  },
  list: async ({ side, steps, limit }) =>
    (
      await store.all<Row>(
        'caesar.paidLeases',
        `SELECT ${COLUMNS} FROM caesar_leases WHERE side = ? AND step IN (${steps.map(() => '?').join(', ')})
         ORDER BY at_ms DESC LIMIT ?`,
        [side, ...steps, limit],
      )
    ).map(paidOf),
});
