export * from './errors.ts';
export {
  MULTIPLICATIONS_PER_ROW,
  OPENED_DEFAULT,
  ROWS_DEFAULT,
  ROWS_MAX,
  WORK_PROOF_BYTES_MAX,
} from './format.ts';
export * from './generate.ts';
export type * from './interface.ts';
export * from './verify.ts';
