/* Stands between a process and its C library (LD_PRELOAD), for the tests of faults.

   Every call that changes something below one folder is counted, over all threads. From call `at` on, `count` calls
   fail with `error`, or the process is killed before it when `error` is 0. Clocks can be set off, and locks granted
   to everybody. The exported functions are called by ctypes, after a fork. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, NAME = 4, MAKE = 8, REMOVE = 16 };

static char root[4096];
static int kinds, at, count, error;
static atomic_int calls;
static atomic_long wall, monotonic;
static atomic_int locks_are_free;

void shim_arm(const char *folder, int which, int first, int how_many, int errno_or_0)
{
    strncpy(root, folder, sizeof root - 1);
    kinds = which, at = first, count = how_many, error = errno_or_0;
    calls = 0;
}

int shim_calls(void) { return calls; }
void shim_clocks(long seconds, long monotonic_seconds)
{
    wall = seconds;
    monotonic = monotonic_seconds;
}
void shim_free_locks(void) { locks_are_free = 1; }

static int is_ours(const char *path) { return path && root[0] && !strncmp(path, root, strlen(root)); }

static int is_fd_ours(int fd)
{
    char link[64], path[4096];
    struct stat status;
    if (!root[0] || fstat(fd, &status) || S_ISFIFO(status.st_mode)) return 0; /* no disk is behind a pipe */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_ours(path);
}

static int is_at_ours(int fd, const char *path) { return path && path[0] == '/' ? is_ours(path) : is_fd_ours(fd); }

static int fails(int kind, int ours)
{
    if (!(kinds & kind) || !ours) return 0;
    int number = ++calls;
    if (number < at || number >= at + count) return 0;
    if (!error) kill(getpid(), SIGKILL), pause();
    errno = error;
    return 1;
}

#define WRAP(type, name, parameters, arguments, kind, ours)              \
    type name parameters                                                 \
    {                                                                    \
        static type (*real) parameters;                                  \
        if (!real) real = (type (*) parameters)dlsym(RTLD_NEXT, #name);  \
        return fails(kind, ours) ? -1 : real arguments;                  \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), WRITE, is_fd_ours(fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *data, int n), (fd, data, n), WRITE, is_fd_ours(fd))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t to), (fd, data, size, to), WRITE, is_fd_ours(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off_t to), (fd, data, size, to), WRITE, is_fd_ours(fd))
WRAP(ssize_t, copy_file_range, (int in, off64_t *from, int fd, off64_t *to, size_t size, unsigned flags),
     (in, from, fd, to, size, flags), WRITE, is_fd_ours(fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), WRITE, is_fd_ours(fd))
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), WRITE, is_fd_ours(fd))
WRAP(int, posix_fallocate64, (int fd, off_t from, off_t size), (fd, from, size), WRITE, is_fd_ours(fd))
WRAP(int, fsync, (int fd), (fd), SYNC, is_fd_ours(fd))
WRAP(int, fdatasync, (int fd), (fd), SYNC, is_fd_ours(fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), NAME, is_ours(to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), NAME, is_at_ours(b, to))
WRAP(int, link, (const char *from, const char *to), (from, to), NAME, is_ours(to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), NAME,
     is_at_ours(b, to))
WRAP(int, symlink, (const char *from, const char *to), (from, to), MAKE, is_ours(to))
WRAP(int, symlinkat, (const char *from, int fd, const char *to), (from, fd, to), MAKE, is_at_ours(fd, to))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), MAKE, is_ours(path))
WRAP(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), MAKE, is_at_ours(fd, path))
WRAP(int, unlink, (const char *path), (path), REMOVE, is_ours(path))
WRAP(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), REMOVE, is_at_ours(fd, path))
WRAP(int, rmdir, (const char *path), (path), REMOVE, is_ours(path))

#define WRAP_OPEN(name, parameters, arguments, ours)                                       \
    int name parameters                                                                    \
    {                                                                                      \
        static int (*real) parameters;                                                     \
        va_list rest;                                                                      \
        va_start(rest, flags);                                                             \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;            \
        va_end(rest);                                                                      \
        if (!real) real = (int (*) parameters)dlsym(RTLD_NEXT, #name);                     \
        return flags & (O_CREAT | O_TRUNC) && fails(MAKE, ours) ? -1 : real arguments;     \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode), is_ours(path))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), is_ours(path))
WRAP_OPEN(openat, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), is_at_ours(fd, path))
WRAP_OPEN(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), is_at_ours(fd, path))

int flock(int fd, int how)
{
    static int (*real)(int, int);
    if (!real) real = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    return locks_are_free ? 0 : real(fd, how);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += wall;
    if (clock == CLOCK_MONOTONIC) now->tv_sec += monotonic;
    return result;
}
