export { createDestinationCheck, type DestinationCheckComponents } from './create-destination-check.ts';
export { type Host, type Ip, formatIp, parseHost, parseIp } from './ip.ts';
export { type DestinationPattern, PATTERNS_MAX, parseDestinationPattern } from './pattern.ts';
