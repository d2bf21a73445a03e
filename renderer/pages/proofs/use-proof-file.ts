import { useState } from 'react';
import type { CallError } from '../../../preload/contract/index.ts';
import { saveFile } from '../../components/files.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Saves a proof, by its id or the newest of an asset, as a file that anyone can check. */
export const useProofFile = (): {
  busy: boolean;
  error: CallError | null;
  save(proof: { id: string } | { asset: string }): Promise<void>;
} => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const idOf = async (proof: { id: string } | { asset: string }): Promise<string | CallError> => {
    if ('id' in proof) return proof.id;
    const reply = await node.ask('proof:list', { asset: proof.asset, limit: 1 });
    if (!reply.ok) return reply.error;
    return (
      reply.value[0]?.id ?? {
        name: 'ProofFile',
        code: 'PROOF_UNKNOWN',
        message: 'No proof of this asset is kept any more; choose “Prove now” to make one.',
      }
    );
  };
  return {
    busy,
    error,
    save: async (proof) => {
      setBusy(true);
      setError(null);
      const id = await idOf(proof);
      if (typeof id === 'string') {
        const reply = await node.ask('proof:file', { id });
        if (reply.ok) saveFile(reply.value.fileName, reply.value.file);
        else setError(reply.error);
      } else setError(id);
      setBusy(false);
    },
  };
};
