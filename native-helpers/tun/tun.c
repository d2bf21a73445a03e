/*
 * hypermesh-tun: makes one TUN device for global addresses and carries its packets over stdin and stdout.
 *
 *   hypermesh-tun <device> <mtu> <address>
 *
 * docs/formats/tun-helper.md says what it takes, what it gives and what it may do. It needs the capability
 * CAP_NET_ADMIN while it makes the device and gives up that and every other right before it reads the first packet.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/ipv6_route.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "The filter of system calls is written for x86-64 and arm64 only."
#endif

/* From linux/route.h, which cannot be included beside net/if.h. */
#define RTF_UP 0x0001
#define MTU_MIN 1280 /* RFC 8200, section 5 */
#define MTU_MAX 65535 /* what two bytes of length can say */
#define HEADER_BYTES 40
#define TUN_FD 3
/* Several of the largest packets, so that one system call on the pipe carries many. */
#define BUFFER_BYTES (256 * 1024)
#define SEND_BYTES (2 * 1024 * 1024)
/* Accounts of services have numbers below 1000 (Debian policy 9.2.2); 65534 is nobody. */
#define UID_PERSON_MIN 1000
#define UID_NOBODY 65534

static uint8_t out[BUFFER_BYTES], in[BUFFER_BYTES];

/* One line of JSON; `code` and `sentence` hold no character that JSON would escape. */
static void say(const char *name, const char *code, const char *sentence) {
  char line[384];
  int length = snprintf(line, sizeof line, "{\"%s\":\"%s\",\"sentence\":\"%s\"}\n", name, code, sentence);
  if (length > 0 && (size_t)length < sizeof line && write(STDERR_FILENO, line, (size_t)length) < 0) return;
}

static void fail(const char *code, const char *sentence) {
  say("error", code, sentence);
  _exit(2);
}

static void fail_errno(const char *code, const char *what) {
  char sentence[256];
  snprintf(sentence, sizeof sentence, "%s: %s", what, strerror(errno));
  fail(errno == EPERM || errno == EACCES ? "NO_PERMISSION" : code, sentence);
}

/* hm and a number of one to three digits. */
static void check_name(const char *name) {
  size_t length = strlen(name);
  if (length < 3 || length > 5 || name[0] != 'h' || name[1] != 'm')
    fail("BAD_ARGUMENT", "The device must be named hm and a number of one to three digits");
  for (size_t i = 2; i < length; i++)
    if (name[i] < '0' || name[i] > '9')
      fail("BAD_ARGUMENT", "The device must be named hm and a number of one to three digits");
}

static int parse_mtu(const char *text) {
  size_t length = strlen(text);
  int value = 0;
  if (length < 4 || length > 5 || text[0] == '0') fail("BAD_ARGUMENT", "The MTU must be 1280 to 65535");
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') fail("BAD_ARGUMENT", "The MTU must be 1280 to 65535");
    value = value * 10 + (text[i] - '0');
  }
  if (value < MTU_MIN || value > MTU_MAX) fail("BAD_ARGUMENT", "The MTU must be 1280 to 65535");
  return value;
}

static struct in6_addr parse_address(const char *text) {
  struct in6_addr address;
  if (strlen(text) >= INET6_ADDRSTRLEN || inet_pton(AF_INET6, text, &address) != 1 || address.s6_addr[0] != 0xfd)
    fail("BAD_ARGUMENT", "The address must be an IPv6 address in fd00::/8");
  return address;
}

/* Somebody else's device for global addresses must not lose its traffic to ours, nor ours to it. */
static void check_route_is_free(void) {
  static const char prefix[] = "fd000000000000000000000000000000 08 ";
  char line[256];
  FILE *routes = fopen("/proc/net/ipv6_route", "re");
  if (routes == NULL) return;
  while (fgets(line, sizeof line, routes) != NULL)
    if (strncmp(line, prefix, sizeof prefix - 1) == 0)
      fail("ROUTE_TAKEN", "Another program of this machine has the addresses fd00::/8 already");
  fclose(routes);
}

