import { partsOf, scopeOf } from './address.ts';
import type { Address } from './interface.ts';

/**
 * The few addresses that a link has room for: one of each family and carrier first, so that one of them works wherever it is
 * followed. A link-local address means something on one link only and is left out where there is any other.
 *
 * @param announced - best first
 */
export const inviteAddresses = (announced: readonly Address[], max: number): readonly Address[] => {
  const far = announced.filter((address) => scopeOf(address) !== 'link-local');
  const usable = far.length > 0 ? far : announced;
  const kinds = new Set<string>();
  const first = usable.filter((address) => {
    const { family, transport, relay } = partsOf(address);
    const kind = relay === null ? `${family} ${transport}` : 'relay';
    if (kinds.has(kind)) return false;
    kinds.add(kind);
    return true;
  });
  return [...new Set([...first, ...usable])].slice(0, max);
};
