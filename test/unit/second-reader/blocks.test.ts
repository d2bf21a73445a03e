import { createCipheriv, createDecipheriv } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentKeyOf, type Header, leavesOf, openBody, readHeader, readStored } from '../../second-reader/block.ts';
import { decode, encode, type Fields } from '../../second-reader/cbor.ts';
import { type Chain, checkChainFile, type Rules } from '../../second-reader/chain-file.ts';
import { hex, sha256 } from '../../second-reader/fields.ts';
import { leafOf } from '../../second-reader/merkle.ts';
import { verifierAt } from '../../second-reader/time.ts';
import { readTransaction, stateRootOf } from '../../second-reader/transaction.ts';
import { bytesOf, codeOf, flip, placesOver, vectorFile, vectors } from './changes.ts';

type Texts<Names extends string> = Record<Names, string>;

interface Block
  extends Texts<'stored' | 'headerPayload' | 'hash' | 'merkleRoot' | 'stateRoot' | 'difficulty' | 'proposer'> {
  height: number;
  timeMs: number;
  contentKey: string;
  bodySha256: string;
  bodyBytes: number;
  compressedBytes: number;
  paddingBytes: number;
  transactions: { hash: string; kind: string; asset: string | null; previous: string | null; atMs: number }[];
  updates: { key: string; value: string | null }[];
  attachments: string[];
  leaves: string[];
}

interface Blocks extends Texts<'network' | 'kemSecretKey'> {
  blocks: Block[];
  state: Texts<'key' | 'value' | 'leaf'>[];
}

const { network, kemSecretKey, blocks, state } = vectors<Blocks>('block/blocks.json');

/** The kind that only the vectors know, and proofs that only tests accept. */
const rules: Rules = {
  verifier: verifierAt(blocks.at(-1)!.timeMs),
  checkProof: () => null,
  kinds: {
    'note.written': (entries, { asset, data }, { height }) => {
      entries.set(`note/${asset}`, encode({ ...(data as Fields), height }));
    },
  },
};

