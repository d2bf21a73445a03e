import { encodeCbor } from '../../../base/codec.ts';
import { bytesOf, decodeStrict, fieldsOf, integerOf, listOf, literalOf, malformed, versionOf } from '../strict.ts';

// The format of docs/formats/proof-work.md: all that generator and verifier share.

export const WORK_VERSION = 1;
/** Order of the field: the largest prime below 2^16, so that an entry is 16 bits and a product of two is 32. */
export const FIELD = 65521;
/** Columns of the left matrix and rows of the right one. */
export const INNER = 1024;
/** Columns of the right matrix and of the product. */
export const COLUMNS = 256;
/** Multiplications in the field that one row of the product takes, as the rule of rows and columns counts them. */
export const MULTIPLICATIONS_PER_ROW = INNER * COLUMNS;
/** Bytes of a row of the left matrix in its stream. */
export const LEFT_ROW_BYTES = INNER * 2;
export const RIGHT_BYTES = INNER * COLUMNS * 2;
/** Bytes of a row of the product: a leaf of the tree. */
export const PRODUCT_ROW_BYTES = COLUMNS * 2;

/** About a second of one thread on a processor of 2020; 17 thousand million multiplications. */
export const ROWS_DEFAULT = 65_536;
/** Bounds the tree that the prover keeps (64 MiB) and the depth of the tree (20). */
export const ROWS_MAX = 1_048_576;
/** Rows that are opened. Half the work passes with 2^-48, as rare as a wrong row that passes its three equations. */
export const OPENED_DEFAULT = 48;
export const OPENED_MIN = 8;
export const OPENED_MAX = 256;
/** Random vectors that a row is checked with; a wrong row passes each with at most 1 of 65520. */
export const VECTORS = 3;
/** Largest encoded proof: as many rows as may be opened, with the longest paths, come to 310 KiB. */
export const WORK_PROOF_BYTES_MAX = 512 * 1024;
/** Eight days, as for the chain of time: no claimed time is longer. */
export const CLAIM_US_MAX = 8 * 24 * 3_600_000_000;
/** Slices that may be under way at once. */
export const THREADS_MAX = 1024;

/** Text in front of the challenge's hash in the seed. */
export const SEED_DOMAIN = 'hypermesh proof-work 1 seed';
/** Salt of the draw. */
export const DRAW_DOMAIN = 'hypermesh proof-work 1 draw';
/** RFC 7914. Drawing costs some milliseconds and a mebibyte: whoever leaves rows out and tries again pays it each time. */
export const DRAW_COSTS = { N: 1024, r: 8, p: 1 } as const;

/** First eight bytes of the counter of AES-256-CTR, as a number. */
export const LEFT_STREAM = 0;
export const RIGHT_STREAM = 1;

export const DEVICES = ['cpu', 'gpu'] as const;
export type WorkDevice = (typeof DEVICES)[number];

/** All fields but `opened`: what the draw is made from. */
export interface WorkStatement {
  /** SHA-256 of the challenge, 32 bytes. */
  challenge: Uint8Array;
  /** What multiplied, as the prover says. */
  device: WorkDevice;
  /** Slices of work that were under way at once, at most, as the prover says. */
  threads: number;
  /** Rows of the product. */
  rows: number;
  /** Rows that are opened. */
  openings: number;
  /** Time during which work was under way until the root was known, as the prover says. */
  busyUs: number;
  /** The same with the rests that the owner's level demands. */
  wallUs: number;
  /** Root of the tree over the rows, 32 bytes. */
  root: Uint8Array;
}
export interface OpenedRow {
  /** 256 numbers of 16 bits, little endian. */
  row: Uint8Array;
  /** Siblings from the leaf up. */
  path: Uint8Array[];
}
export interface WorkProof extends WorkStatement {
  /** In the order of the draw. */
  opened: OpenedRow[];
}

/** Siblings of the longest path: the depth of a tree of {@link ROWS_MAX} leaves. */
const PATH_MAX = Math.log2(ROWS_MAX);
const STATEMENT_FIELDS = [
  'v',
  'kind',
  'challenge',
  'device',
  'threads',
  'rows',
  'openings',
  'busyUs',
  'wallUs',
  'root',
] as const;

const statementFields = (statement: WorkStatement): Record<string, unknown> => ({
  v: WORK_VERSION,
  kind: 'work',
  challenge: statement.challenge,
  device: statement.device,
  threads: statement.threads,
  rows: statement.rows,
  openings: statement.openings,
  busyUs: statement.busyUs,
  wallUs: statement.wallUs,
  root: statement.root,
});

/** What the draw is made from: every field but the opened rows, so that none can be changed afterwards. */
export const encodeWorkStatement = (statement: WorkStatement): Uint8Array => encodeCbor(statementFields(statement));

export const encodeWorkProof = (proof: WorkProof): Uint8Array =>
  encodeCbor({ ...statementFields(proof), opened: proof.opened.map(({ row, path }) => ({ row, path })) });

const parseOpened = (value: unknown): OpenedRow => {
  const fields = fieldsOf(value, ['row', 'path'], 'an opened row');
  return {
    row: bytesOf(fields.row, PRODUCT_ROW_BYTES, 'an opened row'),
    path: listOf(fields.path, PATH_MAX, 'the path of a row').map((sibling) => bytesOf(sibling, 32, 'a sibling')),
  };
};

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeWorkProof = (encoded: Uint8Array): WorkProof => {
  const fields = fieldsOf(
    decodeStrict(encoded, WORK_PROOF_BYTES_MAX, 'The proof of work'),
    [...STATEMENT_FIELDS, 'opened'],
    'the proof of work',
  );
  literalOf(fields.kind, 'work', 'the kind of the proof of work');
  versionOf(fields.v, WORK_VERSION, 'The proof of work');
  const device = DEVICES.find((name) => name === fields.device);
  if (device === undefined) throw malformed('the device of the proof of work is neither cpu nor gpu');
  const openings = integerOf(fields.openings, OPENED_MIN, OPENED_MAX, 'the number of opened rows');
  const opened = listOf(fields.opened, OPENED_MAX, 'the opened rows').map(parseOpened);
  if (opened.length !== openings) throw malformed(`there are ${opened.length} opened rows instead of ${openings}`);
  const wallUs = integerOf(fields.wallUs, 1, CLAIM_US_MAX, 'the whole time');
  return {
    challenge: bytesOf(fields.challenge, 32, 'the challenge of the proof of work'),
    device,
    threads: integerOf(fields.threads, 1, THREADS_MAX, 'the number of threads'),
    rows: integerOf(fields.rows, 1, ROWS_MAX, 'the number of rows'),
    openings,
    busyUs: integerOf(fields.busyUs, 1, wallUs, 'the busy time'),
    wallUs,
    root: bytesOf(fields.root, 32, 'the root of the product'),
    opened,
  };
};
