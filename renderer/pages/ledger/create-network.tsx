import { Button, NumberInput, TextInput, Textarea } from '@mantine/core';
import { IconArrowLeft, IconCircleCheck, IconDownload } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { CallError, ResponseOf } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { saveFile } from '../../components/files.ts';
import { Fact, Facts, PageHeader, Panel } from '../../components/layout.tsx';
import { ShortHash } from '../../components/short-hash.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const NAME_LENGTH_MAX = 32;
const CAES_MAX = 1_000_000_000;
const HEARTBEAT_S_MAX = 86_400;
const EPOCH_MIN_MAX = 525_600;

const linesOf = (text: string): string[] =>
  text
    .split(/[\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const Founded = ({ founded }: { founded: ResponseOf<'ledgers:create'> }) => (
  <Panel>
    <div className="hm-stack">
      <div className="hm-outcome" data-state="final" role="status">
        <IconCircleCheck size={24} aria-hidden />
        <div className="hm-grow">
          <p className="hm-outcome-title">{founded.ledger.name} is founded</p>
          <p className="hm-small">
            Give the file to everybody who is to join, and tell them the id over another way, so that they can compare
            it.
          </p>
        </div>
      </div>
      <Facts>
        <Fact name="Id">
          <ShortHash value={founded.ledger.id} what="the id of the network" />
        </Fact>
        <Fact name="File">{founded.fileName}</Fact>
      </Facts>
      <div className="hm-row">
        <Button
          leftSection={<IconDownload size={16} aria-hidden />}
          onClick={() => saveFile(founded.fileName, founded.genesis)}
        >
          Save the genesis file
        </Button>
        <Button component="a" href={hrefOf('ledger', founded.ledger.id)} variant="default">
          Open the network
        </Button>
      </div>
    </div>
  </Panel>
);

const Form = ({ onFounded }: { onFounded(founded: ResponseOf<'ledgers:create'>): void }) => {
  const node = useNodeAccess();
  const unlocked = useNode((state) => state.identity?.status === 'unlocked');
  const [name, setName] = useState('');
  const [validators, setValidators] = useState('');
  const [accounts, setAccounts] = useState('');
  const [ownCaes, setOwnCaes] = useState<number | string>(1_000_000);
  const [heartbeat, setHeartbeat] = useState<number | string>(60);
  const [epoch, setEpoch] = useState<number | string>(60);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const nameRight = NAME.test(name.trim());
  const ready =
    nameRight && typeof ownCaes === 'number' && typeof heartbeat === 'number' && typeof epoch === 'number' && unlocked;
  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    const reply = await node.ask('ledgers:create', {
      name: name.trim(),
      validators: linesOf(validators),
      accounts: linesOf(accounts),
      ownCaes,
      heartbeatSeconds: heartbeat,
      epochMinutes: epoch,
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    saveFile(reply.value.fileName, reply.value.genesis);
    onFounded(reply.value);
  };
  return (
    <Panel
      title="How it begins"
      hint="This stands in the genesis and never changes; rules can be changed later by its keepers."
    >
      <form className="hm-stack" onSubmit={(event) => void create(event)}>
        <TextInput
          label="Name"
          description="Small letters, digits and hyphens."
          value={name}
          maxLength={NAME_LENGTH_MAX}
          autoComplete="off"
          error={
            name !== '' && !nameRight ? 'Use small letters, digits and hyphens, and begin with no hyphen.' : undefined
          }
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Textarea
          label="Validators besides this node"
          description="Names or ids of peers, one per line. With this node alone, nobody can overrule it; from four on, one may lie or be away."
          value={validators}
          autosize
          minRows={2}
          maxRows={8}
          spellCheck={false}
          onChange={(event) => setValidators(event.currentTarget.value)}
        />
        <div className="hm-form-row">
          <NumberInput
            label="Your own account begins with"
            value={ownCaes}
            min={0}
            max={CAES_MAX}
            allowDecimal={false}
            thousandSeparator=" "
            hideControls
            rightSection={<span className="hm-small hm-dim">CAES</span>}
            rightSectionWidth={56}
            onChange={setOwnCaes}
          />
          <NumberInput
            label="A block at least every"
            value={heartbeat}
            min={1}
            max={HEARTBEAT_S_MAX}
            allowDecimal={false}
            hideControls
            rightSection={<span className="hm-small hm-dim">s</span>}
            onChange={setHeartbeat}
          />
          <NumberInput
            label="Rewards every"
            value={epoch}
            min={1}
            max={EPOCH_MIN_MAX}
            allowDecimal={false}
            hideControls
            rightSection={<span className="hm-small hm-dim">min</span>}
            rightSectionWidth={48}
            onChange={setEpoch}
          />
        </div>
        <Textarea
          label="Others who have something from the start"
          description="An address and CAES, one per line: caes1…=1000"
          value={accounts}
          autosize
          minRows={2}
          maxRows={8}
          spellCheck={false}
          onChange={(event) => setAccounts(event.currentTarget.value)}
        />
        {!unlocked && (
          <Note tone="warning">
            <p>
              Founding a network needs the keys of this node. Create or unlock the identity under{' '}
              <a href={hrefOf('settings', 'identity')}>Settings</a> first.
            </p>
          </Note>
        )}
        {error !== null && <ErrorNote title="It was not founded" error={error} />}
        <div className="hm-row">
          <Button type="submit" loading={busy} disabled={!ready}>
            Found the network
          </Button>
          <Button component="a" href={hrefOf('ledger')} variant="default">
            Cancel
          </Button>
        </div>
      </form>
    </Panel>
  );
};

/** Founds a network and hands over the file that others join with. */
export const CreateNetwork = () => {
  const [founded, setFounded] = useState<ResponseOf<'ledgers:create'> | null>(null);
  return (
    <>
      <a className="hm-back" href={hrefOf('ledger')}>
        <IconArrowLeft size={16} aria-hidden /> Ledger
      </a>
      <PageHeader title="Found a network">
        A ledger of its own for a household, a club or a laboratory. You begin as its keeper.
      </PageHeader>
      {founded === null ? <Form onFounded={setFounded} /> : <Founded founded={founded} />}
    </>
  );
};
