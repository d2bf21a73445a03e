export type * from './interface.ts';
export { createEstimator, type EstimatorInit } from './estimator.ts';
export { createScheduler } from './create-scheduler.ts';
export { QUEUED_MAX, QUEUED_PER_WHO_MAX, RULES, type SchedulerRules } from './constants.ts';
