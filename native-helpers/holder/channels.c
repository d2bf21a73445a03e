/* Connections of the job: those that it opens at the doors, and those that the node opens to its ports. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "holder.h"

/* What a channel may send before it is told that some was taken. 256 channels keep at most 16 MiB here. */
#define WINDOW_BYTES 65536
#define CHUNK_BYTES 32768

struct channel {
  uint32_t id;
  int fd;              /* -1: free */
  int connecting;      /* to the job: not answered yet */
  int finish_in;       /* the node will send no more */
  int finished_in;     /* and the job was told */
  int finished_out;    /* the job will send no more, and the node was told */
  uint32_t credit;     /* what the node still takes */
  uint32_t taken;      /* what the job took and the node was not told of yet */
  uint32_t head, used; /* ring: bytes from the node that the job has not taken */
};

uint16_t door_ports[DOORS_MAX] = {1080, 3128};
static int door[DOORS_MAX] = {-1, -1};
static uint32_t next_id = 1;
static struct channel channels[CHANNELS_MAX];
static struct channel *polled[CHANNELS_MAX];
static int polled_count;
static uint8_t *rings; /* CHANNELS_MAX of WINDOW_BYTES; pages are given back when a channel ends */

int prepare_channels(void) {
  for (int i = 0; i < CHANNELS_MAX; i++) channels[i].fd = -1;
  rings = mmap(NULL, (size_t)CHANNELS_MAX * WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return rings == MAP_FAILED ? -1 : 0;
}

static uint8_t *ring_of(const struct channel *channel) { return rings + (size_t)(channel - channels) * WINDOW_BYTES; }

static void drop(struct channel *channel, int hard) {
  if (channel->fd < 0) return;
  if (hard) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(channel->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  close(channel->fd);
  channel->fd = -1;
  madvise(ring_of(channel), WINDOW_BYTES, MADV_DONTNEED);
}

static void reset(struct channel *channel) {
  uint32_t id = channel->id;
  drop(channel, 1);
  send_frame(RESET, id, 0);
}

static struct channel *find(uint32_t id) {
  for (int i = 0; i < CHANNELS_MAX; i++)
    if (channels[i].fd >= 0 && channels[i].id == id) return &channels[i];
  return NULL;
}

static struct channel *take(uint32_t id, int fd, int connecting) {
  for (int i = 0; i < CHANNELS_MAX; i++) {
    if (channels[i].fd >= 0) continue;
    channels[i] = (struct channel){.id = id, .fd = fd, .connecting = connecting, .credit = WINDOW_BYTES};
    return &channels[i];
  }
  return NULL;
}

void end_channels(void) {
  for (int i = 0; i < CHANNELS_MAX; i++) drop(&channels[i], 1);
  next_id = 1;
}

static void shape(int fd) {
  int yes = 1, bytes = WINDOW_BYTES;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* A job without a way out finds the ports closed, and may use them itself. */
void set_doors(int open) {
  for (int i = 0; i < DOORS_MAX; i++) {
    if (!open && door[i] >= 0) {
      close(door[i]);
      door[i] = -1;
    }
    if (!open || door[i] >= 0) continue;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(door_ports[i]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0 || listen(fd, 128) < 0) close(fd);
    else door[i] = fd;
  }
}

static void accept_from(int index) {
  int fd = accept4(door[index], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  struct channel *channel = take(next_id, fd, 0);
  if (channel == NULL) {
    close(fd);
    return;
  }
  next_id += 2;
  shape(fd);
  payload[0] = (uint8_t)(index + 1);
  send_frame(OPENED, channel->id, 1);
}

void connect_to(uint32_t id, uint16_t port) {
  int fd = id % 2 == 0 && port != 0 && find(id) == NULL ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd >= 0) {
    shape(fd);
    int answer = connect(fd, (struct sockaddr *)&to, sizeof to);
    if ((answer == 0 || errno == EINPROGRESS) && take(id, fd, 1) != NULL) return;
    close(fd);
  }
  send_frame(RESET, id, 0);
}

/* Bytes of the job to the node, one chunk at a time so that no channel waits long for another. */
static void read_channel(struct channel *channel) {
  size_t most = channel->credit < CHUNK_BYTES ? channel->credit : CHUNK_BYTES;
  ssize_t count = recv(channel->fd, payload, most, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count < 0) {
    reset(channel);
    return;
  }
  if (count == 0) {
    channel->finished_out = 1;
    send_frame(FINISH, channel->id, 0);
    if (channel->finished_in) drop(channel, 0);
    return;
  }
  channel->credit -= (uint32_t)count;
  send_frame(DATA, channel->id, (size_t)count);
}

static void write_channel(struct channel *channel) {
  if (channel->connecting) {
    int failure = 0;
    socklen_t length = sizeof failure;
    if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0 || failure != 0) {
      reset(channel);
      return;
    }
    channel->connecting = 0;
    send_frame(CONNECTED, channel->id, 0);
  }
  while (channel->used > 0) {
    size_t to_end = WINDOW_BYTES - channel->head;
    size_t length = channel->used < to_end ? channel->used : to_end;
    ssize_t count = send(channel->fd, ring_of(channel) + channel->head, length, MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (count <= 0) {
      reset(channel);
      return;
    }
    channel->head = (channel->head + (uint32_t)count) % WINDOW_BYTES;
    channel->used -= (uint32_t)count;
    channel->taken += (uint32_t)count;
  }
  if (channel->taken >= WINDOW_BYTES / 4 || (channel->taken > 0 && channel->used == 0)) {
    put32(payload, channel->taken);
    channel->taken = 0;
    send_frame(CREDIT, channel->id, 4);
  }
  if (channel->finish_in && channel->used == 0 && !channel->finished_in) {
    channel->finished_in = 1;
    shutdown(channel->fd, SHUT_WR);
    if (channel->finished_out) drop(channel, 0);
  }
}

static void data_for(struct channel *channel, const uint8_t *bytes, size_t length) {
  if (channel->finish_in || length > WINDOW_BYTES - channel->used) {
    reset(channel);
    return;
  }
  uint32_t tail = (channel->head + channel->used) % WINDOW_BYTES;
  size_t first = length < WINDOW_BYTES - tail ? length : WINDOW_BYTES - tail;
  memcpy(ring_of(channel) + tail, bytes, first);
  memcpy(ring_of(channel), bytes + first, length - first);
  channel->used += (uint32_t)length;
  if (!channel->connecting) write_channel(channel);
}

void handle_channel(uint8_t type, uint32_t id, const uint8_t *bytes, size_t length) {
  struct channel *channel = find(id);
  /* One that ended here already, while this was on its way. */
  if (channel == NULL) return;
  if (type == DATA && length > 0) data_for(channel, bytes, length);
  else if (type == CREDIT && length == 4 && get32(bytes) <= WINDOW_BYTES - channel->credit) channel->credit += get32(bytes);
  else if (type == FINISH && length == 0) {
    channel->finish_in = 1;
    if (!channel->connecting) write_channel(channel);
  } else if (type == RESET && length == 0) drop(channel, 1);
  else reset(channel);
}

/* Says what is waited for. @returns how many of `files`, DOORS_MAX + CHANNELS_MAX at most */
int poll_channels(struct pollfd *files) {
  int free_channels = 0;
  polled_count = 0;
  for (int i = 0; i < CHANNELS_MAX; i++) {
    struct channel *channel = &channels[i];
    if (channel->fd < 0) {
      free_channels++;
      continue;
    }
    short events = 0;
    if (channel->connecting || channel->used > 0) events = POLLOUT;
    if (!channel->connecting && !channel->finished_out && channel->credit > 0) events |= POLLIN;
    /* Waiting for the node alone: that the other end is gone would be told again and again. */
    if (events == 0) continue;
    polled[polled_count] = channel;
    files[DOORS_MAX + polled_count++] = (struct pollfd){.fd = channel->fd, .events = events};
  }
  /* While all channels are taken the job waits in the kernel's queue. */
  for (int i = 0; i < DOORS_MAX; i++) files[i] = (struct pollfd){.fd = free_channels > 0 ? door[i] : -1, .events = POLLIN};
  return DOORS_MAX + polled_count;
}

void serve_channels(const struct pollfd *files) {
  for (int i = 0; i < polled_count; i++) {
    struct channel *channel = polled[i];
    int fd = files[DOORS_MAX + i].fd;
    short events = files[DOORS_MAX + i].revents;
    if (events == 0) continue;
    if (events & (POLLOUT | POLLERR | POLLHUP) && (channel->connecting || channel->used > 0)) write_channel(channel);
    if (channel->fd != fd || channel->connecting) continue;
    if (events & POLLIN && !channel->finished_out && channel->credit > 0) read_channel(channel);
    else if (events & (POLLERR | POLLHUP)) reset(channel);
  }
  for (int i = 0; i < DOORS_MAX; i++)
    if (files[i].revents & POLLIN) accept_from(i);
}
