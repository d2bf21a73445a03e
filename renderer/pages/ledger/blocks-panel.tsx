import { Button } from '@mantine/core';
import { IconCube } from '@tabler/icons-react';
import { useState } from 'react';
import type { LedgerBlockSummary } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Empty, Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { shortId } from '../../components/short-hash.tsx';
import { hrefOf } from '../../state/route.ts';
import { countText } from './ledger-text.ts';

/** The newest blocks of a ledger; each opens at the side. */
export const BlocksPanel = ({
  ledger,
  blocks,
  hasOlder,
  onOlder,
}: {
  ledger: string;
  blocks: readonly LedgerBlockSummary[];
  hasOlder: boolean;
  onOlder(): Promise<void>;
}) => {
  const [busy, setBusy] = useState(false);
  const older = async (): Promise<void> => {
    setBusy(true);
    await onOlder();
    setBusy(false);
  };
  return (
    <Panel
      title="Blocks"
      hint="Newest first. A block is made when there is something to agree on, and now and then without."
    >
      {blocks.length === 0 ? (
        <Empty icon={<IconCube size={22} stroke={1.75} />} title="No block yet">
          The first one follows as soon as there is something to agree on.
        </Empty>
      ) : (
        <div className="hm-stack">
          <div className="hm-scroll-x">
            <table className="hm-table">
              <thead>
                <tr>
                  <th scope="col">Block</th>
                  <th scope="col">When</th>
                  <th scope="col">Proposed by</th>
                  <th scope="col" className="hm-right">
                    Holds
                  </th>
                  <th scope="col" className="hm-right">
                    Signed by
                  </th>
                </tr>
              </thead>
              <tbody>
                {blocks.map((block) => (
                  <tr key={block.height}>
                    <td>
                      <a href={hrefOf('ledger', `${ledger}:${block.height}`)}>Block {block.height}</a>{' '}
                      {block.evidence > 0 && <Tag tone="problem">evidence</Tag>}
                    </td>
                    <td>
                      <Age atMs={block.timeMs} />
                    </td>
                    <td>
                      {block.proposerName === '' ? shortId(block.proposer) : block.proposerName}
                      {block.round > 0 && <span className="hm-small hm-dim"> in round {block.round}</span>}
                    </td>
                    <td className="hm-right">
                      {countText(block.transactions, 'transaction')}
                      <span className="hm-small hm-dim hm-ledger-sub">{bytesText(block.sizeBytes)}</span>
                    </td>
                    <td className="hm-right">
                      {block.signatures} of {block.validators}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {hasOlder && (
            <div className="hm-row">
              <Button variant="default" loading={busy} onClick={() => void older()}>
                Older blocks
              </Button>
            </div>
          )}
        </div>
      )}
    </Panel>
  );
};
