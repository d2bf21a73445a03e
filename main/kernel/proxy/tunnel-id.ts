import type { Random } from '../../base/index.ts';
import { ProxyError } from './errors.ts';

const ID_BYTES = 4;

/** Eight hexadecimal digits. */
export const newTunnelId = (random: Random): string => Buffer.from(random.bytes(ID_BYTES)).toString('hex');
export const tunnelUnknown = (id: string): ProxyError =>
  new ProxyError({ code: 'TUNNEL_UNKNOWN', id }, `There is no tunnel ${id}; look at the list of tunnels.`);
