/* The work folder: nothing here leads out of it, whatever the job does there meanwhile. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "holder.h"

#define PATH_BYTES_MAX 1023
#define DEPTH_MAX 64
#define ENTRIES_MAX 100000
#define LIST_BYTES_MAX (32 * 1024 * 1024)
#define BLOCKS_MAX 256
#define HASH_BYTES 16
/* File times move once a tick of the kernel, 10 ms at most: an entry as fresh as this may change again without its time moving. */
#define FRESH_NS 20000000

enum { LIST = 1, READ = 2, WRITE = 3, SIZE = 4, FOLDER = 5, REMOVE = 6, BLOCKS = 7, BLOCK = 8 };

int work = -1;
static uint32_t listings;
static uint8_t scratch[DATA_BYTES_MAX];

static uint8_t status_of(int code) {
  switch (code) {
    case ENOENT: return MISSING;
    case ENOSPC: case EDQUOT: case EFBIG: case ENOMEM: return FULL;
    case EMFILE: case ENFILE: case E2BIG: return TOO_MANY;
    case ELOOP: case ENOTDIR: case EISDIR: case EXDEV: case EACCES: case EPERM: case EEXIST: case EINVAL: case ENAMETOOLONG:
    case ENXIO: case ENOTEMPTY: case EBUSY: return REFUSED;
    default: return FAILED;
  }
}

static int fail(int code) {
  errno = code;
  return -1;
}

/* Copies a path out of a frame. Relative, no empty part, no `.`, no `..`, no NUL, bounded. */
static int take_path(const uint8_t *bytes, size_t length, char *path) {
  if (length == 0 || length > PATH_BYTES_MAX || memchr(bytes, 0, length) != NULL) return fail(EINVAL);
  memcpy(path, bytes, length);
  path[length] = 0;
  int depth = 0;
  for (const char *part = path;;) {
    size_t part_bytes = strcspn(part, "/");
    if (part_bytes == 0 || part_bytes > 255 || ++depth > DEPTH_MAX) return fail(EINVAL);
    if (part[0] == '.' && (part_bytes == 1 || (part_bytes == 2 && part[1] == '.'))) return fail(EINVAL);
    if (part[part_bytes] == 0) return 0;
    part += part_bytes + 1;
  }
}

static int open_beneath(int folder, const char *path, uint64_t flags) {
  struct open_how how = {
      .flags = flags | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* A file or folder that the job took the owner's own rights from is given them back, by what it is and not by its name. */
static int give_rights(int folder, const char *name) {
  struct stat found;
  char link[32] = "/proc/self/fd/";
  int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  int answer = fstat(fd, &found);
  if (answer == 0 && !S_ISDIR(found.st_mode) && !S_ISREG(found.st_mode)) answer = fail(EINVAL);
  if (answer == 0) {
    size_t at = strlen(link);
    if (fd >= 100) link[at++] = (char)('0' + fd / 100 % 10);
    if (fd >= 10) link[at++] = (char)('0' + fd / 10 % 10);
    link[at++] = (char)('0' + fd % 10);
    link[at] = 0;
    answer = chmod(link, (found.st_mode & 07777) | (S_ISDIR(found.st_mode) ? 0700 : 0600));
  }
  int code = errno;
  close(fd);
  errno = code;
  return answer;
}

/* One step down; every name in it was checked to be one part of a path. */
static int open_part(int folder, const char *name, int flags) {
  int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd >= 0 || errno != EACCES || give_rights(folder, name) < 0) return fd;
  return openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0644);
}

