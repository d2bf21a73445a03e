import type { JobFile, JobView } from '../../../preload/contract/index.ts';
import type { JobOrigin } from './interface.ts';

/** For whom it runs, as it is kept; how it reaches the network is found anew. */
export type KeptOrigin = Omit<JobOrigin, 'network'>;

/** What changes while a job lives. */
export interface JobFacts {
  restartsDone: number;
  moves: JobView['moves'];
  /** Files that it left. */
  outputs: JobFile[];
  /** Promised share where the request names none, percent of a core; null as long as that is not decided. */
  cpuPercent: number | null;
  /** Its module is in the content store. */
  programStored: boolean;
  /** What the book is asked for beside the processor, as preparing found it. */
  needs: { memoryBytes: number; containers: number };
  /** Sha-256 of the encoded input; docs/formats/job-result.md. Null as long as it is not prepared. */
  input: Uint8Array | null;
  /** Where it goes on, from the moment it was told to stop for that: whatever becomes of the node, it does not go on here. */
  movedTo?: string;
}
export const FIRST_FACTS: JobFacts = {
  restartsDone: 0,
  moves: [],
  outputs: [],
  cpuPercent: null,
  programStored: false,
  needs: { memoryBytes: 0, containers: 0 },
  input: null,
};

export const keptOrigin = ({ side, who, lease, peerId, reserved, bringsImage }: JobOrigin): KeptOrigin => ({
  side,
  who,
  lease,
  peerId,
  reserved: { millicores: reserved.millicores, containers: reserved.containers },
  bringsImage,
});