describe.each(blocks)('the block at height $height, by the second reader', (block) => {
  const { header: record, sealed } = readStored(bytesOf(block.stored));
  const header = readHeader(record);
  const contentKey = bytesOf(block.contentKey);

  it('has the header that the vector tells', () => {
    expect([hex(header.payload), hex(header.hash)]).toEqual([block.headerPayload, block.hash]);
    expect([hex(header.network), hex(header.proposer)]).toEqual([network, block.proposer]);
    expect([header.height, header.timeMs, `${header.difficulty}`]).toEqual([
      block.height,
      block.timeMs,
      block.difficulty,
    ]);
    expect([hex(header.merkleRoot), hex(header.stateRoot)]).toEqual([block.merkleRoot, block.stateRoot]);
  });

  it('opens with the key of its reader', () => {
    expect(hex(contentKeyOf(sealed!, header.payload, bytesOf(kemSecretKey)))).toBe(block.contentKey);
    const body = openBody(sealed!, header, contentKey);
    expect([body.encoded.length, hex(sha256(body.encoded))]).toEqual([block.bodyBytes, block.bodySha256]);
    expect(body.compressedBytes).toBe(block.compressedBytes);
    expect(leavesOf(body).map(hex)).toEqual(block.leaves);
    expect(body.attachments.map(hex)).toEqual(block.attachments);
    expect(body.updates.map(([key, value]) => ({ key, value: value && hex(value) }))).toEqual(block.updates);
    const transactions = body.transactions.map(readTransaction);
    const told = transactions.map(({ hash, kind, asset, previous, atMs }) => {
      return { hash: hex(hash), kind, asset, previous: previous && hex(previous), atMs };
    });
    expect(told).toEqual(block.transactions);
  });

  it('does not open changed, with another key, or for another header', () => {
    for (const at of placesOver(record.length, 20)) expect(codeOf(() => readHeader(flip(record, at)))).not.toBeNull();
    for (const at of placesOver(sealed!.length, 40)) {
      expect(codeOf(() => openBody(flip(sealed!, at), header, contentKey))).not.toBeNull();
    }
    expect(codeOf(() => openBody(sealed!, header, flip(contentKey, 31)))).toBe('BODY_UNREADABLE');
    const other: Header = { ...header, payload: flip(header.payload, 100) };
    expect(codeOf(() => openBody(sealed!, other, contentKey))).toBe('BODY_UNREADABLE');
    const wrongKey = flip(bytesOf(kemSecretKey), 0);
    expect(codeOf(() => contentKeyOf(sealed!, header.payload, wrongKey))).toBe('BODY_UNREADABLE');
  });

  it('does not open when it is packed in any other way', () => {
    const repack = (change: (packed: Buffer) => Buffer) => {
      const fields = decode(sealed!) as { [name: string]: Uint8Array } & { readers: Fields[] };
      const readers = sha256(encode(fields.readers));
      const associated = encode(['hypermesh-sealed-body', 1, sha256(header.payload), readers]);
      const open = createDecipheriv('aes-256-gcm', contentKey, fields['nonce']!).setAAD(associated);
      const packed = change(open.update(fields['body']!.subarray(0, -16)));
      const seal = createCipheriv('aes-256-gcm', contentKey, fields['nonce']!).setAAD(associated);
      const body = Buffer.concat([seal.update(packed), seal.final(), seal.getAuthTag()]);
      return codeOf(() => openBody(encode({ ...fields, body }), header, contentKey));
    };
    const lengthen = (packed: Buffer, by: number) => {
      const changed = Buffer.from(packed);
      changed.writeUInt32BE(packed.readUInt32BE() + by);
      return changed;
    };
    expect(repack((packed) => packed)).toBeNull();
    expect(repack((packed) => flip(packed, packed.length - 1))).toBe('BODY_UNREADABLE');
    expect(repack((packed) => flip(packed, 4 + block.compressedBytes))).toBe('BODY_UNREADABLE');
    expect(repack((packed) => lengthen(packed, 1))).toBe('BODY_UNREADABLE');
    expect(repack((packed) => lengthen(packed, -1))).toBe('BODY_UNREADABLE');
    expect(repack((packed) => Buffer.concat([packed, Buffer.alloc(128)]))).toBe('BODY_UNREADABLE');
    expect(repack((packed) => packed.subarray(0, -1))).toBe('BODY_UNREADABLE');
  });
});

