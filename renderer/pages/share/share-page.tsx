import { Loading, PageHeader } from '../../components/layout.tsx';
import { useNode } from '../../state/node-context.tsx';
import { MachineRulesPanel } from './machine-rules.tsx';
import { PreviewPanel } from './preview-panel.tsx';
import { ResourceCard } from './resource-card.tsx';
import './share.css';

/** What of this machine may be used, when, by whom. `part`: the resource whose card is open. */
export const SharePage = ({ part }: { part: string | null }) => {
  const resources = useNode((state) => state.share?.resources);
  return (
    <>
      <PageHeader title="Share">
        You decide how much of each resource others may use. The lowest rule always wins.
      </PageHeader>
      {resources === undefined ? (
        <Loading what="your limits" />
      ) : (
        <>
          <div className="hm-share-list">
            {resources.map((share) => (
              <ResourceCard key={share.resource} share={share} open={part === share.resource} />
            ))}
          </div>
          <PreviewPanel />
          <MachineRulesPanel />
        </>
      )}
    </>
  );
};
