export { applyWorkChange } from './apply-work-change.ts';
export { createWorkCopier } from './create-work-copier.ts';
export type * from './interface.ts';
