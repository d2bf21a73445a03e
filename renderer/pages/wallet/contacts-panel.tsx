import { Button, TextInput } from '@mantine/core';
import { IconAddressBook, IconPlus } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { CallError, Contact } from '../../../preload/contract/index.ts';
import { Address } from '../../components/address.tsx';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, showError } from '../../components/error-note.tsx';
import { FormDialog } from '../../components/form-dialog.tsx';
import { Empty, Loading, Panel } from '../../components/layout.tsx';
import { useNodeAccess } from '../../state/node-context.tsx';

const NAME_LENGTH_MAX = 64;
const NOTE_LENGTH_MAX = 256;

const ContactDialog = ({
  contact,
  onDone,
  onClose,
}: {
  /** Null: a new one. */
  contact: Contact | null;
  onDone(contacts: readonly Contact[]): void;
  onClose(): void;
}) => {
  const node = useNodeAccess();
  const [address, setAddress] = useState(contact?.address ?? '');
  const [name, setName] = useState(contact?.name ?? '');
  const [note, setNote] = useState(contact?.note ?? '');
  return (
    <FormDialog
      title={contact === null ? 'Add somebody' : `Change ${contact.name}`}
      label={contact === null ? 'Add' : 'Save'}
      disabled={name.trim() === '' || address.trim() === ''}
      send={() =>
        node.ask('wallet:setContact', { address: address.trim().toLowerCase(), name: name.trim(), note: note.trim() })
      }
      onDone={({ contacts }) => onDone(contacts)}
      onClose={onClose}
    >
      <TextInput
        label="Name"
        value={name}
        maxLength={NAME_LENGTH_MAX}
        data-autofocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label="Address"
        placeholder="caes1…"
        value={address}
        readOnly={contact !== null}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <TextInput
        label="Note"
        description="For you alone; it stays on this machine."
        value={note}
        maxLength={NOTE_LENGTH_MAX}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
    </FormDialog>
  );
};

/** Names for addresses, on this machine only. */
export const ContactsPanel = ({ onSend }: { onSend(address: string): void }) => {
  const node = useNodeAccess();
  const [contacts, setContacts] = useState<readonly Contact[] | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const [editing, setEditing] = useState<Contact | 'new' | null>(null);
  useEffect(() => {
    let ended = false;
    void node.ask('wallet:contacts', {}).then((reply) => {
      if (ended) return;
      if (reply.ok) setContacts(reply.value.contacts);
      setError(reply.ok ? null : reply.error);
    });
    return () => {
      ended = true;
    };
  }, [node]);
  const remove = async (contact: Contact): Promise<void> => {
    const reply = await node.ask('wallet:removeContact', { address: contact.address });
    if (reply.ok) setContacts(reply.value.contacts);
    else showError(`${contact.name} stays`, reply.error);
  };
  return (
    <Panel
      title="Address book"
      hint="Names for addresses. They stay on this machine and are on no ledger."
      actions={
        contacts !== null && contacts.length > 0 ? (
          <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEditing('new')}>
            Add …
          </Button>
        ) : undefined
      }
    >
      {error !== null && <ErrorNote title="The address book could not be read" error={error} />}
      {contacts === null && error === null && <Loading what="the address book" />}
      {contacts?.length === 0 && (
        <Empty
          icon={<IconAddressBook size={22} stroke={1.75} />}
          title="Nobody yet"
          action={
            <Button variant="light" onClick={() => setEditing('new')}>
              Add somebody …
            </Button>
          }
        >
          A name is easier to check than 63 characters. Send by the name once it is here.
        </Empty>
      )}
      {contacts !== null && contacts.length > 0 && (
        <ul className="hm-contacts">
          {contacts.map((contact) => (
            <li key={contact.address}>
              <div className="hm-grow">
                <h3 className="hm-break">{contact.name}</h3>
                <Address address={contact.address} name={contact.name} />
                {contact.note !== '' && <p className="hm-small hm-dim hm-break">{contact.note}</p>}
              </div>
              <div className="hm-row">
                <Button size="compact-sm" variant="default" onClick={() => onSend(contact.name)}>
                  Send …<span className="hm-sr"> to {contact.name}</span>
                </Button>
                <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setEditing(contact)}>
                  Change …<span className="hm-sr"> {contact.name}</span>
                </Button>
                <Button
                  size="compact-sm"
                  variant="subtle"
                  color="red"
                  className="hm-remove"
                  onClick={() =>
                    confirm({
                      title: `Remove ${contact.name}?`,
                      children: 'The address can be added again at any time.',
                      confirmLabel: 'Remove',
                      onConfirm: () => void remove(contact),
                    })
                  }
                >
                  Remove …<span className="hm-sr"> {contact.name}</span>
                </Button>
              </div>
            </li>
          ))}
        </ul>
      )}
      {editing !== null && (
        <ContactDialog
          contact={editing === 'new' ? null : editing}
          onDone={setContacts}
          onClose={() => setEditing(null)}
        />
      )}
    </Panel>
  );
};
