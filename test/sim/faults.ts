/** A mistake that somebody could make in main/, as a change of its text. No program of ours knows of these; test/sim/planting.ts makes them. */
export interface PlantedFault {
  name: string;
  /** In words: what is wrong then. */
  what: string;
  /** From the root of the repository. */
  file: string;
  /** Stands there exactly once. */
  find: string;
  replace: string;
  level: 'core' | 'replica';
  /** Seeds within which it has to be found. */
  seedsMax: number;
}

export const FAULTS: readonly PlantedFault[] = [];
