import { Button, FileButton, PasswordInput, SegmentedControl, Textarea } from '@mantine/core';
import { IconFileUpload } from '@tabler/icons-react';
import { useId } from 'react';
import type { IdentitySource } from '../../../preload/contract/index.ts';
import { showError } from '../error-note.tsx';
import { readFile } from '../files.ts';

/** Words of a phrase. */
const WORDS = 24;
/** The node reads no larger backup; a real one has some kilobytes. */
const BACKUP_BYTES_MAX = 48 * 1024;

export interface SourceDraft {
  kind: IdentitySource['kind'];
  phrase: string;
  fileName: string | null;
  backup: string;
  passphrase: string;
}
export const newSourceDraft = (): SourceDraft => ({
  kind: 'phrase',
  phrase: '',
  fileName: null,
  backup: '',
  passphrase: '',
});

const wordsIn = (phrase: string): number => phrase.split(/[\s\d.,;:)]+/).filter((word) => word !== '').length;

/** What is to be sent, or the sentence that says what is missing. */
export const sourceOf = (draft: SourceDraft): { source: IdentitySource } | { problem: string } => {
  if (draft.kind === 'phrase') {
    const words = wordsIn(draft.phrase);
    return words === WORDS
      ? { source: { kind: 'phrase', phrase: draft.phrase } }
      : { problem: `A recovery phrase has ${WORDS} words; there are ${words} so far.` };
  }
  if (draft.fileName === null) return { problem: 'Choose the backup file.' };
  if (draft.passphrase === '') return { problem: 'Type the passphrase of the backup file.' };
  return { source: { kind: 'backup', backup: draft.backup, passphrase: draft.passphrase } };
};

/** A phrase, or a backup file with its passphrase: where an identity comes back from. */
export const SourceFields = ({ value, onChange }: { value: SourceDraft; onChange(value: SourceDraft): void }) => {
  const hint = useId();
  const words = wordsIn(value.phrase);
  const choose = async (file: File | null): Promise<void> => {
    if (file === null) return;
    const read = await readFile(file, BACKUP_BYTES_MAX, 'a backup of an identity');
    if (read.ok) onChange({ ...value, fileName: file.name, backup: read.value });
    else showError('That is no backup file', read.error);
  };
  return (
    <div className="hm-identity-source">
      <SegmentedControl
        aria-label="From what"
        data={[
          { value: 'phrase', label: 'Recovery phrase' },
          { value: 'backup', label: 'Backup file' },
        ]}
        value={value.kind}
        onChange={(kind) => onChange({ ...value, kind: kind })}
      />
      {value.kind === 'phrase' ? (
        <div>
          <Textarea
            label="The 24 words, in their order"
            description="Numbers and line breaks between them do not matter."
            value={value.phrase}
            autosize
            minRows={3}
            maxRows={6}
            maxLength={2048}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="none"
            aria-describedby={hint}
            onChange={(event) => onChange({ ...value, phrase: event.currentTarget.value })}
          />
          <p id={hint} className="hm-small hm-dim" aria-live="polite">
            {words} of {WORDS} words
          </p>
        </div>
      ) : (
        <>
          <div className="hm-row">
            <FileButton onChange={(file) => void choose(file)}>
              {(props) => (
                <Button {...props} variant="default" leftSection={<IconFileUpload size={16} aria-hidden />}>
                  Choose the file …
                </Button>
              )}
            </FileButton>
            <span className="hm-small hm-dim hm-break">{value.fileName ?? 'no file chosen'}</span>
          </div>
          <PasswordInput
            label="Passphrase of the backup file"
            value={value.passphrase}
            autoComplete="off"
            onChange={(event) => onChange({ ...value, passphrase: event.currentTarget.value })}
          />
        </>
      )}
    </div>
  );
};
