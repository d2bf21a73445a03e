import { Autocomplete, Button, Textarea } from '@mantine/core';
import { IconQrcode } from '@tabler/icons-react';
import { type FormEvent, useEffect, useState } from 'react';
import type { Contact, WalletView } from '../../../preload/contract/index.ts';
import { shortAddress } from '../../components/address.tsx';
import { Caes, CaesInput, microOfText } from '../../components/caes.tsx';
import { Note } from '../../components/error-note.tsx';
import { Panel } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { type DraftAsked, useSigning } from '../../components/signing/use-signing.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { AccountSelect } from './account-select.tsx';
import { ownAccounts } from './wallet-text.ts';

const MEMO_LENGTH_MAX = 256;
const TO_LENGTH_MAX = 512;
const LINK = /^hypermesh:pay\?/i;

const useContacts = (): readonly Contact[] => {
  const node = useNodeAccess();
  const [contacts, setContacts] = useState<readonly Contact[]>([]);
  useEffect(() => {
    let ended = false;
    void node.ask('wallet:contacts', {}).then((reply) => {
      if (!ended && reply.ok) setContacts(reply.value.contacts);
    });
    return () => {
      ended = true;
    };
  }, [node]);
  return contacts;
};

const SendForm = ({
  view,
  initialTo,
  busy,
  onPrepare,
}: {
  view: WalletView;
  initialTo: string;
  busy: boolean;
  onPrepare(request: DraftAsked): void;
}) => {
  const accounts = ownAccounts(view);
  const contacts = useContacts();
  const [account, setAccount] = useState(accounts[0]?.address ?? '');
  const [to, setTo] = useState(initialTo);
  const [amount, setAmount] = useState('');
  const [memo, setMemo] = useState('');
  const chosen = accounts.find(({ address }) => address === account);
  const available = BigInt(chosen?.availableMicro ?? '0');
  const all = available - BigInt(view.feeMicro);
  const isLink = LINK.test(to.trim());
  const amountRight = amount.trim() === '' ? isLink : microOfText(amount) !== null;
  const ready = to.trim() !== '' && amountRight && chosen !== undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!ready || busy) return;
    onPrepare({
      kind: 'send',
      account,
      to: to.trim(),
      ...(amount.trim() === '' ? {} : { amount: amount.trim().replace(',', '.') }),
      memo: memo.trim(),
    });
  };
  return (
    <form className="hm-stack" onSubmit={submit}>
      <AccountSelect label="From" accounts={accounts} value={account} onChange={setAccount} />
      <Autocomplete
        label="To"
        description="An address, a name of your address book, or a payment link. Of a QR code, paste the text that your scanner shows."
        placeholder="caes1…, anna, or hypermesh:pay?…"
        data={contacts.map(({ name }) => name)}
        renderOption={({ option }) => {
          const contact = contacts.find(({ name }) => name === option.value);
          return (
            <span>
              {option.value}{' '}
              <code className="hm-dim">{contact === undefined ? '' : shortAddress(contact.address)}</code>
            </span>
          );
        }}
        value={to}
        maxLength={TO_LENGTH_MAX}
        autoComplete="off"
        spellCheck={false}
        onChange={setTo}
      />
      {isLink && (
        <Note icon={<IconQrcode size={18} aria-hidden className="hm-note-icon" />}>
          <p>A payment link brings its own amount and note. Leave the amount empty to take what it asks for.</p>
        </Note>
      )}
      <div className="hm-form-row">
        <CaesInput
          label="Amount"
          value={amount}
          onChange={setAmount}
          description={
            chosen === undefined ? undefined : (
              <>
                <Caes micro={chosen.availableMicro} /> available; the fee comes on top, from{' '}
                <Caes micro={view.feeMicro} />.{' '}
                {all > 0n && (
                  <button type="button" className="hm-link" onClick={() => setAmount(plainAmount(all))}>
                    All of it
                  </button>
                )}
              </>
            )
          }
        />
        <Textarea
          label="Note"
          description="Everybody who follows the ledger can read it."
          value={memo}
          maxLength={MEMO_LENGTH_MAX}
          autosize={false}
          rows={1}
          onChange={(event) => setMemo(event.currentTarget.value.replaceAll(/[\r\n]+/g, ' '))}
        />
      </div>
      <div className="hm-row">
        <Button type="submit" loading={busy} disabled={!ready || view.status !== 'unlocked'}>
          Review
        </Button>
        <p className="hm-small hm-dim">
          {view.status === 'unlocked'
            ? 'Shows what would be signed, with fee and result. Nothing is sent yet.'
            : 'The wallet is locked; unlock it first.'}
        </p>
      </div>
    </form>
  );
};

/** As the field takes it: no groups. */
const plainAmount = (micro: bigint): string => {
  const rest = (micro % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${micro / 1_000_000n}${rest === '' ? '' : `.${rest}`}`;
};

/** Sends from an own account: a form, what would be signed, and what became of it. */
export const SendPanel = ({ view, to }: { view: WalletView; to: string }) => {
  const signing = useSigning();
  return (
    <Panel title="Send" hint="To anybody on the same network. What is final cannot be taken back.">
      <SigningFlow signing={signing} approval={view.approval} again="Send something else">
        <SendForm
          view={view}
          initialTo={to}
          busy={signing.busy}
          onPrepare={(request) => void signing.prepare(request)}
        />
      </SigningFlow>
    </Panel>
  );
};
