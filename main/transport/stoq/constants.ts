/** Version of the handshake and of everything under it, docs/formats/stoq-handshake.md. */
export const STOQ_VERSION = 1;
/** Largest unreliable datagram, bytes of payload: fits one packet of IPv6's least MTU (RFC 8200, section 5) with all headers. */
export const DATAGRAM_BYTES_MAX = 1100;
/** The same with the number of its protocol in front, as a `DatagramLink` takes it. */
export const LINK_DATAGRAM_BYTES_MAX = DATAGRAM_BYTES_MAX + 1;
