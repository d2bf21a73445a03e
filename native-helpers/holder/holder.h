/*
 * hypermesh-holder: the one process of the container that keeps a job's work folder and its connections.
 *
 *   hypermesh-holder <key> [<folder> [<SOCKS port> <HTTP port>]]
 *
 * It speaks frames over stdin and stdout, docs/formats/holder-frames.md, with the node that made it: files beneath the folder, bytes
 * of connections to and from the job on 127.0.0.1. It reads no protocol of the job's: those bytes go to the node as they are. The job
 * shares folder and loopback interface with it and is hostile; so is what comes over stdin, as far as it is cut or old.
 */
#ifndef HYPERMESH_HOLDER_H
#define HYPERMESH_HOLDER_H
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define KEY_BYTES 16
#define HEADER_BYTES 9
#define TRAILER_BYTES 4
#define DATA_BYTES_MAX 65536
#define PAYLOAD_BYTES_MAX (DATA_BYTES_MAX + 2048)
#define FRAME_BYTES_MAX (HEADER_BYTES + PAYLOAD_BYTES_MAX + TRAILER_BYTES)
#define CHANNELS_MAX 256
#define DOORS_MAX 2

enum { PING = 1, FILES = 2, CONNECT = 3, DATA = 5, CREDIT = 6, FINISH = 7, RESET = 8 };
enum { PONG = 0x81, REPLY = 0x82, CONNECTED = 0x83, OPENED = 0x84, LOST = 0x89 };
/* First byte of a REPLY. */
enum { DONE = 0, MORE = 1, MISSING = 2, REFUSED = 3, FULL = 4, TOO_MANY = 5, FAILED = 6 };

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Numbers are copied as they lie: little-endian machines only."
#endif
static inline void put16(uint8_t *at, uint16_t value) { memcpy(at, &value, 2); }
static inline void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, 4); }
static inline void put64(uint8_t *at, uint64_t value) { memcpy(at, &value, 8); }
static inline uint16_t get16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, 2);
  return value;
}
static inline uint32_t get32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return value;
}
static inline uint64_t get64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return value;
}

/* holder.c: what this holder and the node know alone; where payloads are made in place, and what sends them. */
extern uint8_t key[KEY_BYTES];
extern uint8_t *const payload;
void send_frame(uint8_t type, uint32_t channel, size_t length);

/* files.c */
extern int work;
void serve_files(uint32_t request, const uint8_t *bytes, size_t length);

/* channels.c */
extern uint16_t door_ports[DOORS_MAX];
int prepare_channels(void);
void end_channels(void);
void set_doors(int open);
void connect_to(uint32_t id, uint16_t port);
void handle_channel(uint8_t type, uint32_t id, const uint8_t *bytes, size_t length);
int poll_channels(struct pollfd *files);
void serve_channels(const struct pollfd *files);

#endif
