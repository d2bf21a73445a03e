import { Button, TextInput } from '@mantine/core';
import { IconReceipt } from '@tabler/icons-react';
import { type FormEvent, useEffect, useState } from 'react';
import type { CallError, PaymentRequest, WalletView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Caes, CaesInput, microOfText } from '../../components/caes.tsx';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { Empty, Loading, Panel, Tag } from '../../components/layout.tsx';
import { QrOf } from '../../components/qr-code.tsx';
import { CopyButton } from '../../components/short-hash.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { AccountSelect } from './account-select.tsx';
import { ownAccounts } from './wallet-text.ts';

const MEMO_LENGTH_MAX = 128;

const RequestLine = ({
  request,
  open,
  onOpen,
  onRemove,
}: {
  request: PaymentRequest;
  open: boolean;
  onOpen(): void;
  onRemove(): void;
}) => {
  const paid = BigInt(request.paidMicro);
  const whole = request.amountMicro === null ? null : BigInt(request.amountMicro);
  const name = request.memo === '' ? 'a request without a note' : request.memo;
  return (
    <li>
      <div className="hm-request-line">
        <div className="hm-grow">
          <p className="hm-break">
            <strong>{request.memo === '' ? 'Without a note' : request.memo}</strong>
          </p>
          <p className="hm-small hm-dim">
            {whole === null ? 'any amount' : <Caes micro={whole} />}, asked for <Age atMs={request.createdAtMs} />
          </p>
        </div>
        {paid === 0n ? (
          <Tag>nothing yet</Tag>
        ) : (
          <Tag tone={whole !== null && paid < whole ? 'warning' : 'accent'}>
            <Caes micro={paid} /> came in
          </Tag>
        )}
        <div className="hm-row">
          <Button size="compact-sm" variant="default" aria-expanded={open} onClick={onOpen}>
            {open ? 'Hide the code' : 'Show the code'}
            <span className="hm-sr"> of {name}</span>
          </Button>
          <Button size="compact-sm" variant="subtle" color="red" className="hm-remove" onClick={onRemove}>
            Remove<span className="hm-sr"> {name}</span>
          </Button>
        </div>
      </div>
      {open && (
        <div className="hm-request-code">
          <QrOf content={request.link} text="The payment link as a QR code" />
          <div className="hm-wallet-link">
            <code>{request.link}</code>
            <CopyButton text={request.link} what="the payment link" clears />
          </div>
        </div>
      )}
    </li>
  );
};

const Requests = ({ account }: { account: string }) => {
  const node = useNodeAccess();
  const [requests, setRequests] = useState<readonly PaymentRequest[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [amount, setAmount] = useState('');
  const [memo, setMemo] = useState('');
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  useEffect(() => {
    let ended = false;
    const read = async (): Promise<void> => {
      const reply = await node.ask('wallet:requests', {});
      if (ended) return;
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setRequests(reply.value.requests);
    };
    void read();
    // A payment that came in is a change of the wallet.
    const end = node.watch('wallet', () => void read());
    return () => {
      ended = true;
      end();
    };
  }, [node]);
  const amountRight = amount.trim() === '' || microOfText(amount) !== null;
  const make = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!amountRight || busy) return;
    setBusy(true);
    const reply = await node.ask('wallet:request', {
      account,
      ...(amount.trim() === '' ? {} : { amount: amount.trim().replace(',', '.') }),
      memo: memo.trim(),
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    setRequests((before) => [reply.value, ...(before ?? []).filter(({ id }) => id !== reply.value.id)]);
    setOpen(reply.value.id);
    setAmount('');
    setMemo('');
  };
  const remove = async (id: string): Promise<void> => {
    const reply = await node.ask('wallet:removeRequest', { id });
    if (reply.ok) setRequests(reply.value.requests);
    else showError('The request stays', reply.error);
  };
  return (
    <Panel title="Ask for a payment" hint="A link and a code with amount and note, so that nobody has to type them.">
      <form className="hm-request-form" onSubmit={(event) => void make(event)}>
        <CaesInput label="Amount" description="Empty: the payer says." value={amount} onChange={setAmount} />
        <TextInput
          label="Note"
          description="By it, what comes in is told apart."
          value={memo}
          maxLength={MEMO_LENGTH_MAX}
          onChange={(event) => setMemo(event.currentTarget.value)}
        />
        <Button type="submit" loading={busy} disabled={!amountRight}>
          Make the request
        </Button>
      </form>
      {error !== null && <ErrorNote error={error} />}
      {requests === null && error === null && <Loading what="the requests" />}
      {requests?.length === 0 && (
        <Empty icon={<IconReceipt size={22} stroke={1.75} />} title="Nothing asked for">
          Requests stay here with what came in for each, until you remove them.
        </Empty>
      )}
      {requests !== null && requests.length > 0 && (
        <ul className="hm-requests" aria-label="Requests">
          {requests.map((request) => (
            <RequestLine
              key={request.id}
              request={request}
              open={open === request.id}
              onOpen={() => setOpen(open === request.id ? null : request.id)}
              onRemove={() => void remove(request.id)}
            />
          ))}
        </ul>
      )}
    </Panel>
  );
};

/** An address to be paid at, as text and as a code, and requests for payments. */
export const ReceivePanel = ({ view }: { view: WalletView }) => {
  const accounts = ownAccounts(view);
  const [chosen, setChosen] = useState(accounts[0]?.address ?? '');
  const account = accounts.find(({ address }) => address === chosen) ?? accounts[0];
  if (account === undefined) {
    return (
      <Panel>
        <Empty icon={<IconReceipt size={22} stroke={1.75} />} title="No account of your own">
          Watched accounts belong to somebody else. Create an identity, or add an own account under Accounts.
        </Empty>
      </Panel>
    );
  }
  return (
    <>
      <Panel
        title="Receive"
        hint="Anybody on the same network can send to this address. It may be shown to everybody: it opens nothing."
      >
        <div className="hm-receive">
          <QrOf content={account.address} text={`The address of ${account.name} as a QR code`} />
          <div className="hm-stack hm-grow">
            <AccountSelect label="Account" accounts={accounts} value={account.address} onChange={setChosen} />
            <div>
              <h3>Address of {account.name}</h3>
              <div className="hm-wallet-link">
                <code>{account.address}</code>
                <CopyButton text={account.address} what={`the address of ${account.name}`} clears />
              </div>
              <p className="hm-small hm-dim">
                A wrong letter anywhere in it is found before anything is sent.
                {view.ledger !== null &&
                  ` The sender has to be on ${view.ledger.name}, too: every network has a ledger of its own.`}
              </p>
            </div>
          </div>
        </div>
      </Panel>
      <Requests account={account.address} />
    </>
  );
};