static void make_device(const char *name, int mtu, struct in6_addr address) {
  struct ifreq request = {0};
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0) fail_errno("NO_TUN", "/dev/net/tun cannot be opened");
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
  if (ioctl(tun, TUNSETIFF, &request) < 0) {
    if (errno == EBUSY) fail("NAME_TAKEN", "There is a device of that name already");
    fail_errno("NO_TUN", "The device cannot be made");
  }

  /* Only for the ioctls below; it carries nothing and is closed before the first packet. */
  int control = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) fail_errno("NO_IPV6", "This machine has no IPv6");
  request.ifr_mtu = mtu;
  if (ioctl(control, SIOCSIFMTU, &request) < 0) fail_errno("DEVICE_FAILED", "The MTU cannot be set");
  if (ioctl(control, SIOCGIFINDEX, &request) < 0) fail_errno("DEVICE_FAILED", "The device has no number");
  int index = request.ifr_ifindex;
  if (ioctl(control, SIOCGIFFLAGS, &request) < 0) fail_errno("DEVICE_FAILED", "The device has no flags");
  request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
  if (ioctl(control, SIOCSIFFLAGS, &request) < 0) fail_errno("DEVICE_FAILED", "The device cannot be brought up");

  struct in6_ifreq own = {.ifr6_addr = address, .ifr6_prefixlen = 128, .ifr6_ifindex = index};
  if (ioctl(control, SIOCSIFADDR, &own) < 0) fail_errno("NO_IPV6", "The address cannot be added");
  /* Less specific than any prefix of a home network, which therefore goes on as it was. */
  struct in6_rtmsg route = {.rtmsg_dst_len = 8, .rtmsg_metric = 1024, .rtmsg_flags = RTF_UP, .rtmsg_ifindex = index};
  route.rtmsg_dst.s6_addr[0] = 0xfd;
  if (ioctl(control, SIOCADDRT, &route) < 0) fail_errno("NO_IPV6", "The route cannot be added");
  close(control);

  if (tun != TUN_FD && dup3(tun, TUN_FD, O_CLOEXEC) < 0) fail_errno("DEVICE_FAILED", "The device cannot be kept");
  /* Whatever else was inherited goes, the number that the device was opened under among it. */
  if (syscall(SYS_close_range, TUN_FD + 1, ~0U, 0) < 0)
    for (int other = TUN_FD + 1; other < 1024; other++) close(other);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
/* The 32 bits of the first argument that a descriptor is in, on little-endian machines, which both of ours are. */
#define LOAD_FD LOAD(args[0])

/* No file, no socket, no program, no signal: reads of stdin and the device, writes to stdout, stderr and the device, waiting, the end. */
static void give_up_rights(void) {
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); /* refused without CAP_SETPCAP, and not needed with no_new_privs */
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
  if (syscall(SYS_capset, &header, none) < 0) fail_errno("DEVICE_FAILED", "The rights cannot be given up");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno("DEVICE_FAILED", "The rights cannot be given up");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail_errno("DEVICE_FAILED", "The memory cannot be closed to others");

  struct sock_filter filter[] = {
      LOAD(arch),
      JUMP_IF(ARCH, 1, 0),
      RETURN(SECCOMP_RET_KILL_PROCESS),
      LOAD(nr),
#if defined(__x86_64__)
      JUMP_IF(__NR_poll, 13, 0),
#else
      JUMP_IF(__NR_ppoll, 13, 0),
#endif
      JUMP_IF(__NR_exit_group, 12, 0),
      JUMP_IF(__NR_restart_syscall, 11, 0),
      JUMP_IF(__NR_read, 2, 0),
      JUMP_IF(__NR_write, 4, 0),
      RETURN(SECCOMP_RET_KILL_PROCESS),
      /* read */
      LOAD_FD,
      JUMP_IF(STDIN_FILENO, 6, 0),
      JUMP_IF(TUN_FD, 5, 4),
      /* write */
      LOAD_FD,
      JUMP_IF(STDOUT_FILENO, 3, 0),
      JUMP_IF(STDERR_FILENO, 2, 0),
      JUMP_IF(TUN_FD, 1, 0),
      RETURN(SECCOMP_RET_KILL_PROCESS),
      RETURN(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
    fail_errno("DEVICE_FAILED", "The system calls cannot be limited");
}

/* Device to `out`, each packet behind its length, until the device is empty or the buffer full. @returns the end */
static size_t read_device(size_t end, size_t mtu) {
  while (end + 2 + mtu <= sizeof out) {
    ssize_t length = read(TUN_FD, out + end + 2, mtu);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) break;
    if (length <= 0) fail_errno("DEVICE_FAILED", "The device cannot be read");
    if (length < HEADER_BYTES || out[end + 2] >> 4 != 6) continue;
    out[end] = (uint8_t)(length >> 8);
    out[end + 1] = (uint8_t)length;
    end += 2 + (size_t)length;
  }
  return end;
}

