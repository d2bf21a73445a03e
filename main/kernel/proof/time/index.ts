export * from './constants.ts';
export * from './errors.ts';
export { decodeTimeStamp, encodeTimeStamp, type TimeClockEvent, type TimeStamp } from './format.ts';
export { closingOf, type MadeTimeProof, proveTime, type ProveTimeComponents, type ProveTimeInit } from './generate.ts';
export { verifyTime } from './verify.ts';
export { verifyTimeWhole } from './verify-whole.ts';