describe('chain files, by the second reader', () => {
  const file = vectorFile('block-file/chain.hmchain');
  const read = (name: string): Chain => checkChainFile(vectorFile(`block-file/${name}`), rules);

  /** The frames of a file with one changed, and all digests made again. */
  const reframe = (index: number, change: (fields: Fields) => Fields): Buffer => {
    const parts = [file.subarray(0, 16)];
    let before = sha256(file.subarray(0, 16));
    for (let at = 16, count = 0; at < file.length; count += 1) {
      const end = at + 4 + file.readUInt32BE(at);
      const fields = decode(file.subarray(at + 4, end)) as Fields;
      const payload = encode(count === index ? change(fields) : fields);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(payload.length);
      before = sha256(before, length, payload);
      parts.push(length, Buffer.from(payload), before);
      at = end + 32;
    }
    return Buffer.concat(parts);
  };

  it('holds from the beginning', () => {
    const chain = read('chain.hmchain');
    expect(hex(chain.network)).toBe(network);
    expect(chain.headers.map(({ hash }) => hex(hash))).toEqual(blocks.map(({ hash }) => hash));
    expect(chain.bodies.map(({ encoded }) => hex(sha256(encoded)))).toEqual(blocks.map(({ bodySha256 }) => bodySha256));
    expect(hex(stateRootOf(chain.state))).toBe(blocks.at(-1)!.stateRoot);
    const entries = [...chain.state].sort(([left], [right]) => (left < right ? -1 : 1));
    const told = entries.map(([key, value]) => ({ key, value: hex(value), leaf: hex(leafOf(encode([key, value]))) }));
    expect(told).toEqual(state);
  });

  it('holds from a base', () => {
    const chain = read('part.hmchain');
    expect(chain.headers.map(({ height }) => height)).toEqual([1, 2]);
    expect(chain.bodies.map(({ encoded }) => hex(sha256(encoded)))).toEqual([blocks[2]!.bodySha256]);
    expect(hex(stateRootOf(chain.state))).toBe(blocks[2]!.stateRoot);
  });

  it('holds sealed, by its headers', () => {
    const chain = read('sealed.hmchain');
    expect(chain.headers.map(({ hash }) => hex(hash))).toEqual(blocks.map(({ hash }) => hash));
    expect([chain.readable, chain.bodies.length]).toEqual([false, 0]);
  });

  it('refuses damage anywhere, an early end, and more than the end', () => {
    for (const at of placesOver(file.length, 60)) {
      expect(codeOf(() => checkChainFile(flip(file, at), rules))).toBe('CHAIN_FILE_UNREADABLE');
    }
    for (const length of placesOver(file.length, 20).slice(0, -1)) {
      expect(codeOf(() => checkChainFile(file.subarray(0, length), rules))).toBe('CHAIN_FILE_UNREADABLE');
    }
    expect(codeOf(() => checkChainFile(Buffer.concat([file, file.subarray(16)]), rules))).toBe('CHAIN_FILE_UNREADABLE');
  });

  it('refuses what is wrong with every digest right', () => {
    const [second, first] = [readStored(bytesOf(blocks[2]!.stored)), readStored(bytesOf(blocks[1]!.stored))];
    const changes: [number, (fields: Fields) => Fields, string][] = [
      [0, (head) => ({ ...head, v: 2 }), 'CHAIN_FILE_NEWER'],
      [0, (head) => ({ ...head, v: 0 }), 'CHAIN_FILE_UNREADABLE'],
      [0, (head) => ({ ...head, more: 1 }), 'CHAIN_FILE_UNREADABLE'],
      [0, (head) => ({ ...head, to: 3 }), 'CHAIN_FILE_UNREADABLE'],
      [0, (head) => ({ ...head, readable: false }), 'CHAIN_FILE_UNREADABLE'],
      [0, (head) => ({ ...head, network: Buffer.alloc(32) }), 'CHAIN_INVALID'],
      [2, (block) => ({ ...block, key: Buffer.alloc(32) }), 'BODY_UNREADABLE'],
      [2, (block) => ({ ...block, key: null }), 'CHAIN_FILE_UNREADABLE'],
      [2, (block) => ({ ...block, sealed: second.sealed }), 'BODY_UNREADABLE'],
      [2, (block) => ({ ...block, header: second.header }), 'CHAIN_INVALID'],
      [3, (block) => ({ ...block, header: flip(second.header, 2000) }), 'SIGNATURE_INVALID'],
      [3, (block) => ({ ...block, ...first, key: bytesOf(blocks[1]!.contentKey) }), 'CHAIN_INVALID'],
      [4, (end) => ({ ...end, blocks: 4 }), 'CHAIN_FILE_UNREADABLE'],
    ];
    expect(
      codeOf(() =>
        checkChainFile(
          reframe(-1, (fields) => fields),
          rules,
        ),
      ),
    ).toBeNull();
    for (const [index, change, code] of changes) {
      expect(codeOf(() => checkChainFile(reframe(index, change), rules))).toBe(code);
    }
  });

  it('refuses kinds that it does not know, other updates than theirs, and proofs that only tests accept', () => {
    const { verifier, checkProof, kinds } = rules as Required<Rules>;
    expect(codeOf(() => checkChainFile(file, { verifier, checkProof }))).toBe('KIND_UNKNOWN');
    const nothing = { 'note.written': () => undefined };
    expect(codeOf(() => checkChainFile(file, { verifier, checkProof, kinds: nothing }))).toBe('CHAIN_INVALID');
    expect(codeOf(() => checkChainFile(file, { verifier, kinds }))).not.toBeNull();
    expect(codeOf(() => checkChainFile(file, { ...rules, verifier: verifierAt(blocks[0]!.timeMs - 120_001) }))).toBe(
      'CHAIN_INVALID',
    );
  });
});
