import { type AssetId, decodeCbor, encodeCbor, isNodeError, messageOf, sha256 } from '../../../base/index.ts';
import {
  type KeyIdBytes,
  type SignerKeys,
  verifyRecord,
  verifySelfMadeCertificate,
} from '../../../base/crypto/index.ts';
import {
  decodeGrant,
  decodeReceipt,
  globalAddressOf,
  hashOfRecord,
  leaseIdBytes,
  owedFor,
  PROOF_KINDS,
} from '../../../kernel/leases/formats/index.ts';
import { decodeCombined, verifyCombined } from '../../../kernel/proof/combined/index.ts';
import { decodeProofFile } from '../../../kernel/proof/file/index.ts';
import type { Attachments, CombinedProof, ProofRequirements } from '../../../kernel/proof/index.ts';
import { DEFAULT_REQUIREMENTS } from '../../../kernel/proof/requirements/index.ts';
import type { ProofKind } from '../../../../preload/contract/index.ts';
import { PROOF_AGE_MS_MAX } from './constants.ts';
import type { TransactionFields } from './interface.ts';
import { kindOfAsset, sameBytes } from './keys.ts';
import { Refusal, refuseUnless } from './refusal.ts';

// What takes milliseconds and depends on the transaction alone: signatures of leases and certificates, proofs. In threads.

/** Plain data, so that it crosses from a thread. */
export type TransactionFact =
  | { ok: true; what: 'certificate'; node: KeyIdBytes; keys: SignerKeys; account: KeyIdBytes; issuedAtMs: number }
  | {
      ok: true;
      what: 'settlement';
      lender: KeyIdBytes;
      borrower: KeyIdBytes;
      /** SHA-256 of the receipt's record. */
      receipt: Uint8Array;
      sequence: number;
      final: boolean;
      owed: bigint;
      unitSeconds: bigint;
      /** Part of what was promised that was in effect, permille. */
      uptimePermille: number;
      proof: { id: Uint8Array; held: ProofKind[] } | null;
    }
  | { ok: false; code: string; reason: string };
export type FactInput =
  | { what: 'certificate'; certificate: Uint8Array }
  | { what: 'settlement'; fields: TransactionFields['lease.settle']; atMs: number };

const PERMILLE = 1000n;

const certificateFact = (certificate: Uint8Array): TransactionFact => {
  const { node, account, issuedAtMs } = verifySelfMadeCertificate(certificate);
  return {
    ok: true,
    what: 'certificate',
    node: new Uint8Array(node.keyIdBytes),
    keys: node.keys,
    account: new Uint8Array(account.keyIdBytes),
    issuedAtMs,
  };
};

/** Both forms: a file carries the openings that the proof of space refers to. */
const readProof = (bytes: Uint8Array): { proof: CombinedProof; attachments: Attachments } => {
  let value: { kind?: unknown } | null;
  try {
    value = decodeCbor(bytes) as { kind?: unknown } | null;
  } catch (error) {
    throw new Refusal(
      'PROOF_UNREADABLE',
      `The proof cannot be read (${messageOf(error)}); settle with another, or with none.`,
    );
  }
  return typeof value === 'object' && value !== null && value.kind !== undefined
    ? decodeProofFile(bytes)
    : { proof: decodeCombined(bytes), attachments: new Map() };
};

const proofFact = (
  bytes: Uint8Array,
  expected: { node: KeyIdBytes; asset: AssetId },
  seed: Uint8Array,
  times: { startsAtMs: number; atMs: number },
  requirements: ProofRequirements,
): { id: Uint8Array; held: ProofKind[] } => {
  const { proof, attachments } = readProof(bytes);
  const verdict = verifyCombined(proof, {
    attachments,
    requirements,
    nowMs: times.atMs,
    checkSeed: seed,
    answeredAfterMs: null,
    anchorTimeMs: null,
    expected: {},
  });
  const { challenge, finishedAtMs } = verdict;
  refuseUnless(
    sameBytes(challenge.node, expected.node) && challenge.asset === expected.asset,
    'PROOF_OF_ANOTHER',
    'The proof was made by another node or of another asset than the lease is of; settle with a proof of this asset, or with none.',
  );
  refuseUnless(
    finishedAtMs >= times.startsAtMs - PROOF_AGE_MS_MAX,
    'PROOF_TOO_OLD',
    'The proof was finished more than a day before the lease began; settle with a newer one, or with none.',
  );
  return {
    id: verdict.combined,
    held: PROOF_KINDS.filter((kind) => verdict.checks.some((check) => check.kind === kind && check.passed)),
  };
};

