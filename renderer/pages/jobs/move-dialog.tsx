import { Radio, Select } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { JobView, OfferView } from '../../../preload/contract/index.ts';
import { showDone } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { PeerField } from '../../components/peer-field.tsx';
import { priceText } from '../../components/leases/lease-text.ts';
import { amountText, bytesText } from '../../components/quantity.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo } from '../../state/route.ts';
import { peerTitle } from '../network/network-text.ts';
import { whereText } from './job-text.ts';

type Where = 'any' | 'home' | 'offer' | 'peer';

const offerText = (offer: OfferView): string =>
  `${peerTitle({ peerId: offer.peerId, name: offer.peerName })}: ${amountText(offer.amountMax, offer.unit)}, ${priceText(offer.priceMicro, offer.resource)}`;

/** Offers of others that a job of this kind can run on, best first; null until they are known. */
export const useOffers = (kind: 'container' | 'cpu', wanted: boolean): readonly OfferView[] | null => {
  const node = useNodeAccess();
  const [offers, setOffers] = useState<readonly OfferView[] | null>(null);
  useEffect(() => {
    if (!wanted) return;
    let stale = false;
    void node.ask('offers:search', { kind }).then((reply) => {
      if (stale) return;
      const found = reply.ok ? reply.value.offers : [];
      // Offers are what peers say; two with one id would be one choice.
      setOffers(found.filter(({ id }, index) => found.findIndex((other) => other.id === id) === index));
    });
    return () => {
      stale = true;
    };
  }, [node, kind, wanted]);
  return offers;
};

/** One of the offers, or that there is none. */
export const OfferSelect = ({
  offers,
  value,
  onChange,
}: {
  offers: readonly OfferView[] | null;
  value: string | null;
  onChange(offer: string): void;
}) => (
  <Select
    label="Offer"
    placeholder={offers === null ? 'Reading the offers …' : offers.length === 0 ? 'Nobody offers it now' : 'Choose one'}
    description={
      offers?.length === 0 ? 'Peers are asked when this is opened; Borrow shows all that they lend.' : undefined
    }
    data={(offers ?? []).map((offer) => ({ value: offer.id, label: offerText(offer) }))}
    value={value}
    disabled={offers === null || offers.length === 0}
    onChange={(chosen) => chosen !== null && onChange(chosen)}
  />
);

/** Where a running container goes, and what will happen to it. */
export const MoveDialog = ({ job, onClose }: { job: JobView; onClose(): void }) => {
  const node = useNodeAccess();
  const atHome = job.side !== 'sent';
  const [where, setWhere] = useState<Where>(atHome ? 'any' : 'home');
  const [offer, setOffer] = useState<string | null>(null);
  const [peer, setPeer] = useState('');
  const offers = useOffers('container', where === 'offer');
  const to = where === 'offer' ? offer : where === 'peer' ? peer.trim() : where;
  return (
    <FormDialog
      title={`Move ${job.name}`}
      label="Move"
      disabled={to === null || to === ''}
      onClose={onClose}
      send={() => node.ask('job:move', { id: job.id, to: to ?? 'any' })}
      onDone={(moved) => {
        node.store.setState({ jobs: withJob(node.store.getState().jobs, moved) });
        // From here it goes on as another job, whose page tells the rest.
        if (moved.id !== job.id) goTo('jobs', moved.id);
        showDone('It is on its way. Its page says how far it is.');
      }}
    >
      <p className="hm-small hm-dim">It runs {whereText(job)} now.</p>
      <Radio.Group label="Where to" value={where} onChange={(value) => setWhere(value)}>
        <div className="hm-stack-tight hm-job-choice">
          {!atHome && <Radio value="home" label="Home" description="This machine goes on with it." />}
          <Radio value="any" label="The best offer" description="Trust, distance, price and room decide." />
          <Radio value="offer" label="An offer that I choose" />
          <Radio value="peer" label="A peer by its name" />
        </div>
      </Radio.Group>
      {where === 'offer' && <OfferSelect offers={offers} value={offer} onChange={setOffer} />}
      {where === 'peer' && (
        <PeerField
          label="Peer"
          description="Its name, its id or the beginning of it."
          value={peer}
          onChange={setPeer}
        />
      )}
      <div className="hm-job-will">
        <h3>What will happen</h3>
        <ol className="hm-job-steps">
          <li>The image and the files of its work folder go there while it runs on.</li>
          <li>
            It is told to end, what changed meanwhile is sent, and it starts there with its files as they are. Nobody
            answers during that pause, which is usually well under a second.
          </li>
          <li>
            What it held in memory is lost; what it wrote into /work (at most {bytesText(job.promised.scratchBytesMax)})
            goes with it.
          </li>
          <li>If anything fails before that, it runs on where it is.</li>
        </ol>
      </div>
    </FormDialog>
  );
};
