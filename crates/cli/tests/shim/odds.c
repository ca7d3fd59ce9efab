// What rarely happens to a process, made to happen: preloaded into belay alone.
//
// ODDS_ROOT     files below it are opened in the place of the system's of the same path
// ODDS_THREADS  so many threads may be started; after them the system has none left for a while
// ODDS_REFUSE   once this file is there, one thread is refused for good, and all later ones are had
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const char *placed(const char *path, char *place, size_t size) {
    const char *root = getenv("ODDS_ROOT");
    if (!root || path[0] != '/' || strncmp(path, root, strlen(root)) == 0) return path;
    if (snprintf(place, size, "%s%s", root, path) >= (int)size) return path;
    return access(place, R_OK) == 0 ? place : path;
}

#define OPEN(NAME)                                                       \
    int NAME(const char *path, int flags, ...) {                         \
        static int (*next)(const char *, int, ...);                      \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #NAME);            \
        char place[4096];                                                \
        va_list rest;                                                    \
        va_start(rest, flags);                                           \
        mode_t mode = va_arg(rest, mode_t);                              \
        va_end(rest);                                                    \
        return next(placed(path, place, sizeof place), flags, mode);     \
    }
OPEN(open)
OPEN(open64)

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static atomic_int started;
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    const char *most = getenv("ODDS_THREADS");
    static atomic_int lifted;
    if (most && !lifted && atomic_fetch_add(&started, 1) >= atoi(most)) {
        const char *refuse = getenv("ODDS_REFUSE");
        if (!refuse || unlink(refuse) != 0) return EAGAIN;
        lifted = 1;
        return EPERM;
    }
    return next(thread, attr, start, arg);
}
