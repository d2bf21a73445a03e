/** Application protocol of RFC 7301; the version is that of the multiplexer inside, docs/formats/stoq-mux.md. */
export const ALPN = 'hypermesh-stoq/1';
/** Label of the exporter (RFC 8446, section 7.5) whose 32 bytes bind the STOQ handshake to the channel. */
export const BINDING_LABEL = 'EXPORTER-hypermesh-stoq-1';
export const BINDING_BYTES = 32;
/** Ms that TCP's and TLS's handshakes may take together, as for QUIC. */
export const HANDSHAKE_MS = 5_000;
/** Strangers per listener whose handshake may be under way; one more is turned away. Each costs some 100 KiB. */
export const HANDSHAKES_AT_ONCE = 128;
/** AES-128 first: as strong as the curve, and the fastest with the processor's instructions. */
export const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
/** The first withstands quantum computers, so that protocols that are not sealed a second time are safe from recorders too. */
export const GROUPS = 'X25519MLKEM768:X25519:P-256';
/** For libraries that do not know the first. */
export const GROUPS_CLASSIC = 'X25519:P-256';
/** Headers of IPv6, TCP and its timestamps; and what fits between them in an Ethernet frame. */
export const SEGMENT_HEADER_BYTES = 72;
export const SEGMENT_PAYLOAD_BYTES = 1428;
