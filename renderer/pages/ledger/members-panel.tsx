import { Button, Checkbox, TextInput } from '@mantine/core';
import { IconUsers } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { LedgerView } from '../../../preload/contract/index.ts';
import { Address, nameOrAddress } from '../../components/address.tsx';
import { Empty, Panel, Tag } from '../../components/layout.tsx';
import { SigningFlow } from '../../components/signing/signing-flow.tsx';
import { type DraftAsked, useSigning } from '../../components/signing/use-signing.ts';
import { useWalletFor } from './use-wallet-for.ts';

const MEMBER_LENGTH_MAX = 512;

const AdmitForm = ({ busy, onPrepare }: { busy: boolean; onPrepare(request: DraftAsked): void }) => {
  const [member, setMember] = useState('');
  const [mayValidate, setMayValidate] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (member.trim() !== '' && !busy) onPrepare({ kind: 'admit', member: member.trim(), mayValidate });
  };
  return (
    <form className="hm-stack hm-admit" onSubmit={submit}>
      <TextInput
        label="Let somebody in"
        description="An address, or a name of your address book."
        placeholder="caes1…"
        value={member}
        maxLength={MEMBER_LENGTH_MAX}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setMember(event.currentTarget.value)}
      />
      <Checkbox
        label="May become a validator"
        checked={mayValidate}
        onChange={(event) => setMayValidate(event.currentTarget.checked)}
      />
      <div className="hm-row">
        <Button type="submit" variant="default" loading={busy} disabled={member.trim() === ''}>
          Review
        </Button>
      </div>
    </form>
  );
};

/** Who takes part, and the keeper's ways to let in and put out. */
export const MembersPanel = ({ view }: { view: LedgerView }) => {
  const signing = useSigning();
  const { wallet, refused } = useWalletFor(view.id);
  return (
    <Panel
      title="Members"
      hint="Members list what they lend, earn without a stake and, where they may, validate. Anybody may hold and send."
    >
      <div className="hm-stack">
        {view.members.length === 0 && (
          <Empty icon={<IconUsers size={22} stroke={1.75} />} title="No member yet">
            Whoever keeps the network lets members in.
          </Empty>
        )}
        {view.members.length > 0 && (
          <div className="hm-scroll-x">
            <table className="hm-table hm-members">
              <thead>
                <tr>
                  <th scope="col">Member</th>
                  <th scope="col">May</th>
                  <th scope="col" className="hm-right">
                    <span className="hm-sr">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {view.members.map((member) => (
                  <tr key={member.account}>
                    <td>
                      {member.name !== '' && <strong>{member.name} </strong>}
                      <Address address={member.account} name={member.name} />
                    </td>
                    <td>
                      <span className="hm-row">
                        {view.admins.includes(member.account) && <Tag tone="accent">keep the network</Tag>}
                        {member.mayValidate ? <Tag>lend and validate</Tag> : <Tag>lend</Tag>}
                      </span>
                    </td>
                    <td className="hm-right">
                      {view.isAdmin && refused === null && (
                        <Button
                          size="compact-sm"
                          variant="subtle"
                          color="red"
                          className="hm-remove"
                          disabled={signing.draft !== null}
                          onClick={() => void signing.prepare({ kind: 'putOut', member: member.account })}
                        >
                          Put out …<span className="hm-sr"> {nameOrAddress(member.name, member.account)}</span>
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {view.isAdmin &&
          (refused !== null || wallet === null ? (
            <p className="hm-small hm-dim">You keep this network. {refused}</p>
          ) : (
            <SigningFlow signing={signing} approval={wallet.approval} again="Back to the members">
              <AdmitForm busy={signing.busy} onPrepare={(request) => void signing.prepare(request)} />
            </SigningFlow>
          ))}
      </div>
    </Panel>
  );
};
