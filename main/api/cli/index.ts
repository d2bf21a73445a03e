export type * from './interface.ts';
export { EXIT, RUN_EXIT, exitCodeOf } from './exit-codes.ts';
export { CliError } from './errors.ts';
export { HAND_WRITTEN, buildProgram, runCli } from './program.ts';
export { Session } from './session.ts';
