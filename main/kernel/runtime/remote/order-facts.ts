import { decodeCbor, encodeCbor, type JobId } from '../../../base/index.ts';
import type { JobEnd, JobFile, JobView } from '../../../../preload/contract/index.ts';
import type { LeaseId } from '../../leases/index.ts';
import type { KeyId } from '../../../base/crypto/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { ImageManifest } from '../images/interface.ts';
import { promisedOf, unmeasured } from '../job-view.ts';
import type { FarState } from './protocol.ts';
import { type ContentRef, type SentSpec } from './sent-spec.ts';

/** Where a job runs or is to run: a lease, and whose it is. */
export interface Seat {
  lease: LeaseId;
  /** Taken for this job alone, and ended with it; one that the owner named stays. */
  own: boolean;
  peerId: PeerId;
  peerName: string;
  /** Who signs its results. */
  signer: KeyId;
  route: 'direct' | 'anonymous';
}
/** What an order does next. Each step can be done again from its beginning. */
export type OrderStep =
  | 'seeking'
  | 'leasing'
  | 'preparing'
  | 'arriving'
  | 'running'
  | 'collecting'
  | 'closing'
  | 'ended';
/** A move under way. `copying`: nothing has stopped yet. `handedOver`: it may have, and goes on at the seat, or where it was. */
export interface OrderMove {
  to: string;
  /** Null: home. */
  seat: Seat | null;
  /** At home: the job here. */
  local: JobId | null;
  phase: 'copying' | 'handedOver';
}
/** All that is kept of one job of ours elsewhere. */
export interface OrderFacts {
  spec: SentSpec;
  module: ContentRef | null;
  stdin: ContentRef | null;
  image: ImageManifest | null;
  to: string;
  minutes: number;
  priceMicroMax: string;
  route: 'direct' | 'anonymous';
  group: { id: string; jobs: readonly JobId[]; quorum: number } | null;
  step: OrderStep;
  seat: Seat | null;
  /** Owners that were asked and do not count any more. */
  refusedBy: readonly string[];
  /** Our own job that it was until it moved. */
  from: JobId | null;
  cancelled: boolean;
  /** What became of it, before everything was fetched and given back. */
  end: JobEnd | null;
  reason: string;
  createdAtMs: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  /** As its lender told it last. */
  far: Omit<FarState, 'version' | 'code' | 'reason' | 'end' | 'notice'> | null;
  outputs: readonly JobFile[];
  /** Output that was stored before it came to where it is now: each place counts its own from 0. */
  outputBase: number;
  moves: JobView['moves'];
  move: OrderMove | null;
  /** Hash of the result, once it was checked. */
  result: string | null;
}

/** What content of such a job is held by: the runtime has names of its own for jobs here. */
export const ORDER_HOLDER = 'order:';
export const orderHolderOf = (id: JobId): string => `${ORDER_HOLDER}${id}`;

const VERSION = 1;
/** Arguments, files, layers, outputs. */
const ITEMS_MAX = 65_536;

export const encodeFacts = (facts: OrderFacts): Uint8Array => encodeCbor({ v: VERSION, ...facts });
/** Reads what {@link encodeFacts} wrote: only this program does. @throws {Error} for a database that is damaged or newer */
export const decodeFacts = (encoded: Uint8Array): OrderFacts => {
  const { v, ...facts } = decodeCbor(encoded, ITEMS_MAX) as { v: number } & OrderFacts;
  if (v !== VERSION || typeof facts.step !== 'string')
    throw new Error('a job elsewhere is not as this version keeps it');
  return facts;
};

export const newFacts = (
  given: Pick<OrderFacts, 'spec' | 'module' | 'stdin' | 'to' | 'minutes' | 'priceMicroMax' | 'route' | 'createdAtMs'> &
    Partial<OrderFacts>,
): OrderFacts => ({
  image: null,
  group: null,
  step: 'seeking',
  seat: null,
  refusedBy: [],
  from: null,
  cancelled: false,
  end: null,
  reason: '',
  startedAtMs: null,
  endedAtMs: null,
  far: null,
  outputs: [],
  outputBase: 0,
  moves: [],
  move: null,
  result: null,
  ...given,
});

const stateOf = ({ step, far, move, endedAtMs }: OrderFacts): JobView['state'] => {
  if (endedAtMs !== null) return 'ended';
  if (move !== null || step === 'arriving') return 'moving';
  if (step !== 'running' || far === null) return 'preparing';
  const { state } = far;
  return state === 'refused' || state === 'ended' ? 'running' : state === 'prepared' ? 'preparing' : state;
};

/** @param outputBytes - that are stored here */
export const viewOf = (id: JobId, facts: OrderFacts, outputBytes: number, copies: JobView['copies']): JobView => {
  const { spec, module, image, seat, far } = facts;
  return {
    id,
    name: spec.name,
    kind: spec.kind,
    side: 'sent',
    peerId: seat?.peerId ?? null,
    peerName: seat?.peerName ?? '',
    lease: seat?.lease ?? null,
    moduleBytes: module?.bytes ?? image?.layers.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0,
    moduleSha256: module?.sha256 ?? image?.config.sha256 ?? '',
    image: spec.kind === 'container' ? spec.image : '',
    args: [...spec.args],
    state: stateOf(facts),
    stateReason: facts.endedAtMs === null ? facts.reason : '',
    priority: spec.priority,
    queuePosition: facts.step === 'running' ? (far?.queuePosition ?? null) : null,
    estimate: null,
    createdAtMs: facts.createdAtMs,
    startedAtMs: facts.startedAtMs,
    endedAtMs: facts.endedAtMs,
    end: facts.endedAtMs === null ? null : facts.end,
    restartsDone: far?.restartsDone ?? 0,
    restartsMax: spec.restarts,
    health: far?.health ?? 'none',
    promised: promisedOf(spec, 100),
    effectiveCpuPercent: facts.endedAtMs === null ? (far?.effectiveCpuPercent ?? 0) : 0,
    governor: far?.governor ?? 'none',
    network: spec.kind === 'container' ? spec.network : 'none',
    ports: spec.kind === 'container' ? [...spec.ports] : [],
    measured: far === null ? unmeasured(outputBytes) : { ...far.measured, outputBytes },
    outputs: [...facts.outputs],
    moves: facts.moves,
    copies,
  };
};
