import type { EventSource } from '../../../base/index.ts';
import type { Signer } from '../../../base/crypto/index.ts';

/** Keys of the node and of the wallet's first account, which the node uses; the satchel has them. */
export interface AccountKeys extends EventSource<{ changed: null }> {
  /** Null while there are none, or they are locked. */
  node(): { signer: Signer; certificate: Uint8Array } | null;
  account(): { signer: Signer } | null;
}
