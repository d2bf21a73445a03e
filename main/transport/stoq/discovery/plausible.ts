import { isCircuit, isDialable, readAddress, scopeOf } from '../address.ts';
import type { Address } from '../interface.ts';

/** Whether an address means the same to the whole world. */
export const isFar = (address: Address): boolean => {
  const scope = scopeOf(address);
  return scope === 'global' || scope === 'memory';
};

/**
 * Addresses out of what a peer claims that are worth dialling. Somebody far away knows nothing of the networks near here, and could
 * have us knock at doors of our own: what it says of them is left out.
 *
 * @param from - where the one who says so is
 */
export const plausible = (claims: readonly string[], from: Address | null): Address[] => {
  const isNear = from !== null && !isCircuit(from) && !isFar(from);
  const found: Address[] = [];
  for (const claim of claims) {
    const address = readAddress(claim);
    if (address !== null && isDialable(address) && (isNear || isFar(address))) found.push(address);
  }
  return found;
};
