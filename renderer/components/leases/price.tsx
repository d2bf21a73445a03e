import type { ResourceKey } from '../../../preload/contract/index.ts';
import { Caes } from '../caes.tsx';
import { perText } from './lease-text.ts';

/** `for nothing`, or what an hour of it costs. */
export const Price = ({ micro, resource }: { micro: string; resource: ResourceKey }) =>
  BigInt(micro) === 0n ? (
    'for nothing'
  ) : (
    <>
      <Caes micro={micro} /> {perText(resource)}
    </>
  );
