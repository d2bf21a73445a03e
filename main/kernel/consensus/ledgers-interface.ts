import type { EventSource, Startable } from '../../base/index.ts';
import type { FinalBlock, Genesis, Replica } from './interface.ts';

/** One network whose ledger this node follows. */
export interface FollowedLedger {
  /** SHA-256 of the genesis, hex. */
  readonly id: string;
  readonly name: string;
  readonly home: boolean;
  readonly replica: Replica;
  readonly genesisBytes: Uint8Array;
}
export interface LedgersEvents {
  /** One was joined, left or made current, or the status of one is different. */
  changed: null;
  /** In order for each ledger, none left out, except after a snapshot (`adopted`). */
  final: { ledger: FollowedLedger; block: FinalBlock };
  /** The state of a height was taken over; what happened before it is not known here. */
  adopted: { ledger: FollowedLedger; height: number };
}
/** All networks of this node. The home network is there as soon as there is an identity. */
export interface Ledgers extends Startable, EventSource<LedgersEvents> {
  list(): readonly FollowedLedger[];
  /** The one that leases are settled on; null before there is an identity. */
  current(): FollowedLedger | null;
  /** @param text - name, id, beginning of an id, `home` or `current` @throws {ConsensusError} `LEDGER_UNKNOWN` | `LEDGER_AMBIGUOUS` */
  find(text: string): FollowedLedger;
  /** @throws {ConsensusError} `GENESIS_INVALID` | `GENESIS_NEWER` | `LEDGERS_FULL` */
  join(genesis: Uint8Array, options: { use: boolean }): Promise<FollowedLedger>;
  /** Encodes and joins. @throws as {@link join} */
  found(genesis: Genesis): Promise<FollowedLedger>;
  use(id: string): Promise<void>;
  /** @throws {ConsensusError} `HOME_STAYS` | `STILL_VALIDATOR` */
  leave(id: string): Promise<void>;
}