/* Opens the folder that the last part of `path` is in; `*name` is that part. With `make`, folders on the way are made. */
static int open_parent(char *path, int make, const char **name) {
  char *slash = strrchr(path, '/');
  *name = slash == NULL ? path : slash + 1;
  if (slash == NULL) return dup(work);
  *slash = 0;
  int fd = open_beneath(work, path, O_RDONLY | O_DIRECTORY);
  int by_steps = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES || (errno == ENOENT && make));
  if (by_steps) {
    /* An engine's filter may not know openat2; step by step, no part being a link, is as safe. */
    fd = dup(work);
    for (char *part = path; fd >= 0 && part != NULL;) {
      char *next = strchr(part, '/');
      if (next != NULL) *next = 0;
      if (make && mkdirat(fd, part, 0755) < 0 && errno != EEXIST) {
        int code = errno;
        close(fd);
        return fail(code);
      }
      int below = open_part(fd, part, O_RDONLY | O_DIRECTORY);
      int code = errno;
      close(fd);
      errno = code;
      fd = below;
      if (next != NULL) *next = '/';
      part = next == NULL ? NULL : next + 1;
    }
  }
  int code = errno;
  *slash = '/';
  errno = code;
  return fd;
}

/* Opens a plain file, never waiting for anything: what else may lie there is refused. */
static int open_file(char *path, int flags, int make) {
  const char *name;
  struct stat found;
  int folder = open_parent(path, make, &name);
  if (folder < 0) return -1;
  int fd = open_part(folder, name, flags | O_NONBLOCK);
  int code = errno;
  close(folder);
  if (fd < 0) return fail(code);
  if (fstat(fd, &found) < 0 || !S_ISREG(found.st_mode)) {
    close(fd);
    return fail(EISDIR);
  }
  return fd;
}

struct listing {
  uint32_t request;
  size_t filled;
  uint32_t entries;
  size_t bytes;
  uint64_t now_ns;
  char path[PATH_BYTES_MAX + 2];
};

static int list_entry(struct listing *listing, size_t path_bytes, const struct stat *found) {
  int is_folder = S_ISDIR(found->st_mode);
  size_t need = 1 + 1 + 8 + 8 + 4 + 2 + path_bytes;
  if (++listing->entries > ENTRIES_MAX || (listing->bytes += need) > LIST_BYTES_MAX) return fail(E2BIG);
  if (listing->filled + need > DATA_BYTES_MAX) {
    payload[0] = MORE;
    send_frame(REPLY, listing->request, listing->filled);
    listing->filled = 1;
  }
  uint8_t *at = payload + listing->filled;
  uint64_t changed = (uint64_t)found->st_ctim.tv_sec * 1000000000U + (uint64_t)found->st_ctim.tv_nsec;
  int fresh = changed + FRESH_NS > listing->now_ns;
  at[0] = is_folder ? 2 : 1;
  at[1] = !is_folder && (found->st_mode & 0111) != 0;
  put64(at + 2, is_folder ? 0 : (uint64_t)found->st_size);
  put64(at + 10, changed);
  put32(at + 18, fresh ? listings : 0);
  put16(at + 22, (uint16_t)path_bytes);
  memcpy(at + 24, listing->path, path_bytes);
  listing->filled += need;
  return 0;
}

