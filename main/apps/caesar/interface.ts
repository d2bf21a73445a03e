import type { EventSource, Startable } from '../../base/index.ts';
import type { KeyId, KeyIdBytes, Signer } from '../../base/crypto/index.ts';
import type { Terms } from '../../kernel/leases/index.ts';
import type {
  Electricity,
  ForecastView,
  FunnelView,
  ResourceKey,
  RewardExplanation,
  RewardsView,
} from '../../../preload/contract/index.ts';

/** Signs and sends transactions of accounts, each account's one after the other, so that nonces never collide. */
export interface Sender {
  /**
   * Resolves once the pool of the ledger has it; whether it becomes final is told by `settled` of the replica.
   * A transaction with a `key` is a row before it is sent and sent again after a crash until it is final or cannot be any more; the same key is never sent twice.
   *
   * @throws {CaesarError} `NOT_ENOUGH` | `LEDGER_NONE` | `TRANSACTION_REFUSED`; {RecordError} `LOCKED`
   */
  send(request: SendRequest): Promise<{ hash: Uint8Array; nonce: number; feeMicro: bigint }>;
  /** What a transaction of that kind would cost now, and the nonce that it would get. */
  quote(request: Omit<SendRequest, 'key'>): { feeMicro: bigint; nonce: number };
  /** Not final yet, of one account, oldest first. */
  pending(account: KeyIdBytes): readonly PendingTransaction[];
  /** What of an account cannot become final any more, newest first, of the last week and at most 50; also after a start of the node. */
  dropped(account: KeyIdBytes): readonly DroppedTransaction[];
}
export interface SendRequest {
  signer: Signer;
  /** Hex id. @default the current ledger */
  ledger?: string;
  kind: string;
  /** As the ledger's rules have them, without nonce and fee. */
  fields: Record<string, unknown>;
  key?: string;
}
export interface PendingTransaction {
  hash: Uint8Array;
  ledger: string;
  kind: string;
  fields: Record<string, unknown>;
  nonce: number;
  feeMicro: bigint;
  atMs: number;
}
/** `code`: of the ledger's rules, `NONCE_USED` or `EXPIRED`; `reason` is a sentence. */
export interface DroppedTransaction extends PendingTransaction {
  key: string | null;
  code: string;
  reason: string;
}

export interface CaesarEvents {
  rewardsChanged: { earnedTodayMicro: bigint; comingMicro: bigint };
}
/** Economy of a node: what leases cost and bring, on the current ledger. */
export interface Caesar extends Startable, EventSource<CaesarEvents> {
  readonly sender: Sender;
  /** What the lease engine asks: prices, escrow, settlement. */
  readonly terms: Terms;
  /** Account that a node's payments go to, where the current ledger knows it. */
  accountOf(node: KeyId): KeyIdBytes | null;
  rewards(query: { period: 'today' | 'week' | 'month' | 'all'; resource: ResourceKey | null }): Promise<RewardsView>;
  /** @throws {CaesarError} `REWARD_UNKNOWN` */
  explain(id: string): Promise<RewardExplanation>;
  funnel(resource: ResourceKey): Promise<FunnelView>;
  forecast(): Promise<ForecastView>;
  setElectricity(electricity: Electricity): Promise<ForecastView>;
  /** A file that stands alone. @throws {CaesarError} `NOT_SETTLED` */
  receipt(lease: string): Promise<{ fileName: string; bytes: Uint8Array }>;
}
