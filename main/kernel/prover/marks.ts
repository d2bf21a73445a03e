import type {
  Asset,
  AssetProofs,
  ProofKind,
  ProofPlan,
  ProvenCapacity,
  Reading,
} from '../../../preload/contract/index.ts';
import { HISTORY_MAX, STALE_PERIODS } from './constants.ts';
import type { KeptEntry } from './proof-records.ts';

const HOUR_MS = 3_600_000;
/** The contract's proofKinds; main imports only types from there. */
export const PROOF_KINDS: readonly ProofKind[] = ['space', 'stake', 'work', 'time'];

/** What marks are made of beside the asset and its proofs. */
export interface MarkContext {
  nowMs: number;
  plan: Pick<ProofPlan, 'everyHours' | 'automatic'>;
  /** Key id of the identity; null while there is none or it is locked. */
  node: string | null;
  /** Why the asset has no proof, where something is known: no identity, no window for a card, the last failure. */
  missing: string | null;
  nextAtMs: number | null;
}

type Mark = AssetProofs['marks'][number];

const hoursText = (ms: number): string => {
  const hours = Math.floor(ms / HOUR_MS);
  return hours >= 48 ? `${Math.floor(hours / 24)} days` : hours === 1 ? '1 hour' : `${hours} hours`;
};

/** Why a proof that once passed says little about now; null when it still does. */
const staleReason = (asset: Asset, entry: KeptEntry, { nowMs, plan, node }: MarkContext): string | null => {
  if (!asset.present) return 'The hardware is not in this machine now; this is what was proved while it was.';
  if (node !== null && entry.verdict.node !== node) return 'Another identity made this proof, before the present one.';
  if (entry.assetCapacity !== null && asset.capacity.known && asset.capacity.value !== entry.assetCapacity)
    return 'The hardware has changed since this proof; the next one is of what is there now.';
  const ageMs = nowMs - entry.madeAtMs;
  if (ageMs < -HOUR_MS) return 'This proof has a time that lies ahead: the clock was wrong, then or now.';
  const limitMs = STALE_PERIODS * plan.everyHours * HOUR_MS;
  if (ageMs > limitMs) return `This proof is ${hoursText(ageMs)} old, and one counts for ${hoursText(limitMs)}.`;
  return null;
};

const markOf = (kind: ProofKind, asset: Asset, entry: KeptEntry | undefined, context: MarkContext): Mark => {
  const check = entry?.verdict.checks.find((one) => one.kind === kind);
  if (entry === undefined || check === undefined) {
    const reason =
      context.missing ??
      (asset.present
        ? context.plan.automatic
          ? 'Not proved yet; its proof waits for its turn.'
          : 'Not proved yet: automatic proofs are off. `hypermesh proof make` makes one.'
        : 'The hardware is not in this machine now, and was never proved.');
    return { kind, status: 'none', reason, checkedAtMs: null };
  }
  if (!check.passed) return { kind, status: 'failed', reason: check.reason, checkedAtMs: entry.madeAtMs };
  const stale = staleReason(asset, entry, context);
  return stale === null
    ? { kind, status: 'passed', reason: check.reason, checkedAtMs: entry.madeAtMs }
    : { kind, status: 'stale', reason: stale, checkedAtMs: entry.madeAtMs };
};

/** Why nothing is proven of what an asset of this kind can do, beside who, where and when. */
const UNPROVEN: Readonly<Record<Asset['kind'], string>> = {
  cpu: 'no proof has passed yet',
  gpu: 'no proof has passed yet',
  storage: 'no proof has passed yet',
  memory: 'its proof shows who has it, where and when; how much memory there is, no proof shows yet',
  network: 'its proof shows who has it, where and when; a rate is proven only with peers to measure it',
  container: 'its proof shows who has it, where and when; containers are proven once leases run in them',
  economic: 'its proof shows who has it, where and when; value is proven by the ledger that holds it',
};

/** What a combined proof shows of what this asset can do. */
export const provenOf = (
  kind: Asset['kind'],
  shown: ReadonlyMap<ProofKind, Readonly<Record<string, number>>>,
): Reading<ProvenCapacity> => {
  if (kind === 'cpu' || kind === 'gpu') {
    const rate = shown.get('work')?.['multiplicationsPerSecond'];
    const label = kind === 'cpu' ? 'Matrix product, one thread' : 'Matrix product, this card';
    return rate === undefined
      ? { known: false, reason: 'the proof of work did not pass' }
      : { known: true, value: { label, value: Math.floor(rate), unit: 'multiplicationsPerSecond' } };
  }
  if (kind === 'storage') {
    const bytes = shown.get('space')?.['bytes'];
    return bytes === undefined
      ? { known: false, reason: 'the proof of space did not pass' }
      : { known: true, value: { label: 'Space on disk', value: Math.floor(bytes), unit: 'bytes' } };
  }
  return { known: false, reason: UNPROVEN[kind] };
};

/** One asset as the Proofs page shows it. Pure. @param entries - newest first */
export const assetProofsOf = (asset: Asset, entries: readonly KeptEntry[], context: MarkContext): AssetProofs => {
  const [newest] = entries;
  const passed = entries.find((entry) => entry.verdict.passed);
  return {
    asset: asset.id,
    kind: asset.kind,
    resource: asset.resource,
    label: asset.label,
    present: asset.present,
    capacity: asset.capacity,
    unit: asset.unit,
    marks: PROOF_KINDS.map((kind) => markOf(kind, asset, newest, context)),
    proven: passed?.capacity ?? { known: false, reason: UNPROVEN[asset.kind] },
    history: entries
      .slice(0, HISTORY_MAX)
      .map(({ madeAtMs, verdict, capacity }) => ({
        atMs: madeAtMs,
        passed: verdict.passed,
        capacity: capacity.known ? capacity.value : null,
      }))
      .reverse(),
    nextAtMs: context.nextAtMs,
  };
};
