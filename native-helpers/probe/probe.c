/*
 * hypermesh-probe: what the container doctor runs in a container of its own to see whether the walls and limits hold.
 *
 * It is alone in its image, so it is static and needs nothing. Words on the command line are done one after the other; what was found
 * goes to stdout as lines `name value`, each at once, so that a program that is killed has told what it did until then.
 *
 *   look            who it is, what it may, which network it sees, where it can write
 *   tmp BYTES       fills /tmp, at most so far
 *   pids COUNT      forks, at most so often
 *   burn MS         computes for so long
 *   memory BYTES    takes and touches memory, at most so much
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX 4096
#define STEP_BYTES (4L * 1024 * 1024)

static void tell(const char *name, const char *value) { printf("%s %s\n", name, value); }

static void tell_number(const char *name, long value) { printf("%s %ld\n", name, value); }

static long now_ms(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* The value behind `name:` in /proc/self/status. */
static void tell_status(const char *name) {
  char line[512];
  const size_t length = strlen(name);
  FILE *file = fopen("/proc/self/status", "r");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
    char *value = line + length + 1;
    while (*value == ' ' || *value == '\t') value++;
    value[strcspn(value, "\n")] = 0;
    tell(name, value);
    break;
  }
  fclose(file);
}

static void tell_interfaces(void) {
  char line[512];
  FILE *file = fopen("/proc/net/dev", "r");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    char *colon = strchr(line, ':');
    if (colon == NULL) continue;
    *colon = 0;
    char *name = line;
    while (*name == ' ') name++;
    tell("interface", name);
  }
  fclose(file);
}

/* Tries to make a file beneath a folder: `written` and its path, or `kept`, its path and the errno. */
static void try_write(const char *folder) {
  char path[256];
  snprintf(path, sizeof path, "%s/hypermesh-probe-file", folder);
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    printf("kept %s %d\n", path, errno);
    return;
  }
  close(file);
  unlink(path);
  tell("written", path);
}

static void look(void) {
  static const char *const folders[] = {"", "/etc", "/usr", "/dev", "/sys", "/proc", "/var", "/run"};
  static const char *const sockets[] = {"/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"};
  static const char *const fields[] = {"Uid", "Gid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp"};
  for (size_t index = 0; index < sizeof fields / sizeof *fields; index++) tell_status(fields[index]);
  tell_interfaces();
  for (size_t index = 0; index < sizeof folders / sizeof *folders; index++) try_write(folders[index]);
  for (size_t index = 0; index < sizeof sockets / sizeof *sockets; index++)
    if (access(sockets[index], F_OK) == 0) tell("socket", sockets[index]);
}

static void fill_tmp(long bytes_max) {
  static char block[64 * 1024];
  long bytes = 0;
  const int file = open("/tmp/hypermesh-probe-fill", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    tell_number("tmp-error", errno);
    tell_number("tmp-bytes", 0);
    return;
  }
  int reason = 0;
  while (bytes < bytes_max) {
    const ssize_t written = write(file, block, sizeof block);
    if (written <= 0) {
      reason = errno;
      break;
    }
    bytes += written;
  }
  close(file);
  unlink("/tmp/hypermesh-probe-fill");
  tell_number("tmp-error", reason);
  tell_number("tmp-bytes", bytes);
}

static void fork_often(long count_max) {
  static pid_t children[PIDS_MAX];
  long count = 0;
  int reason = 0;
  while (count < count_max && count < PIDS_MAX) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    if (child < 0) {
      reason = errno;
      break;
    }
    children[count++] = child;
  }
  tell_number("pids-error", reason);
  tell_number("pids", count + 1);
  for (long index = 0; index < count; index++) kill(children[index], SIGKILL);
  while (wait(NULL) > 0) continue;
}

static void burn(long ms) {
  volatile unsigned long sum = 0;
  const long begun = now_ms(CLOCK_MONOTONIC);
  tell("burn", "begun");
  while (now_ms(CLOCK_MONOTONIC) - begun < ms)
    for (int round = 0; round < 100000; round++) sum += (unsigned long)round;
  tell_number("burn-cpu-ms", now_ms(CLOCK_PROCESS_CPUTIME_ID));
  tell_number("burn-wall-ms", now_ms(CLOCK_MONOTONIC) - begun);
}

static void take_memory(long bytes_max) {
  long bytes = 0;
  while (bytes < bytes_max) {
    void *block = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
      tell_number("memory-error", errno);
      return;
    }
    memset(block, 1, STEP_BYTES);
    bytes += STEP_BYTES;
    tell_number("memory", bytes);
  }
}

int main(int count, char **words) {
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  for (int index = 1; index < count; index++) {
    const char *word = words[index];
    if (strcmp(word, "look") == 0) {
      look();
      continue;
    }
    const long value = index + 1 < count ? strtol(words[index + 1], NULL, 10) : 0;
    index++;
    if (value <= 0) return 2;
    if (strcmp(word, "tmp") == 0) fill_tmp(value);
    else if (strcmp(word, "pids") == 0) fork_often(value);
    else if (strcmp(word, "burn") == 0) burn(value);
    else if (strcmp(word, "memory") == 0) take_memory(value);
    else return 2;
  }
  tell("done", "yes");
  return 0;
}
