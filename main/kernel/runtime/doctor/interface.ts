import type { EventSource, Startable } from '../../../base/index.ts';
import type { ContainerDoctorState } from '../../../../preload/contract/index.ts';

/** Finds out what is wrong with the container engine, says it once, mends what it safely can. */
export interface ContainerDoctor extends Startable, EventSource<{ changed: ContainerDoctorState }> {
  state(): ContainerDoctorState;
  /** @throws {RuntimeError} `DOCTOR_RUNNING` */
  run(): ContainerDoctorState;
  cancel(): ContainerDoctorState;
  /** @throws {RuntimeError} `CHECK_UNKNOWN` | `NOT_FIXABLE` | `DOCTOR_RUNNING` */
  fix(check: string): Promise<ContainerDoctorState>;
}
