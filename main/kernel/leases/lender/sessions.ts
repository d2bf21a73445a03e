import { parseKeyId } from '../../../base/crypto/index.ts';
import { LeaseError } from '../errors.ts';
import { channelHash, decodeSession, type RecordOpener, SESSION_LABEL } from '../formats/index.ts';
import { sameBytes } from '../engine/lease-entry.ts';
import type { Link } from '../link.ts';

/** Single-use keys that one link may show: as many leases as somebody behind it can have. */
const KEYS_PER_LINK_MAX = 256;

/** Which keys whoever is at a link has, beside those of its connection. Forgotten with the link. */
export interface Sessions {
  /** @throws {LeaseFormatError} {LeaseError} `NOT_YOURS` when it was made for another link or lender */
  show(link: Link, record: Uint8Array): Promise<void>;
  shows(link: Link, keyId: Uint8Array): boolean;
}

export const createSessions = ({
  records,
  own,
}: {
  records: RecordOpener;
  /** Key id of this node, null while it is locked. */
  own: () => Uint8Array | null;
}): Sessions => {
  const shown = new WeakMap<Link, Set<string>>();
  const nameOf = (keyId: Uint8Array): string => Buffer.from(keyId).toString('base64');
  return {
    show: async (link, record) => {
      const { payload, keyIdBytes } = await records.open('lease-session', record);
      const { lender, channel } = decodeSession(payload);
      if (!sameBytes(lender, own()) || !sameBytes(channel, channelHash(link.exportKey(SESSION_LABEL))))
        throw new LeaseError(
          { code: 'NOT_YOURS', lease: '', verdict: 'reject' },
          'This session was made for another link; show the key anew on this one.',
        );
      const keys = shown.get(link) ?? new Set<string>();
      if (keys.size >= KEYS_PER_LINK_MAX) {
        const [oldest] = keys;
        if (oldest !== undefined) keys.delete(oldest);
      }
      keys.add(nameOf(keyIdBytes));
      shown.set(link, keys);
    },
    shows: (link, keyId) =>
      (link.party.kind === 'peer' && sameBytes(parseKeyId(link.party.keyId), keyId)) ||
      shown.get(link)?.has(nameOf(keyId)) === true,
  };
};
