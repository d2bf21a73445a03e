import { isNodeError } from '../../../../base/index.ts';
import { ProxyError } from '../../errors.ts';

/** Why a program does not get where it wants to, as far as protocols have words for it. */
export interface Failure {
  /**
   * `refused`: nobody lets it. `unknown`: there is no such place. `away`: nothing answers there. `late`: too slow. `offline`: this
   * node talks to nobody. `other`: anything else.
   */
  kind: 'refused' | 'unknown' | 'away' | 'late' | 'offline' | 'other';
  /** For whoever sits in front of the program. */
  sentence: string;
}

const kindOf = (error: unknown): Failure['kind'] => {
  if (error instanceof ProxyError && error.code === 'REFUSED_THERE')
    switch ((error.data as { reason: string }).reason) {
      case 'unknown':
      case 'destinationUnknown':
        return 'unknown';
      case 'away':
        return 'away';
      case 'full':
        return 'other';
      default:
        return 'refused';
    }
  switch (isNodeError(error) ? error.code : '') {
    case 'DESTINATION_REFUSED':
    case 'NOT_YOURS':
    case 'LEASE_UNKNOWN':
    case 'LEASE_NOT_NETWORK':
    case 'BANNED':
    case 'TURNED_AWAY':
      return 'refused';
    case 'ADDRESS_UNKNOWN':
    case 'DESTINATION_UNKNOWN':
    case 'REVOKED':
      return 'unknown';
    case 'TARGET_AWAY':
    case 'UNREACHABLE':
    case 'NO_ADDRESS':
      return 'away';
    case 'TIMED_OUT':
    case 'DEADLINE':
      return 'late';
    case 'NOT_RUNNING':
      return 'offline';
    default:
      return 'other';
  }
};
export const failureOf = (error: unknown): Failure => ({
  kind: kindOf(error),
  sentence: isNodeError(error) ? error.message : 'The far side could not be reached.',
});
