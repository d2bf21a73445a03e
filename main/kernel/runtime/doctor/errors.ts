import { NodeError } from '../../../base/index.ts';

export class DoctorError extends NodeError<
  | { code: 'DOCTOR_RUNNING' }
  | { code: 'CHECK_UNKNOWN'; check: string }
  /** Nothing is wrong there, or mending it takes rights or decisions that are the owner's. */
  | { code: 'NOT_FIXABLE'; check: string }
> {
  override readonly name = 'DoctorError';
}

export const doctorRunning = (): DoctorError =>
  new DoctorError({ code: 'DOCTOR_RUNNING' }, 'The container doctor is at work; wait until it is done, or stop it.');

export const checkUnknown = (check: string): DoctorError =>
  new DoctorError(
    { code: 'CHECK_UNKNOWN', check },
    `The container doctor has no check ${check}; its report names those that there are.`,
  );

export const notFixable = (check: string, fix: string): DoctorError =>
  new DoctorError(
    { code: 'NOT_FIXABLE', check },
    fix === ''
      ? `There is nothing to put right at ${check}.`
      : `The doctor does not put ${check} right by itself; do it yourself: ${fix}`,
  );
