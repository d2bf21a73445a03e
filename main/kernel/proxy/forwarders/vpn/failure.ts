import { isNodeError } from '../../../../base/index.ts';
import { ProxyError } from '../../errors.ts';
import type { IcmpError } from './icmp.ts';

/** What a program is told when the far side cannot be had; `reset`: that nobody listens there. */
export type Failure = Extract<IcmpError, 'noRoute' | 'prohibited' | 'unknown'> | 'reset';

export const failureOf = (error: unknown): Failure => {
  if (!isNodeError(error)) return 'noRoute';
  switch (error.code) {
    case 'ADDRESS_UNKNOWN':
    case 'REVOKED':
      return 'unknown';
    case 'DESTINATION_REFUSED':
      return 'prohibited';
    case 'TARGET_AWAY':
    case 'DESTINATION_UNKNOWN':
      return 'reset';
    case 'REFUSED_THERE':
      return error instanceof ProxyError && isPolicy((error.data as { reason?: unknown }).reason)
        ? 'prohibited'
        : 'reset';
    default:
      return 'noRoute';
  }
};
/** It is there, and does not let this node in. */
const isPolicy = (reason: unknown): boolean => reason === 'privacy' || reason === 'lease' || reason === 'destination';
