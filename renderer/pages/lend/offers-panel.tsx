import { Button } from '@mantine/core';
import { IconBuildingStore } from '@tabler/icons-react';
import type { OwnOfferView } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { amountText, resourceName } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useTold } from '../../components/use-told.ts';
import { hrefOf } from '../../state/route.ts';
import { PRIVACY } from '../share/share-text.ts';

const Offer = ({ offer, onPreview }: { offer: OwnOfferView; onPreview(resource: string): void }) => (
  <li>
    <div className="hm-grow">
      <h3>
        {resourceName(offer.resource)}{' '}
        <Tag tone={offer.offered ? 'accent' : 'neutral'}>{offer.offered ? 'offered' : 'not offered'}</Tag>
      </h3>
      <p className="hm-small hm-dim">{sentence(offer.sentence)}</p>
      {offer.address !== null && (
        <p className="hm-small hm-lend-address">
          <code>{offer.address}</code>
          <CopyButton text={offer.address} what={`the address of ${resourceName(offer.resource).toLowerCase()}`} />
        </p>
      )}
    </div>
    <p className="hm-lend-amount">
      <strong>{amountText(offer.amountMax, offer.unit)}</strong>
      <span className="hm-small hm-dim">
        {offer.percentNow} % now, {PRIVACY[offer.privacyLevel].label.toLowerCase()}
      </span>
    </p>
    <Button size="compact-sm" variant="default" onClick={() => onPreview(offer.resource)}>
      Who may …<span className="hm-sr"> borrow {resourceName(offer.resource).toLowerCase()}</span>
    </Button>
  </li>
);

/** What this node offers, how much, and who can see it. */
export const OffersPanel = ({ onPreview }: { onPreview(resource: string): void }) => {
  const { value, error } = useTold('offers:own', {}, 'ownOffers', (_before, news) => news);
  return (
    <Panel
      title="What you offer"
      hint="As far as the privacy level of each resource lets others see it."
      actions={
        <a className="hm-small" href={hrefOf('share')}>
          Limits and terms
        </a>
      }
    >
      {error !== null && <ErrorNote error={error} />}
      {value === null && error === null && <Loading what="what you offer" />}
      {value !== null &&
        (value.offers.length === 0 ? (
          <Empty icon={<IconBuildingStore size={22} stroke={1.75} />} title="Nothing to offer">
            This machine has no memory and no network that it could lend.
          </Empty>
        ) : (
          <>
            <ul className="hm-lend-list">
              {value.offers
                .filter(({ lendable }) => lendable)
                .map((offer) => (
                  <Offer key={offer.resource} offer={offer} onPreview={onPreview} />
                ))}
            </ul>
            {value.offers.some(({ lendable }) => !lendable) && (
              <p className="hm-small hm-dim hm-lend-rest">
                Not lent to others by this version:{' '}
                {value.offers
                  .filter(({ lendable }) => !lendable)
                  .map(({ resource }) => resourceName(resource))
                  .join(', ')}
                . They run your own jobs.
              </p>
            )}
          </>
        ))}
    </Panel>
  );
};
