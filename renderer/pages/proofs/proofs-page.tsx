import { Button } from '@mantine/core';
import { IconFingerprint, IconLock, IconShieldCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { Asset, AssetProofs } from '../../../preload/contract/index.ts';
import { Note } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { shortId } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useNode } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { titleOf } from '../share/share-text.ts';
import { AssetCard } from './asset-card.tsx';
import { CheckFile } from './check-file.tsx';
import { PlanForm } from './plan-form.tsx';
import { KindGlyph } from './proof-glyph.tsx';
import { KINDS } from './proof-text.ts';
import { ProverPanel } from './prover-panel.tsx';
import './proofs.css';

const identityHref = hrefOf('settings', 'identity');

/** What the four are for, and the one thing that they need. */
const NoIdentity = () => (
  <Panel>
    <Empty
      icon={<IconFingerprint size={22} stroke={1.75} />}
      title="Prove what this machine can do"
      action={
        <Button component="a" href={identityHref}>
          Create an identity
        </Button>
      }
    >
      A proof lets a stranger check, with no trust in you, what your hardware really is. It is signed with keys of your
      own, so it needs an identity first: a few minutes, 24 words to write down, no account and nothing sent.
    </Empty>
    <ul className="hm-four">
      {(['space', 'stake', 'work', 'time'] as const).map((kind) => (
        <li key={kind}>
          <span className="hm-four-head">
            <KindGlyph kind={kind} size={18} />
            <strong>{KINDS[kind].question}</strong> <span className="hm-dim">{KINDS[kind].name}</span>
          </span>
          <span className="hm-small hm-dim">{KINDS[kind].shows}</span>
        </li>
      ))}
    </ul>
  </Panel>
);

/** Title of an asset's card: as on Share. */
export const assetTitle = (proofs: Pick<AssetProofs, 'resource' | 'label'>): string =>
  titleOf(proofs.resource, { label: proofs.label } as Asset);

/** Every asset with its four marks, what the prover does, and a check of any proof file. */
export const ProofsPage = () => {
  const identity = useNode((state) => state.identity);
  const proofs = useNode((state) => state.proofs);
  const nameOf = (asset: string): string => {
    const entry = proofs?.find((other) => other.asset === asset);
    return entry === undefined ? shortId(asset) : assetTitle(entry);
  };
  let body: ReactNode;
  if (identity === null || proofs === null) body = <Loading what="the proofs" />;
  else if (identity.status === 'none') body = <NoIdentity />;
  else {
    body = (
      <>
        {identity.status === 'locked' && (
          <Note
            tone="warning"
            icon={<IconLock size={18} aria-hidden className="hm-note-icon" />}
            title="Locked: no proof can be made"
            action={
              <Button component="a" href={identityHref} size="compact-sm" variant="default">
                Unlock
              </Button>
            }
          >
            <p>
              {sentence(identity.lockedReason ?? 'The keys of this node are locked')} The marks below are those of
              earlier proofs.
            </p>
          </Note>
        )}
        <ProverPanel nameOf={nameOf} />
        {proofs.length === 0 ? (
          <Panel>
            <Empty icon={<IconShieldCheck size={22} stroke={1.75} />} title="Nothing to prove yet">
              The hardware of this machine has not been registered; that happens by itself once it is known.
            </Empty>
          </Panel>
        ) : (
          proofs.map((entry) => <AssetCard key={entry.asset} proofs={entry} title={assetTitle(entry)} />)
        )}
        <PlanForm />
      </>
    );
  }
  return (
    <>
      <PageHeader title="Proofs">
        Where, who, what and when: what this machine has shown, so that a stranger can check it.
      </PageHeader>
      {body}
      <CheckFile />
    </>
  );
};
