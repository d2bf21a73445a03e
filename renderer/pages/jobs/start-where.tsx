import { NumberInput, Radio, Switch, TextInput } from '@mantine/core';
import { Note } from '../../components/error-note.tsx';
import { PeerField } from '../../components/peer-field.tsx';
import { COPIES_MAX, type DraftProblems, isContainer, type JobDraft } from './job-draft.ts';
import { OfferSelect, useOffers } from './move-dialog.tsx';

/** Half of them and one more. */
const majority = (copies: number): number => Math.floor(copies / 2) + 1;

/** Where it runs, how often, for how long and for how much. */
export const StartWhere = ({
  draft,
  problems,
  onDraft,
}: {
  draft: JobDraft;
  problems: DraftProblems;
  onDraft(change: Partial<JobDraft>): void;
}) => {
  const container = isContainer(draft);
  const offers = useOffers(container ? 'container' : 'cpu', draft.where === 'offer');
  const away = draft.where !== 'here';
  const copies = Number(draft.copies);
  return (
    <div className="hm-stack">
      <Radio.Group
        aria-label="Where it runs"
        value={draft.where}
        onChange={(where) => onDraft({ where, ...(where !== 'any' && { copies: 1, quorum: 1 }) })}
      >
        <div className="hm-stack-tight hm-job-choice">
          <Radio value="here" label="Here" description="Within what you lend of this machine." />
          <Radio value="any" label="The best offer" description="Trust, distance, price and room decide." />
          <Radio value="offer" label="An offer that I choose" />
          <Radio value="peer" label="A peer by its name" />
        </div>
      </Radio.Group>
      {draft.where === 'here' && (
        <Switch
          label="Wait for room"
          description="In place of being refused when there is none now."
          checked={draft.queue}
          onChange={(event) => onDraft({ queue: event.currentTarget.checked })}
        />
      )}
      {draft.where === 'offer' && (
        <>
          <OfferSelect offers={offers} value={draft.offer} onChange={(offer) => onDraft({ offer })} />
          {problems.offer !== undefined && <p className="hm-job-problem">{problems.offer}</p>}
        </>
      )}
      {draft.where === 'peer' && (
        <>
          <PeerField
            label="Peer"
            description="Its name, its id or the beginning of it; or a lease that you have."
            value={draft.peer}
            onChange={(peer) => onDraft({ peer })}
          />
          {problems.peer !== undefined && <p className="hm-job-problem">{problems.peer}</p>}
        </>
      )}
      {away && (
        <>
          <div className="hm-form-row">
            <NumberInput
              label="Lease"
              description="It ends with the job, or after this time."
              suffix=" min"
              value={draft.minutes}
              min={1}
              max={525_600}
              allowDecimal={false}
              error={problems.minutes}
              onChange={(minutes) => onDraft({ minutes })}
            />
            <TextInput
              label="Highest price"
              description={`CAES per ${container ? 'container' : 'core'} and hour; 0 takes only what is lent for nothing.`}
              inputMode="decimal"
              value={draft.price}
              error={problems.price}
              onChange={(event) => onDraft({ price: event.currentTarget.value })}
            />
            {draft.where === 'any' && (
              <NumberInput
                label="Copies"
                description="Runs on so many owners’ nodes."
                value={draft.copies}
                min={1}
                max={COPIES_MAX}
                allowDecimal={false}
                error={problems.copies}
                onChange={(next) => onDraft({ copies: next, quorum: majority(Number(next) || 1) })}
              />
            )}
            {draft.where === 'any' && copies > 1 && (
              <NumberInput
                label="Same result from"
                description={`Of the ${copies}; who gives another loses standing.`}
                value={draft.quorum}
                min={1}
                max={Math.min(COPIES_MAX, copies)}
                allowDecimal={false}
                error={problems.quorum}
                onChange={(quorum) => onDraft({ quorum })}
              />
            )}
          </div>
          <Switch
            label="Without telling who I am"
            description="Through at least two relays, with keys for this lease alone. Slower; only fully public offers take it."
            checked={draft.anonymous}
            onChange={(event) => onDraft({ anonymous: event.currentTarget.checked })}
          />
          <Note>
            <p>
              Whoever runs it can read its program, its files and its output. Send nothing that its owner must not know.
            </p>
          </Note>
        </>
      )}
    </div>
  );
};
