import { Button, TextInput } from '@mantine/core';
import { IconShieldCheck, IconShieldX } from '@tabler/icons-react';
import { useId, useState } from 'react';
import type { CallError, ProofVerdict } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { FileDrop } from '../../components/file-drop.tsx';
import { readFile } from '../../components/files.ts';
import { Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { Checks, VerdictFacts } from './verdict.tsx';

/** Largest proof file that a node reads; equal to the contract's `PROOF_FILE_BYTES_MAX`, which a test checks. */
export const PROOF_FILE_BYTES_MAX = 4 * 1024 * 1024;
const CHALLENGE = /^[0-9a-f]{64}$/;

interface Chosen {
  name: string;
  sizeBytes: number;
  base64: string;
}

const Result = ({ verdict, name }: { verdict: ProofVerdict; name: string }) => {
  const failed = verdict.checks.filter(({ passed }) => !passed).length;
  return (
    <div className="hm-stack">
      <div className="hm-verdict" data-passed={verdict.passed}>
        {verdict.passed ? <IconShieldCheck size={24} aria-hidden /> : <IconShieldX size={24} aria-hidden />}
        <div className="hm-grow">
          <p className="hm-verdict-title">
            {verdict.passed
              ? 'All four proofs hold'
              : failed === 0
                ? 'It does not hold as a whole'
                : `${failed} of the four proofs ${failed === 1 ? 'does' : 'do'} not hold`}
          </p>
          <p className="hm-small hm-break">{name}</p>
        </div>
      </div>
      <Checks checks={verdict.checks} />
      <VerdictFacts verdict={verdict} />
    </div>
  );
};

/** Checks a proof file of this node or any other; needs no identity. */
export const CheckFile = () => {
  const node = useNodeAccess();
  const [file, setFile] = useState<Chosen | null>(null);
  const [challenge, setChallenge] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const [result, setResult] = useState<{ verdict: ProofVerdict; name: string } | null>(null);
  const formId = useId();

  const check = async (chosen: Chosen, question: string): Promise<void> => {
    const asked = question.trim().toLowerCase();
    setResult(null);
    if (asked !== '' && !CHALLENGE.test(asked)) {
      setError({
        name: 'Form',
        code: 'CHALLENGE_INVALID',
        message: 'A challenge is 64 characters from 0 to 9 and a to f; copy all of it, or leave the field empty.',
      });
      return;
    }
    setBusy(true);
    setError(null);
    const reply = await node.ask('proof:verify', {
      file: chosen.base64,
      ...(asked === '' ? {} : { challenge: asked }),
    });
    setBusy(false);
    if (reply.ok) setResult({ verdict: reply.value, name: chosen.name });
    else setError(reply.error);
  };
  const take = async (chosen: File): Promise<void> => {
    const read = await readFile(chosen, PROOF_FILE_BYTES_MAX, 'a proof file');
    setResult(null);
    setError(read.ok ? null : read.error);
    if (!read.ok) {
      setFile(null);
      return;
    }
    const next = { name: chosen.name, sizeBytes: chosen.size, base64: read.value };
    setFile(next);
    await check(next, challenge);
  };
  return (
    <Panel
      title="Check a proof file"
      hint="Of this node or of any other. It is checked here; nothing is sent, and no identity is needed."
    >
      <form
        id={formId}
        className="hm-stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (file !== null) void check(file, challenge);
        }}
      >
        <FileDrop
          title={file === null ? 'Choose a proof file, or drop it here' : file.name}
          onFile={(chosen) => void take(chosen)}
        >
          {file === null
            ? `at most ${bytesText(PROOF_FILE_BYTES_MAX)}`
            : `${bytesText(file.sizeBytes)}. Choose another to replace it.`}
        </FileDrop>
        <div className="hm-check-form">
          <TextInput
            label="Your challenge"
            description="If you asked for this proof with 32 bytes of your own. Without it, the check cannot know that the proof answers you."
            placeholder="64 hexadecimal characters, or empty"
            value={challenge}
            maxLength={80}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setChallenge(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" loading={busy} disabled={file === null}>
            {result === null ? 'Check' : 'Check again'}
          </Button>
        </div>
      </form>
      <div aria-live="polite" className="hm-check-result">
        {error !== null && <ErrorNote title="The file could not be checked" error={error} />}
        {result !== null && <Result verdict={result.verdict} name={result.name} />}
      </div>
    </Panel>
  );
};
