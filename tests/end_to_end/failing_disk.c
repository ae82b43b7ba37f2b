/* A disk that fails when told to: preloaded into a process, it stands in front of fdatasync and
 * fsync. While the file that HELIO_TEST_FAULT names is there, a sync of a journal's file fails with
 * EIO; when its first byte is '1' it is removed by that, so that the fault comes once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int meets_fault(int descriptor) {
  const char *fault = getenv("HELIO_TEST_FAULT");
  char link[64], path[4096], mode = 0;
  ssize_t length;
  int file;
  if (fault == NULL || access(fault, F_OK) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strstr(path, "/journal-") == NULL) return 0;
  file = open(fault, O_RDONLY);
  if (file < 0) return 0;
  length = read(file, &mode, 1);
  close(file);
  if (length == 1 && mode == '1' && unlink(fault) != 0) return 0;
  return 1;
}

int fdatasync(int descriptor) {
  static int (*original)(int);
  if (original == NULL) original = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (meets_fault(descriptor)) {
    errno = EIO;
    return -1;
  }
  return original(descriptor);
}

int fsync(int descriptor) {
  static int (*original)(int);
  if (original == NULL) original = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  if (meets_fault(descriptor)) {
    errno = EIO;
    return -1;
  }
  return original(descriptor);
}
