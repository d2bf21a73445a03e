/* Frames, sessions, and the loop; what it is and what it may do is told in holder.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "holder.h"

#define VERSION 1
#define SYNC_BYTES 24
/* Flag of the sequence that begins a session: the job has a way out. */
#define DOORS 1
/* The node asks every few seconds; one that did not for this long is gone. */
#define SILENCE_MS_MAX 20000

uint8_t key[KEY_BYTES];
static uint32_t session; /* 0: no node */
static int64_t heard_ms;
static uint8_t in[2 * FRAME_BYTES_MAX];
static size_t in_bytes;
static uint8_t out[FRAME_BYTES_MAX];
uint8_t *const payload = out + HEADER_BYTES;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void end_session(void) {
  session = 0;
  end_channels();
}

/* Waits until it is written: the node takes whatever comes, and what it may be sent is bounded by credits and by what it asked for. */
static void write_all(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t count = write(STDOUT_FILENO, bytes, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      session = 0;
      return;
    }
    bytes += count;
    length -= (size_t)count;
  }
}

void send_frame(uint8_t type, uint32_t channel, size_t length) {
  if (session == 0 || length > PAYLOAD_BYTES_MAX) return;
  put32(out, (uint32_t)length);
  out[4] = type;
  put32(out + 5, channel);
  put32(out + HEADER_BYTES + length, session);
  write_all(out, HEADER_BYTES + length + TRAILER_BYTES);
}

static void handle(uint8_t type, uint32_t id, const uint8_t *bytes, size_t length) {
  if (type == PING) send_frame(PONG, id, 0);
  else if (type == FILES) serve_files(id, bytes, length);
  else if (type == CONNECT && length == 2) connect_to(id, get16(bytes));
  else if (type >= DATA) handle_channel(type, id, bytes, length);
}

/* Looks for the sequence that begins a session. @returns bytes that are done with */
static size_t look_for_node(void) {
  uint8_t *found = in - 1;
  uint32_t fresh;
  size_t at;
  do {
    size_t from = (size_t)(found + 1 - in);
    found = memmem(in + from, in_bytes - from, key, KEY_BYTES);
    if (found == NULL) return in_bytes < KEY_BYTES ? 0 : in_bytes - KEY_BYTES + 1;
    at = (size_t)(found - in);
    if (in_bytes - at < SYNC_BYTES) return at;
    fresh = get32(found + KEY_BYTES);
  } while (fresh == 0 || found[20] != VERSION || found[21] > DOORS || found[22] != 0 || found[23] != 0);
  end_session();
  session = fresh;
  set_doors((found[21] & DOORS) != 0);
  heard_ms = now_ms();
  memcpy(out, found, SYNC_BYTES);
  write_all(out, SYNC_BYTES);
  return at + SYNC_BYTES;
}

static void take_input(void) {
  size_t at = 0;
  for (;;) {
    if (session == 0) {
      memmove(in, in + at, in_bytes - at);
      in_bytes -= at;
      at = look_for_node();
      if (session == 0) break;
    }
    if (in_bytes - at < HEADER_BYTES) break;
    size_t length = get32(in + at);
    uint8_t type = in[at + 4];
    int known = type >= PING && type <= RESET && length <= PAYLOAD_BYTES_MAX;
    if (known && in_bytes - at < HEADER_BYTES + length + TRAILER_BYTES) break;
    /* Cut, or of a node that is gone: nothing of it is done, and the one that is there is told to begin again. */
    if (!known || get32(in + at + HEADER_BYTES + length) != session) {
      send_frame(LOST, 0, 0);
      end_session();
      at += 1;
      continue;
    }
    heard_ms = now_ms();
    handle(type, get32(in + at + 5), in + at + HEADER_BYTES, length);
    at += HEADER_BYTES + length + TRAILER_BYTES;
  }
  memmove(in, in + at, in_bytes - at);
  in_bytes -= at;
}

static void pump(void) {
  static struct pollfd files[1 + DOORS_MAX + CHANNELS_MAX];
  int stdin_ended = 0;
  for (;;) {
    files[0] = (struct pollfd){.fd = stdin_ended ? -1 : STDIN_FILENO, .events = POLLIN};
    int count = session == 0 ? 0 : poll_channels(files + 1);
    if (poll(files, (nfds_t)(1 + count), stdin_ended ? 200 : 5000) < 0) {
      if (errno != EINTR) _exit(3);
      continue;
    }
    /* Whoever wrote is gone; a later one may open the same pipe. */
    stdin_ended = 0;
    if (session != 0 && now_ms() - heard_ms > SILENCE_MS_MAX) end_session();
    if (session != 0 && count > 0) serve_channels(files + 1);
    if (files[0].revents == 0) continue;
    ssize_t got = read(STDIN_FILENO, in + in_bytes, sizeof in - in_bytes);
    if (got > 0) {
      in_bytes += (size_t)got;
      take_input();
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
      end_session();
      stdin_ended = 1;
    }
  }
}

static int take_number(const char *text) {
  char *end;
  long value = strtol(text, &end, 10);
  return *text == 0 || *end != 0 || value < 1 || value > 65535 ? -1 : (int)value;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc == 4 || argc > 5 || strlen(argv[1]) != 2 * KEY_BYTES) _exit(2);
  for (int i = 0; i < KEY_BYTES; i++) {
    char digits[3] = {argv[1][2 * i], argv[1][2 * i + 1], 0}, *end;
    key[i] = (uint8_t)strtoul(digits, &end, 16);
    if (*end != 0 || strchr(" +-xX", digits[0]) != NULL) _exit(2);
  }
  for (int i = 0; i < 2 && argc == 5; i++) {
    int port = take_number(argv[3 + i]);
    if (port < 0) _exit(2);
    door_ports[i] = (uint16_t)port;
  }
  signal(SIGPIPE, SIG_IGN);
  umask(0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) _exit(3);
  work = open(argc > 2 ? argv[2] : "/work", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (work < 0 || prepare_channels() < 0) _exit(3);
  pump();
}
