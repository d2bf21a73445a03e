import type { EventSource, Startable } from '../../../base/index.ts';
import type { ContainerDoctorState, DoctorCheck } from '../../../../preload/contract/index.ts';

export interface ContainerDoctorEvents {
  changed: ContainerDoctorState;
  /** Something is wrong that was not said before. Once for each problem, also over restarts, until it was well in between. */
  problem: DoctorCheck;
}
/** Finds out what is wrong with the container engine, says it once, mends what it safely can. */
export interface ContainerDoctor extends Startable, EventSource<ContainerDoctorEvents> {
  state(): ContainerDoctorState;
  /** @throws {DoctorError} `DOCTOR_RUNNING` */
  run(): ContainerDoctorState;
  /** Its containers are removed all the same. Nothing happens when it does not run. */
  cancel(): ContainerDoctorState;
  /** Puts right what belongs to a check, and begins to look again. @throws {DoctorError} `CHECK_UNKNOWN` | `NOT_FIXABLE` | `DOCTOR_RUNNING` */
  fix(check: string): Promise<ContainerDoctorState>;
}
