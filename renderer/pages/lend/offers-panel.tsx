import { Button } from '@mantine/core';
import { IconBuildingStore } from '@tabler/icons-react';
import type { OwnOfferView } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { amountText, resourceName } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { ToldText } from '../../components/told-text.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useTold } from '../../components/use-told.ts';
import { hrefOf } from '../../state/route.ts';
import { PRIVACY } from '../share/share-text.ts';

/** Why nothing at all is offered, where that is one reason for everything: an identity that is not there, say. */
const sharedReason = (offers: readonly OwnOfferView[]): string | null => {
  const [first, ...others] = offers;
  if (first === undefined || others.length === 0) return null;
  return offers.every(({ offered, sentence: reason }) => !offered && reason === first.sentence) ? first.sentence : null;
};

const Offer = ({
  offer,
  reasonSaid,
  onPreview,
}: {
  offer: OwnOfferView;
  /** Whether the reason stands above the list. */
  reasonSaid: boolean;
  onPreview(resource: string): void;
}) => (
  <li>
    <div className="hm-grow">
      <h3>
        {resourceName(offer.resource)}{' '}
        <Tag tone={offer.offered ? 'accent' : 'neutral'}>{offer.offered ? 'offered' : 'not offered'}</Tag>
      </h3>
      {!reasonSaid && (
        <p className="hm-small hm-dim">
          <ToldText text={sentence(offer.sentence)} />
        </p>
      )}
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
  const lendable = value?.offers.filter((offer) => offer.lendable) ?? [];
  const reason = sharedReason(lendable);
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
            {reason !== null && (
              <Note tone="warning" title="Nothing is offered now">
                <p>
                  <ToldText text={sentence(reason)} />
                </p>
              </Note>
            )}
            <ul className="hm-lend-list">
              {lendable.map((offer) => (
                <Offer key={offer.resource} offer={offer} reasonSaid={reason !== null} onPreview={onPreview} />
              ))}
            </ul>
            {lendable.length < value.offers.length && (
              <p className="hm-small hm-dim hm-lend-rest">
                Not lent to others by this version:{' '}
                {value.offers
                  .filter((offer) => !offer.lendable)
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
