import { useEffect, useRef, useState } from 'react';
import type { CallError, RequestInputOf, ResponseOf, WalletDraft } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

export type DraftAsked = RequestInputOf<'wallet:draft'>;
export type Signed = ResponseOf<'wallet:approve'>;
export type Settled = ResponseOf<'wallet:settled'>;

/** Something on its way to being signed: asked for, reviewed, signed. */
export interface Signing {
  /** What would be signed; null until it was prepared. */
  draft: WalletDraft | null;
  /** What was signed; null until then. */
  signed: Signed | null;
  busy: boolean;
  error: CallError | null;
  /** Asks the node what would be signed. Signs nothing. */
  prepare(request: DraftAsked): Promise<void>;
  /** Has the draft signed: by a dialog of the program, or with the passphrase. */
  approve(passphrase?: string): Promise<void>;
  /** Back to the form, with nothing signed. */
  back(): void;
}

/** Keeps one draft from the form to the answer. Keys and the deed stay with the node. */
export const useSigning = (): Signing => {
  const node = useNodeAccess();
  const [draft, setDraft] = useState<WalletDraft | null>(null);
  const [signed, setSigned] = useState<Signed | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  return {
    draft,
    signed,
    busy,
    error,
    prepare: async (request) => {
      setBusy(true);
      setError(null);
      const reply = await node.ask('wallet:draft', request);
      setBusy(false);
      if (reply.ok) setDraft(reply.value);
      else setError(reply.error);
    },
    approve: async (passphrase) => {
      if (draft === null || busy) return;
      setBusy(true);
      setError(null);
      const reply = await node.ask('wallet:approve', {
        draft: draft.draft,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      setBusy(false);
      if (reply.ok) setSigned(reply.value);
      else setError(reply.error);
    },
    back: () => {
      setDraft(null);
      setSigned(null);
      setError(null);
    },
  };
};

/** Between two questions, so that a node that answers at once is not asked without end. */
const ASK_AGAIN_MS = 1000;

/** Follows a transaction until it is final or dropped. */
export const useSettled = (transaction: string): { settled: Settled | null; error: CallError | null } => {
  const node = useNodeAccess();
  const [settled, setSettled] = useState<Settled | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    let ended = false;
    const ask = async (): Promise<void> => {
      const reply = await node.ask('wallet:settled', { transaction });
      if (ended) return;
      if (!reply.ok) {
        setError(reply.error);
        return;
      }
      setSettled(reply.value);
      if (reply.value.state === 'waiting') timer.current = setTimeout(() => void ask(), ASK_AGAIN_MS);
    };
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer.current);
    };
  }, [node, transaction]);
  return { settled, error };
};
