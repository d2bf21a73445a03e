import type { Measured } from './interface.ts';

/** Of a job's processes before the first look, and for good where it was too short for one. */
export const NOTHING_COUNTED: Omit<Measured, 'sentBytes' | 'receivedBytes'> = {
  cpuMs: null,
  memoryBytesNow: null,
  memoryBytesPeak: null,
  throttledMs: null,
  pids: null,
  readBytes: null,
  writtenBytes: null,
  chargedBytes: null,
};