static int is_dots(const char *name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

/* Takes `folder` over. Links, sockets, pipes and devices are left out; an entry that goes meanwhile as well. */
static int list_folder(struct listing *listing, int folder, size_t prefix, int depth) {
  DIR *entries = fdopendir(folder);
  if (entries == NULL) {
    close(folder);
    return -1;
  }
  int answer = 0, code = 0;
  for (struct dirent *entry; answer == 0 && (entry = readdir(entries)) != NULL;) {
    struct stat found;
    size_t name_bytes = strlen(entry->d_name);
    if (is_dots(entry->d_name) || fstatat(folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (!S_ISDIR(found.st_mode) && !S_ISREG(found.st_mode)) continue;
    if (depth > DEPTH_MAX || prefix + name_bytes > PATH_BYTES_MAX) {
      answer = fail(E2BIG);
      code = errno;
      break;
    }
    memcpy(listing->path + prefix, entry->d_name, name_bytes);
    answer = list_entry(listing, prefix + name_bytes, &found);
    if (answer == 0 && S_ISDIR(found.st_mode)) {
      int below = open_part(folder, entry->d_name, O_RDONLY | O_DIRECTORY);
      if (below < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR)) continue;
      listing->path[prefix + name_bytes] = '/';
      answer = below < 0 ? -1 : list_folder(listing, below, prefix + name_bytes + 1, depth + 1);
    }
    code = errno;
  }
  closedir(entries);
  return answer < 0 ? fail(code) : 0;
}

/* Takes nothing over; what the job puts in meanwhile stops it. */
static int remove_entry(int folder, const char *name, int depth) {
  if (unlinkat(folder, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -1;
  int below = depth > DEPTH_MAX ? fail(E2BIG) : open_part(folder, name, O_RDONLY | O_DIRECTORY);
  if (below < 0) return -1;
  DIR *entries = fdopendir(below);
  if (entries == NULL) {
    close(below);
    return -1;
  }
  int answer = 0, code = 0;
  for (struct dirent *entry; answer == 0 && (entry = readdir(entries)) != NULL;) {
    if (is_dots(entry->d_name)) continue;
    answer = remove_entry(below, entry->d_name, depth + 1);
    code = errno;
  }
  closedir(entries);
  return answer < 0 ? fail(code) : unlinkat(folder, name, AT_REMOVEDIR);
}

/* SipHash-1-3 with 128 bits (Aumasson and Bernstein, 2012), under the key that the job does not know: only ever compared with hashes
 * of the same holder, to see whether a block is still the same. */
#define ROTATE(x, bits) (((x) << (bits)) | ((x) >> (64 - (bits))))
#define ROUND \
  do { \
    v0 += v1; v1 = ROTATE(v1, 13); v1 ^= v0; v0 = ROTATE(v0, 32); \
    v2 += v3; v3 = ROTATE(v3, 16); v3 ^= v2; \
    v0 += v3; v3 = ROTATE(v3, 21); v3 ^= v0; \
    v2 += v1; v1 = ROTATE(v1, 17); v1 ^= v2; v2 = ROTATE(v2, 32); \
  } while (0)
static void hash_block(const uint8_t *bytes, size_t length, uint8_t *to) {
  uint64_t k0 = get64(key), k1 = get64(key + 8);
  uint64_t v0 = k0 ^ 0x736f6d6570736575U, v1 = k1 ^ 0x646f72616e646f6dU ^ 0xee, v2 = k0 ^ 0x6c7967656e657261U, v3 = k1 ^ 0x7465646279746573U;
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t word = get64(bytes + at);
    v3 ^= word;
    ROUND;
    v0 ^= word;
  }
  uint64_t last = (uint64_t)length << 56;
  for (size_t i = 0; at + i < length; i++) last |= (uint64_t)bytes[at + i] << (8 * i);
  v3 ^= last;
  ROUND;
  v0 ^= last;
  v2 ^= 0xee;
  ROUND; ROUND; ROUND;
  put64(to, v0 ^ v1 ^ v2 ^ v3);
  v1 ^= 0xdd;
  ROUND; ROUND; ROUND;
  put64(to + 8, v0 ^ v1 ^ v2 ^ v3);
}

static ssize_t read_all(int fd, uint8_t *to, size_t length, uint64_t offset) {
  size_t done = 0;
  while (done < length) {
    ssize_t count = pread(fd, to + done, length - done, (off_t)(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += (size_t)count;
  }
  return (ssize_t)done;
}

/* Does what one request asks. @returns bytes of the answer behind its status, or -1 with errno */
static ssize_t serve(uint32_t request, const uint8_t *bytes, size_t length) {
  static char path[PATH_BYTES_MAX + 2];
  const char *name;
  uint8_t kind = length > 0 ? bytes[0] : 0;
  const uint8_t *at = bytes + 1;
  size_t left = length > 0 ? length - 1 : 0;
  ssize_t answer = -1;
  int fd = -1;

  if (kind == LIST) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    static struct listing listing;
    listing = (struct listing){.request = request, .filled = 1, .now_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec};
    if (++listings == 0) listings = 1;
    fd = openat(work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return left != 0 || fd < 0 || list_folder(&listing, fd, 0, 1) < 0 ? -1 : (ssize_t)listing.filled - 1;
  }
  if (kind == READ && left > 12) {
    uint64_t offset = get64(at);
    uint32_t most = get32(at + 8);
    if (offset > INT64_MAX - DATA_BYTES_MAX || most > DATA_BYTES_MAX || take_path(at + 12, left - 12, path) < 0) return fail(EINVAL);
    if ((fd = open_file(path, O_RDONLY, 0)) < 0) return -1;
    answer = read_all(fd, payload + 1, most, offset);
  } else if ((kind == BLOCK || kind == BLOCKS) && left > 8) {
    uint64_t offset = get64(at);
    if (offset > INT64_MAX - (uint64_t)DATA_BYTES_MAX * BLOCKS_MAX || take_path(at + 8, left - 8, path) < 0) return fail(EINVAL);
    if ((fd = open_file(path, O_RDONLY, 0)) < 0) return -1;
    answer = 0;
    for (int i = 0; i < (kind == BLOCK ? 1 : BLOCKS_MAX); i++) {
      ssize_t got = read_all(fd, scratch, DATA_BYTES_MAX, offset + (uint64_t)i * DATA_BYTES_MAX);
      if (got < 0) answer = -1;
      if (got < 0 || (got == 0 && kind == BLOCKS)) break;
      hash_block(scratch, (size_t)got, payload + 1 + answer);
      answer += HASH_BYTES;
      /* The hash of what is told, whatever the job writes meanwhile. */
      if (kind == BLOCK) {
        memcpy(payload + 1 + answer, scratch, (size_t)got);
        answer += got;
      }
    }
  } else if (kind == WRITE && left > 10) {
    uint64_t offset = get64(at);
    uint16_t path_bytes = get16(at + 8);
    if (offset > INT64_MAX - DATA_BYTES_MAX || path_bytes > left - 10 || take_path(at + 10, path_bytes, path) < 0) return fail(EINVAL);
    if ((fd = open_file(path, O_WRONLY | O_CREAT, 1)) < 0) return -1;
    at += 10 + path_bytes;
    left -= 10 + (size_t)path_bytes;
    for (answer = 0; left > 0;) {
      ssize_t count = pwrite(fd, at, left, (off_t)offset);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        answer = count == 0 ? fail(ENOSPC) : -1;
        break;
      }
      at += count;
      offset += (uint64_t)count;
      left -= (size_t)count;
    }
  } else if (kind == SIZE && left > 9) {
    uint64_t size = get64(at);
    if (size > INT64_MAX || at[8] > 1 || take_path(at + 9, left - 9, path) < 0) return fail(EINVAL);
    if ((fd = open_file(path, O_WRONLY | O_CREAT, 1)) < 0) return -1;
    answer = ftruncate(fd, (off_t)size) < 0 || fchmod(fd, at[8] ? 0755 : 0644) < 0 ? -1 : 0;
  } else if ((kind == FOLDER || kind == REMOVE) && left > 0) {
    if (take_path(at, left, path) < 0 || (fd = open_parent(path, kind == FOLDER, &name)) < 0) return -1;
    if (kind == REMOVE) answer = remove_entry(fd, name, 1);
    else {
      struct stat found;
      answer = mkdirat(fd, name, 0755);
      if (answer < 0 && errno == EEXIST && fstatat(fd, name, &found, AT_SYMLINK_NOFOLLOW) == 0) answer = S_ISDIR(found.st_mode) ? 0 : fail(EEXIST);
    }
  } else return fail(EINVAL);
  int code = errno;
  close(fd);
  errno = code;
  return answer;
}

void serve_files(uint32_t request, const uint8_t *bytes, size_t length) {
  ssize_t answer = serve(request, bytes, length);
  payload[0] = answer < 0 ? status_of(errno) : DONE;
  send_frame(REPLY, request, 1 + (answer < 0 ? 0 : (size_t)answer));
}
