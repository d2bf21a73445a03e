import type { KeyIdBytes, SignerKeys } from '../../../base/crypto/index.ts';
import type { Books } from './books.ts';
import type { Handlers, Work } from './handler.ts';
import { nodeKey, sameBytes } from './keys.ts';
import { decodeNode, encodeNode } from './records.ts';
import { Refusal, refuseUnless } from './refusal.ts';

/** @returns the account that payments for what a node lends go to */
export const accountOfNode = (books: Books, node: KeyIdBytes): KeyIdBytes | null =>
  books.read(nodeKey(node), decodeNode)?.account ?? null;

/**
 * Binds the node of a certificate to the account that signs.
 *
 * @returns null while nothing is known of the certificate yet
 */
export const bindNode = ({ books, signer, fact }: Work<unknown>): { node: KeyIdBytes; keys: SignerKeys } | null => {
  if (fact === null) return null;
  if (!fact.ok) throw new Refusal(fact.code, fact.reason);
  if (fact.what !== 'certificate') throw new Error('A certificate was checked as something else.');
  const { node, keys, account, issuedAtMs } = fact;
  refuseUnless(
    sameBytes(account, signer),
    'CERTIFICATE_OF_ANOTHER',
    'The certificate names another account than the one that signs; sign with the account of this node.',
  );
  const known = books.read(nodeKey(node), decodeNode);
  if (known !== null && !sameBytes(known.account, signer)) {
    refuseUnless(
      issuedAtMs > known.issuedAtMs,
      'CERTIFICATE_OLD',
      'The node has told of another account since this certificate was made; make a new one.',
    );
    refuseUnless(
      books.validator(node) === null,
      'NODE_IS_VALIDATOR',
      'The node signs blocks for another account; that account has to leave as a validator first.',
    );
  }
  books.set(
    nodeKey(node),
    encodeNode({
      account: signer,
      issuedAtMs: Math.max(issuedAtMs, known?.issuedAtMs ?? 0),
      liable: known?.liable ?? null,
    }),
  );
  return { node, keys };
};

export const nodeHandlers: Handlers<'node.bind'> = { 'node.bind': (work) => void bindNode(work) };
