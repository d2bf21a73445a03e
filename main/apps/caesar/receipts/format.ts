import { decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import { ReceiptError } from '../errors.ts';

// docs/formats/receipt-file.md

const RECEIPT_VERSION = 1;
const RECEIPT_KIND = 'hypermesh-receipt';
/** A transaction with the largest proof, one more proof, and what shows that the block is final. */
export const RECEIPT_BYTES_MAX = 6_000_000;
const ITEMS_MAX = 16;

/** Everything that convinces somebody who has nothing else of what was lent, proved and paid. */
export interface ReceiptFile {
  /** How the network began, docs/formats/genesis.md: whoever knows the network compares its name. */
  genesis: Uint8Array;
  /** Records of the lease, docs/formats/lease-offer.md and lease-request.md; the others lie in the transaction. */
  offer: Uint8Array;
  request: Uint8Array;
  /** The `lease.settle` that it was paid by. */
  transaction: Uint8Array;
  /** A proof that another transaction brought, or none did; null: the transaction has it, or nobody proved anything. */
  proof: Uint8Array | null;
  /** Of the settlement's entry in the state, docs/formats/ledger-proof.md. */
  ledgerProof: Uint8Array;
}
const FIELDS = ['v', 'kind', 'genesis', 'offer', 'request', 'transaction', 'proof', 'ledgerProof'] as const;

const malformed = (problem: string): ReceiptError =>
  new ReceiptError(
    { code: 'RECEIPT_MALFORMED', problem, verdict: 'reject' },
    `This is no receipt file (${problem}); ask for it again.`,
  );
const some = (value: unknown, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length === 0) throw malformed(`${what} is not there`);
  return value;
};

/** @throws {ReceiptError} `RECEIPT_MALFORMED` when it breaks a limit of the format */
export const makeReceipt = (file: ReceiptFile): Uint8Array => {
  const { genesis, offer, request, transaction, proof, ledgerProof } = file;
  const encoded = encodeCbor({
    v: RECEIPT_VERSION,
    kind: RECEIPT_KIND,
    genesis,
    offer,
    request,
    transaction,
    proof,
    ledgerProof,
  });
  decodeReceiptFile(encoded);
  return encoded;
};

/** Form alone. @throws {ReceiptError} `RECEIPT_MALFORMED` | `RECEIPT_NEWER` */
export const decodeReceiptFile = (encoded: Uint8Array): ReceiptFile => {
  if (encoded.length > RECEIPT_BYTES_MAX) throw malformed(`it has more than ${RECEIPT_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = decodeCbor(encoded, ITEMS_MAX);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is not a map');
  const fields = value as Record<string, unknown>;
  if (fields['kind'] !== RECEIPT_KIND) throw malformed('it is another kind of file');
  const version = fields['v'];
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > RECEIPT_VERSION)
    throw new ReceiptError(
      { code: 'RECEIPT_NEWER', found: version, verdict: 'ignore' },
      `This receipt has version ${version}, and this program knows ${RECEIPT_VERSION}; a newer HyperMesh reads it.`,
    );
  if (version !== RECEIPT_VERSION) throw malformed('its version is none');
  if (Object.keys(fields).length !== FIELDS.length || FIELDS.some((name) => !Object.hasOwn(fields, name)))
    throw malformed(`it does not have exactly the fields ${FIELDS.join(', ')}`);
  return {
    genesis: some(fields['genesis'], 'its genesis'),
    offer: some(fields['offer'], 'its offer'),
    request: some(fields['request'], 'its request'),
    transaction: some(fields['transaction'], 'its transaction'),
    proof: fields['proof'] === null ? null : some(fields['proof'], 'its proof'),
    ledgerProof: some(fields['ledgerProof'], 'its proof about the ledger'),
  };
};