const settlementFact = (
  { lease, asset, grant: grantRecord, receipt: receiptRecord, countersign, proof }: TransactionFields['lease.settle'],
  atMs: number,
  requirements: ProofRequirements,
): TransactionFact => {
  const granted = verifyRecord(grantRecord, { domain: 'lease-grant' });
  const grant = decodeGrant(granted.payload);
  refuseUnless(
    sameBytes(leaseIdBytes(grant.id), lease),
    'LEASE_OF_ANOTHER',
    'The grant is of another lease than the one that is settled.',
  );
  refuseUnless(
    grant.address === globalAddressOf(granted.signer, asset),
    'ASSET_OF_ANOTHER',
    'The grant was given for another asset than the one that is named; name the asset of the offer.',
  );
  const stated = verifyRecord(receiptRecord, { domain: 'lease-receipt', signer: granted.keyIdBytes });
  const countersigned = verifyRecord(countersign, { domain: 'lease-countersign', signer: grant.borrower });
  refuseUnless(
    sameBytes(stated.payload, countersigned.payload),
    'RECEIPTS_DIFFER',
    'Lender and borrower signed different receipts; settle with one that both signed.',
  );
  const receipt = decodeReceipt(stated.payload);
  refuseUnless(
    receipt.id === grant.id && sameBytes(receipt.grant, hashOfRecord(grantRecord)),
    'RECEIPT_OF_ANOTHER',
    'The receipt is of another grant than the one that is shown.',
  );
  const unitSeconds = BigInt(receipt.unitSeconds);
  const lengthMs = BigInt(grant.endsAtMs - grant.startsAtMs);
  const most = (BigInt(grant.amount) * (lengthMs + BigInt(grant.tickMs)) + 999n) / 1000n;
  refuseUnless(
    unitSeconds <= most && receipt.owedMicro <= owedFor(kindOfAsset(asset), receipt.unitSeconds, grant.priceMicro),
    'RECEIPT_TOO_HIGH',
    'The receipt claims more use, or a higher price, than the grant allows.',
  );
  const passed = BigInt(Math.min(Math.max(receipt.atMs, grant.startsAtMs + 1), grant.endsAtMs) - grant.startsAtMs);
  const uptime = (unitSeconds * 1000n * PERMILLE) / (BigInt(grant.amount) * passed);
  return {
    ok: true,
    what: 'settlement',
    lender: new Uint8Array(granted.keyIdBytes),
    borrower: new Uint8Array(countersigned.keyIdBytes),
    receipt: new Uint8Array(hashOfRecord(receiptRecord)),
    sequence: receipt.sequence,
    final: receipt.final,
    owed: receipt.owedMicro,
    unitSeconds,
    uptimePermille: uptime > PERMILLE ? 1000 : Number(uptime),
    proof:
      proof === null
        ? null
        : proofFact(
            proof,
            { node: granted.keyIdBytes, asset },
            // What the prover cannot choose alone: the borrower's signature is in it.
            sha256(encodeCbor(['hypermesh-settlement-check', countersign, sha256(proof)])),
            { startsAtMs: grant.startsAtMs, atMs },
            requirements,
          ),
  };
};

/**
 * Never throws for what is wrong with a transaction.
 *
 * @param requirements - what a part of a proof has to show to hold; the same for all of a network. @default what every prover makes
 */
export const findFact = (input: FactInput, requirements = DEFAULT_REQUIREMENTS): TransactionFact => {
  try {
    return input.what === 'certificate'
      ? certificateFact(input.certificate)
      : settlementFact(input.fields, input.atMs, requirements);
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, reason: error.message };
    if (isNodeError(error)) return { ok: false, code: error.code, reason: error.message };
    // A bug of ours that a stranger's proof has found: thrown, nobody could build a block while that transaction waits.
    return {
      ok: false,
      code: 'CHECK_FAILED',
      reason: `It could not be checked (${messageOf(error)}); settle with another proof, or with none.`,
    };
  }
};