/* `in` to the device, whole packets only. @returns how many bytes of an unfinished packet are left, at the start of `in` */
static size_t write_device(size_t end, size_t mtu) {
  size_t at = 0;
  while (end - at >= 2) {
    size_t length = (size_t)in[at] << 8 | in[at + 1];
    if (length < HEADER_BYTES || length > mtu) fail("BAD_FRAME", "A packet has a length that no packet has");
    if (end - at < 2 + length) break;
    /* A packet that the kernel does not want is lost, as on any wire. */
    if (in[at + 2] >> 4 == 6 && write(TUN_FD, in + at + 2, length) < 0 && errno == EBADFD)
      fail("DEVICE_FAILED", "The device is gone");
    at += 2 + length;
  }
  memmove(in, in + at, end - at);
  return end - at;
}

static void pump(size_t mtu) {
  size_t out_at = 0, out_end = 0, in_end = 0;
  for (;;) {
    /* While stdout takes nothing the device fills, and the kernel drops what does not fit: no queue of ours grows. */
    int waiting = out_at < out_end;
    struct pollfd files[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = TUN_FD, .events = waiting ? 0 : POLLIN},
        {.fd = STDOUT_FILENO, .events = waiting ? POLLOUT : 0},
    };
    if (poll(files, 3, -1) < 0) {
      if (errno == EINTR) continue;
      fail_errno("DEVICE_FAILED", "Waiting failed");
    }
    if (files[0].revents != 0) {
      ssize_t length = read(STDIN_FILENO, in + in_end, sizeof in - in_end);
      if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) return;
      if (length > 0) in_end = write_device(in_end + (size_t)length, mtu);
    }
    if (files[1].revents & (POLLERR | POLLHUP | POLLNVAL)) fail("DEVICE_FAILED", "The device is gone");
    if (!waiting && files[1].revents & POLLIN) {
      out_at = 0;
      out_end = read_device(0, mtu);
    }
    if (files[2].revents & (POLLERR | POLLHUP | POLLNVAL)) return;
    if (out_at < out_end) {
      ssize_t length = write(STDOUT_FILENO, out + out_at, out_end - out_at);
      if (length < 0 && errno != EAGAIN && errno != EINTR) return;
      if (length > 0) out_at += (size_t)length;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 4) fail("BAD_ARGUMENT", "Three arguments are needed: device, MTU, address");
  const char *name = argv[1];
  check_name(name);
  int mtu = parse_mtu(argv[2]);
  struct in6_addr address = parse_address(argv[3]);
  uid_t uid = getuid();
  if ((uid > 0 && uid < UID_PERSON_MIN) || uid == UID_NOBODY)
    fail("NO_PERMISSION", "Accounts of services may not make a device");
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
    if (fcntl(file, F_GETFD) < 0) _exit(2); /* the device must not become stdin, stdout or stderr */
  if (fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) < 0) fail_errno("BAD_ARGUMENT", "stdout cannot be used");
  signal(SIGPIPE, SIG_IGN);
  /* The device goes with whoever wanted it, however that ends. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

  /* The usual 208 KiB are a few packets: a busy node would be woken for each handful. Refused where stdout is no socket. */
  int send_bytes = SEND_BYTES;
  setsockopt(STDOUT_FILENO, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof send_bytes);

  check_route_is_free();
  make_device(name, mtu, address);
  give_up_rights();
  say("ready", name, "");
  pump((size_t)mtu);
  _exit(0);
}
