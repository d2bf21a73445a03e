import type { JobId, Logger, Outside, WorkerPool } from '../../../base/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { Leases, Links } from '../../leases/index.ts';
import type { ContentExchange, ContentStore } from '../content/interface.ts';
import type { Images } from '../images/interface.ts';
import type { Runtime } from '../interface.ts';
import type { CreateWorkCopier } from '../moving/interface.ts';
import type { FarJob } from './far-job.ts';
import type { RemoteJobMetrics } from './metrics.ts';
import type { OrderFacts, Seat } from './order-facts.ts';
import type { OrderRows } from './order-rows.ts';
import type { SeatTaker } from './seats.ts';

/** What orders are made of; the same for all of them. */
export interface OrderParts {
  outside: Outside;
  logger: Logger;
  metrics: RemoteJobMetrics | null;
  rows: OrderRows;
  seats: SeatTaker;
  leases: Pick<Leases, 'borrowed'>;
  links: Pick<Links, 'open'>;
  content: Pick<ContentStore, 'put' | 'open' | 'sizeOf' | 'hold' | 'release'>;
  exchange: Pick<ContentExchange, 'bring' | 'send'>;
  /** Null: this node has no engine. */
  images: Pick<Images, 'export'> | null;
  runtime: Pick<
    Runtime,
    'submit' | 'get' | 'spec' | 'work' | 'begin' | 'handOver' | 'forgetMoved' | 'note' | 'cancel' | 'remove' | 'on'
  >;
  createWorkCopier: CreateWorkCopier;
  /** Checks what lenders sign. */
  workers: Pick<WorkerPool, 'run'>;
  /** What is held against whoever ran it wrongly. */
  offend(peer: PeerId, detail: string): void;
}
/** What a mover needs of its order. */
export interface OrderCore {
  readonly id: JobId;
  readonly facts: OrderFacts;
  readonly signal: AbortSignal;
  readonly log: Logger;
  save(change: Partial<OrderFacts>): Promise<void>;
  say(reason: string): void;
  farOf(seat: Seat): FarJob;
  /** Stored here. */
  readonly outputBytes: number;
  others(): ReadonlySet<string>;
  inTurn(work: () => Promise<void>): Promise<void>;
  /** Carries image and files to a seat whose lease runs, and starts the job there. */
  bringTo(far: FarJob, held: boolean): Promise<void>;
  fetchOutput(far: FarJob): Promise<void>;
  /** The state is that of another place from now on. */
  arrived(): void;
}
