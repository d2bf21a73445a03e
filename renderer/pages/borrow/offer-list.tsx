import { Button, Select, Switch } from '@mantine/core';
import { IconPlugConnectedX, IconRefresh, IconSearch } from '@tabler/icons-react';
import { useCallback, useEffect, useState } from 'react';
import type { CallError, OfferView, ResponseOf } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Price } from '../../components/leases/price.tsx';
import { Bar, Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { amountText, resourceName } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { peerTitle, roundTripText } from '../network/network-text.ts';

type Kind = 'memory' | 'network' | 'cpu' | 'container';

const OfferRow = ({ offer, onLease }: { offer: OfferView; onLease(offer: OfferView): void }) => (
  <tr>
    <th scope="row">
      <a href={hrefOf('network', offer.peerId)}>{peerTitle({ peerId: offer.peerId, name: offer.peerName })}</a>
      <span className="hm-small hm-dim hm-lease-sub">
        {offer.trusted ? 'trusted' : 'not trusted by name'}
        {offer.rttMs !== null && `, ${roundTripText(offer.rttMs)} away`}
      </span>
    </th>
    <td data-label="What">
      {resourceName(offer.resource)}
      <span className="hm-small hm-dim hm-lease-sub">{offer.allocationType.toLowerCase()}</span>
    </td>
    <td className="hm-right" data-label="At most">
      {amountText(offer.amountMax, offer.unit)}
      <span className="hm-small hm-dim hm-lease-sub">for {durationText(offer.minutesMax * 60_000)}</span>
    </td>
    <td data-label="Price">
      <Price micro={offer.priceMicro} resource={offer.resource} />
    </td>
    <td data-label="Proofs wanted">
      {offer.requiredProofs.length === 0 ? (
        <span className="hm-dim">none</span>
      ) : (
        <Tag>{offer.requiredProofs.join(', ')}</Tag>
      )}
    </td>
    <td title={offer.why} data-label="Score">
      <span className="hm-number">{Math.round(offer.score)} of 100</span>
      <Bar percent={offer.score} />
    </td>
    <td className="hm-right">
      <Button size="compact-sm" onClick={() => onLease(offer)}>
        Borrow …<span className="hm-sr"> from {peerTitle({ peerId: offer.peerId, name: offer.peerName })}</span>
      </Button>
    </td>
  </tr>
);

/** What others lend, best first. */
export const OfferList = ({ onLease }: { onLease(offer: OfferView): void }) => {
  const node = useNodeAccess();
  const [kind, setKind] = useState<Kind | null>(null);
  const [trustedOnly, setTrustedOnly] = useState(false);
  const [found, setFound] = useState<ResponseOf<'offers:search'> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  const search = useCallback(
    async (fresh: boolean): Promise<void> => {
      setBusy(true);
      const reply = await node.ask('offers:search', { ...(kind !== null && { kind }), trustedOnly, fresh });
      setBusy(false);
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setFound(reply.value);
    },
    [node, kind, trustedOnly],
  );
  useEffect(() => void search(false), [search]);
  return (
    <Panel
      title="What others lend"
      hint="Peers that are connected, and those whom the directories of your networks name. Best first: trust, distance, price, free capacity."
      actions={
        <>
          <Select
            aria-label="Kind"
            placeholder="Any kind"
            data={[
              { value: 'memory', label: 'Memory' },
              { value: 'network', label: 'Network' },
              { value: 'cpu', label: 'CPU' },
              { value: 'container', label: 'Containers' },
            ]}
            value={kind}
            onChange={(value) => setKind(value)}
            clearable
            w={140}
          />
          <Button
            variant="default"
            leftSection={<IconRefresh size={16} aria-hidden />}
            loading={busy}
            onClick={() => void search(true)}
          >
            Ask again
          </Button>
        </>
      }
    >
      <Switch
        mb="md"
        label="Only peers that I trust by name"
        checked={trustedOnly}
        onChange={(event) => setTrustedOnly(event.currentTarget.checked)}
      />
      {error?.code === 'NOT_RUNNING' && (
        <Empty
          icon={<IconPlugConnectedX size={22} stroke={1.75} />}
          title="This node talks to nobody now"
          action={
            <Button component="a" href={hrefOf('network')}>
              Open Network
            </Button>
          }
        >
          Offers come from other nodes. The Network page says what is missing before this one can ask them.
        </Empty>
      )}
      {error !== null && error.code !== 'NOT_RUNNING' && <ErrorNote error={error} />}
      {found === null && error === null && <Loading what="what others lend" />}
      {found !== null && found.offers.length === 0 && (
        <Empty icon={<IconSearch size={22} stroke={1.75} />} title="Nobody lends you anything of that kind now">
          {found.asked === 0
            ? 'Nobody is connected. Connect to others on the Network page.'
            : sentence(
                `${found.asked === 1 ? '1 peer was' : `${found.asked} peers were`} asked. A peer shows you what it lends once its privacy level lets you see it`,
              )}
        </Empty>
      )}
      {found !== null && found.offers.length > 0 && (
        <div className="hm-scroll-x">
          <table className="hm-table hm-leases">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">What</th>
                <th scope="col" className="hm-right">
                  At most
                </th>
                <th scope="col">Price</th>
                <th scope="col">Proofs wanted</th>
                <th scope="col">Score</th>
                <th scope="col">
                  <span className="hm-sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.offers.map((offer) => (
                <OfferRow key={offer.id} offer={offer} onLease={onLease} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
};
