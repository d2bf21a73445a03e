export { createClockWatch, type ClockWatchComponents, type ClockWatchInit } from './create-clock-watch.ts';
export type * from './interface.ts';
