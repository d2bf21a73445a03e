import { Button, Textarea } from '@mantine/core';
import { IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { CallError, ResponseOf, WalletView } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Fact, Facts, Panel } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { type DraftAsked, useSigning } from '../../components/signing/use-signing.ts';
import { dateTimeText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';
import { AccountSelect } from './account-select.tsx';
import { ownAccounts } from './wallet-text.ts';

const MESSAGE_LENGTH_MAX = 4096;
/** Three quarters of what the contract takes in base64. */
const FILE_BYTES_MAX = 48_000;

type Verdict = ResponseOf<'wallet:verifyMessage'>;

const SignForm = ({
  view,
  busy,
  onPrepare,
}: {
  view: WalletView;
  busy: boolean;
  onPrepare(request: DraftAsked): void;
}) => {
  const accounts = ownAccounts(view);
  const [account, setAccount] = useState(accounts[0]?.address ?? '');
  const [message, setMessage] = useState('');
  const ready = message.trim() !== '' && account !== '' && view.status === 'unlocked';
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready && !busy) onPrepare({ kind: 'message', account, message });
  };
  return (
    <form className="hm-stack" onSubmit={submit}>
      <AccountSelect label="Signed by" accounts={accounts} value={account} onChange={setAccount} />
      <Textarea
        label="Message"
        description={`At most ${MESSAGE_LENGTH_MAX.toLocaleString('en')} characters. Read it as a stranger would: a signature cannot be taken back.`}
        value={message}
        maxLength={MESSAGE_LENGTH_MAX}
        autosize
        minRows={3}
        maxRows={12}
        onChange={(event) => setMessage(event.currentTarget.value)}
      />
      <div className="hm-row">
        <Button type="submit" loading={busy} disabled={!ready}>
          Review
        </Button>
        {view.status !== 'unlocked' && <p className="hm-small hm-dim">The wallet is locked; unlock it first.</p>}
      </div>
    </form>
  );
};

const VerdictView = ({ verdict }: { verdict: Verdict }) => (
  <div className="hm-stack" role="status">
    <div className="hm-outcome" data-state={verdict.passed ? 'final' : 'dropped'}>
      {verdict.passed ? <IconShieldCheck size={24} aria-hidden /> : <IconShieldX size={24} aria-hidden />}
      <div className="hm-grow">
        <p className="hm-outcome-title">{verdict.passed ? 'Both signatures hold' : 'It does not hold'}</p>
        <p className="hm-small hm-break">{sentence(verdict.sentence)}</p>
      </div>
    </div>
    {verdict.address !== null && (
      <Facts>
        <Fact name="Address">
          {verdict.name} <Address address={verdict.address} name={verdict.name} />
        </Fact>
        {verdict.atMs !== null && <Fact name="Signed, by its own words">{dateTimeText(verdict.atMs)}</Fact>}
      </Facts>
    )}
    {verdict.message !== '' && (
      <div>
        <h3>{verdict.passed ? 'What was signed' : 'What the file says; nobody has signed it'}</h3>
        <pre className="hm-code-block">{verdict.message}</pre>
      </div>
    )}
  </div>
);

const Verify = () => {
  const node = useNodeAccess();
  const [name, setName] = useState<string | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const take = async (file: File): Promise<void> => {
    setVerdict(null);
    setName(file.name);
    const read = await readFile(file, FILE_BYTES_MAX, 'a signed message');
    if (!read.ok) {
      setError(read.error);
      return;
    }
    const reply = await node.ask('wallet:verifyMessage', { file: read.value });
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setVerdict(reply.value);
  };
  return (
    <Panel title="Check a signed message" hint="Of anybody. It is checked here; nothing is sent.">
      <div className="hm-stack">
        <FileDrop title={name ?? 'Choose a signed message, or drop it here'} onFile={(file) => void take(file)}>
          A file that another wallet has saved
        </FileDrop>
        {error !== null && <ErrorNote error={error} />}
        {verdict !== null && <VerdictView verdict={verdict} />}
      </div>
    </Panel>
  );
};

/** Signs a message with an account, and checks those of others. */
export const MessagesPanel = ({ view }: { view: WalletView }) => {
  const signing = useSigning();
  return (
    <>
      <Panel
        title="Sign a message"
        hint="Shows that whoever wrote it has the keys of an address, without sending anything from it."
      >
        <SigningFlow signing={signing} approval={view.approval} again="Sign another message">
          <SignForm view={view} busy={signing.busy} onPrepare={(request) => void signing.prepare(request)} />
        </SigningFlow>
      </Panel>
      <Verify />
    </>
  );
};
