import type { Check, ResponseOf } from '../../../preload/contract/index.ts';

export type LedgerEntry = ResponseOf<'disk:ledger'>[number];
export type BundleEntry = ResponseOf<'bundle:preview'>[number];

/** Looks the node over, and collects what somebody who helps needs to see. */
export interface Diagnostics {
  /** Never rejects for something that is wrong: that is a finding. */
  checks(): Promise<Check[]>;
  /** Every file or folder of the app on disk, with its size. */
  ledger(): Promise<LedgerEntry[]>;
  /** What a bundle would hold, to the byte. The next {@link createBundle} within 15 minutes writes exactly this. */
  previewBundle(): Promise<BundleEntry[]>;
  /** @throws {DiagnosticsError} `BUNDLE_NOT_WRITTEN` */
  createBundle(): Promise<{ path: string; sizeBytes: number }>;
}
