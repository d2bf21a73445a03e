import { NumberInput, Select, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { OfferView } from '../../../preload/contract/index.ts';
import { showDone } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { amountUnits } from '../../components/leases/lease-text.ts';
import { Price } from '../../components/leases/price.tsx';
import { amountText, resourceName } from '../../components/quantity.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { peerTitle } from '../network/network-text.ts';

const PURPOSE_LENGTH_MAX = 64;
/** In the first unit that is offered: MiB, kB/s; else one of it. */
const STARTS_WITH: Partial<Record<OfferView['unit'], number>> = { bytes: 64, bytesPerSecond: 1_000 };

/** How much, for how long, by which way. */
export const LeaseDialog = ({ offer, onClose }: { offer: OfferView; onClose(): void }) => {
  const node = useNodeAccess();
  const units = amountUnits(offer.unit);
  const [unit, setUnit] = useState(units[0]?.label ?? '');
  const [count, setCount] = useState<number | string>(STARTS_WITH[offer.unit] ?? 1);
  const [minutes, setMinutes] = useState<number | string>(Math.min(60, offer.minutesMax));
  const [purpose, setPurpose] = useState('');
  const [anonymous, setAnonymous] = useState(false);
  const factor = units.find(({ label }) => label === unit)?.factor ?? 1;
  const amount = Math.round(Number(count) * factor);
  const tooMuch = amount > offer.amountMax;
  const wrong =
    !Number.isSafeInteger(amount) ||
    amount < 1 ||
    tooMuch ||
    !(Number(minutes) >= 1 && Number(minutes) <= offer.minutesMax);
  const from = peerTitle({ peerId: offer.peerId, name: offer.peerName });
  return (
    <FormDialog
      title={`Borrow ${resourceName(offer.resource).toLowerCase()} from ${from}`}
      label="Ask for it"
      disabled={wrong}
      onClose={onClose}
      send={() =>
        node.ask('leases:request', {
          offer: offer.id,
          amount,
          minutes: Math.round(Number(minutes)),
          priceMicroMax: offer.priceMicro,
          route: anonymous ? 'anonymous' : 'direct',
          purpose: purpose.trim(),
        })
      }
      onDone={() => showDone('Asked. It is in the list below; its state tells what became of it.')}
    >
      <div className="hm-form-row">
        <NumberInput
          label="How much"
          value={count}
          min={1}
          allowDecimal
          allowNegative={false}
          error={tooMuch ? `At most ${amountText(offer.amountMax, offer.unit)}` : null}
          onChange={setCount}
          data-autofocus
        />
        <Select
          label="Unit"
          data={units.map(({ label }) => label)}
          value={unit}
          allowDeselect={false}
          onChange={(value) => setUnit(value ?? unit)}
        />
      </div>
      <NumberInput
        label="How long"
        description={`At most ${offer.minutesMax} min. You can end it at any time.`}
        value={minutes}
        min={1}
        max={offer.minutesMax}
        allowDecimal={false}
        suffix=" min"
        onChange={setMinutes}
      />
      <TextInput
        label="Purpose"
        description="The lender reads it. Leave it empty if you like."
        value={purpose}
        maxLength={PURPOSE_LENGTH_MAX}
        onChange={(event) => setPurpose(event.currentTarget.value)}
      />
      <Switch
        label="Without telling who I am"
        description="Through at least two relays, with keys for this lease alone. Slower; only fully public offers take it."
        checked={anonymous}
        onChange={(event) => setAnonymous(event.currentTarget.checked)}
      />
      <p className="hm-small hm-dim">
        {offer.priceMicro === '0' ? (
          'It costs nothing.'
        ) : (
          <>
            It costs <Price micro={offer.priceMicro} resource={offer.resource} />.
          </>
        )}
        {offer.requiredProofs.length > 0 &&
          ` The lender wants these proofs of this machine first: ${offer.requiredProofs.join(', ')}. Making them takes minutes.`}
      </p>
    </FormDialog>
  );
};
