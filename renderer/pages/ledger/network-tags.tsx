import type { LedgerSummary } from '../../../preload/contract/index.ts';
import { Tag } from '../../components/layout.tsx';

/** What a network is to this node, in a word each. */
export const NetworkTags = ({ network }: { network: LedgerSummary }) => (
  <>
    {network.current && <Tag tone="accent">current</Tag>}
    {network.home && <Tag>home</Tag>}
    {network.isValidator && <Tag>this node validates</Tag>}
    {network.halted !== null && <Tag tone="problem">halted</Tag>}
  </>
);
