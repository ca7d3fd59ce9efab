/* Stands between belay and libc, so that a test can name an instant of a run
 * and make something happen there: the process is killed, a call fails, or
 * what was written is noted down.
 *
 * Loaded by LD_PRELOAD into belay alone; belay gives its children another
 * environment. Every call is a point with a name, `VERB TARGET`, passed once
 * `before` the call and once `after` it. Random parts of names become `*`.
 *
 *   SHIM_ROOT   only files below this folder count
 *   SHIM_LOG    file to which every passed point is added, a line each
 *   SHIM_STOP   `before|after K NAME`: SIGKILL at the Kth time; or `N`: at the
 *               Nth point of all
 *   SHIM_FAIL   `write|create|sync|rename N ERRNO`: the Nth such call fails;
 *               ERRNO 0 is a short write; `N+`: every one from the Nth on
 *   SHIM_TRACE  file that gets what was written, cut and synced below the root,
 *               in the order it happened; of several processes if they share it
 *
 * Whatever is not below the root, and every call that is not listed here, goes
 * straight through. Counters stand in shared memory: a program is started by
 * fork, and only the child knows which it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME 160
#define POINTS 1024
#define CHILDREN 1024

enum class { NONE, WRITE, CREATE, SYNC, RENAME, CLASSES };

struct shared {
    atomic_int lock;
    unsigned passed;
    unsigned of_class[CLASSES];
    struct { char name[NAME]; unsigned count; } points[POINTS];
    struct { int pid; char name[NAME]; } children[CHILDREN];
};

static struct shared *shared;
static int main_pid, log_fd = -1, trace_fd = -1;
static char root[1024];
static size_t root_length;
static struct { int on, after; unsigned k; char name[NAME]; } stop;
static struct { enum class class; unsigned n; int error, on; } failing;

/* --- what does not pass through what stands here --- */

static long raw_write(int fd, const void *bytes, size_t length) {
    return syscall(SYS_write, fd, bytes, length);
}

static void take(void) {
    for (int tries = 0; tries < 2000000; tries++) {
        int free = 0;
        if (atomic_compare_exchange_weak(&shared->lock, &free, 1)) return;
        if (tries % 64 == 63) sched_yield();
    }
}

static void give(void) { atomic_store(&shared->lock, 0); }

static void die(void) {
    syscall(SYS_kill, main_pid, SIGKILL);
    if (getpid() != main_pid) _exit(127);
    for (;;) pause();
}

static int high_fd(const char *path) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    if (high < 0) return fd;
    syscall(SYS_close, fd);
    return high;
}

__attribute__((constructor)) static void begin(void) {
    int saved = errno;
    const char *text = getenv("SHIM_ROOT");
    if (!text || !realpath(text, root)) return;
    root_length = strlen(root);
    main_pid = getpid();
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    if ((text = getenv("SHIM_LOG"))) log_fd = high_fd(text);
    if ((text = getenv("SHIM_TRACE"))) trace_fd = high_fd(text);
    if ((text = getenv("SHIM_STOP"))) {
        char when[8] = "";
        if (sscanf(text, "%7s %u %159[^\n]", when, &stop.k, stop.name) == 3)
            stop.after = !strcmp(when, "after");
        else
            stop.k = (unsigned)strtoul(text, NULL, 10);
        stop.on = 1;
    }
    if ((text = getenv("SHIM_FAIL"))) {
        char class[8] = "", n[16] = "";
        if (sscanf(text, "%7s %15s %d", class, n, &failing.error) == 3) {
            failing.class = *class == 'w' ? WRITE : *class == 'c' ? CREATE : *class == 's' ? SYNC : RENAME;
            failing.n = (unsigned)strtoul(n, NULL, 10);
            failing.on = strchr(n, '+') ? 2 : 1;
        }
    }
    shared = memory;
    errno = saved;
}

/* --- names --- */

static int is_random(const char *part, size_t length) {
    size_t run = 0;
    int digits = 0;
    if (length > 4 && !strncmp(part, ".tmp", 4)) return 1;
    if (length == 12 && !strncmp(part, "index-", 6)) return 1;
    for (size_t i = 0; i < length; i++) {
        int alphanumeric = (part[i] >= '0' && part[i] <= '9') || (part[i] >= 'a' && part[i] <= 'z')
            || (part[i] >= 'A' && part[i] <= 'Z');
        digits += part[i] >= '0' && part[i] <= '9';
        if (alphanumeric) run++; else run = 0;
        if (run >= 8 && digits >= 2) return 1;
    }
    return 0;
}

/* The last two parts of a path below the root; 0 if it is not below it. */
static int label(const char *path, char *out, size_t room) {
    if (strncmp(path, root, root_length) || path[root_length] != '/') return 0;
    const char *rest = path + root_length + 1;
    size_t end = strlen(rest), start = end;
    for (int parts = 0; start > 0; start--)
        if (rest[start - 1] == '/' && ++parts == 2) break;
    size_t at = 0;
    while (start < end && at + 2 < room) {
        size_t length = strcspn(rest + start, "/");
        if (is_random(rest + start, length)) {
            out[at++] = '*';
            const char *dot = memrchr(rest + start, '.', length);
            if (dot > rest + start && rest + start + length - dot < 9)
                for (; dot < rest + start + length && at + 2 < room; dot++) out[at++] = *dot;
        } else {
            for (size_t i = 0; i < length && at + 2 < room; i++) out[at++] = rest[start + i];
        }
        start += length;
        if (rest[start] == '/') { out[at++] = '/'; start++; }
    }
    out[at] = 0;
    return 1;
}

static int of_fd(int fd, char *path, size_t room) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, room - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static void absolute(int dir, const char *path, char *out, size_t room) {
    char base[1024] = "";
    if (*path == '/') { snprintf(out, room, "%s", path); return; }
    if (dir == AT_FDCWD) { if (!getcwd(base, sizeof base)) *base = 0; }
    else of_fd(dir, base, sizeof base);
    snprintf(out, room, "%s/%s", base, path);
}

/* A written descriptor: 1 a file of ours, 2 a pipe or our output, 0 neither. */
static int target_of(int fd, char *out, size_t room) {
    char path[1024];
    if (!of_fd(fd, path, sizeof path)) return 0;
    if (label(path, out, room)) return 1;
    if (strncmp(path, "pipe:", 5)) return 0;
    snprintf(out, room, "%s", fd == 1 ? "stdout" : fd == 2 ? "stderr" : "pipe");
    return 2;
}

/* --- points --- */

/* Passes a point. `k` is 0 before the call; the number it gets then is given after it. */
static unsigned pass(const char *name, int after, unsigned k) {
    if (!shared) return 0;
    int saved = errno;
    take();
    unsigned passed = ++shared->passed;
    if (!after) {
        unsigned i = 0;
        while (i < POINTS - 1 && *shared->points[i].name && strcmp(shared->points[i].name, name)) i++;
        if (!*shared->points[i].name) snprintf(shared->points[i].name, NAME, "%s", name);
        k = ++shared->points[i].count;
    }
    if (log_fd >= 0) {
        char line[NAME + 16];
        int length = snprintf(line, sizeof line, "%s %s\n", after ? "after" : "before", name);
        raw_write(log_fd, line, (size_t)length);
    }
    int here = stop.on
        && (*stop.name ? stop.after == after && stop.k == k && !strcmp(stop.name, name) : stop.k == passed);
    give();
    if (here) die();
    errno = saved;
    return k;
}

/* Whether this call of its class is one that is to fail: -1, else the error, 0 for short. */
static int fails(enum class class) {
    if (!shared) return -1;
    take();
    unsigned n = ++shared->of_class[class];
    give();
    if (!failing.on || failing.class != class) return -1;
    return n == failing.n || (failing.on == 2 && n > failing.n) ? failing.error : -1;
}

static void named(char *name, const char *verb, const char *target) {
    snprintf(name, NAME, "%s %s", verb, target);
}

/* --- the trace --- */

/* `KIND INODE OFFSET LENGTH\n` and the bytes; in one write, so that it stays whole.
 * Created, Written, Truncated, Synced, or moved over another file: Replacing it. */
static void note_inode(char kind, unsigned long long inode, long long offset, const void *bytes, size_t length) {
    char head[96];
    int size = snprintf(head, sizeof head, "%c %llu %lld %zu\n", kind, inode, offset, length);
    struct iovec parts[2] = {{head, (size_t)size}, {(void *)bytes, length}};
    syscall(SYS_writev, trace_fd, parts, 2);
}

static void note(char kind, int fd, long long offset, const void *bytes, size_t length) {
    struct stat facts;
    if (trace_fd < 0 || syscall(SYS_fstat, fd, &facts)) return;
    note_inode(kind, facts.st_ino, offset, bytes, length);
}

static void note_replacing(int from_dir, const char *from, int dir, const char *path) {
    struct stat facts, old;
    if (trace_fd < 0 || syscall(SYS_newfstatat, dir, path, &old, AT_SYMLINK_NOFOLLOW)) return;
    if (!syscall(SYS_newfstatat, from_dir, from, &facts, AT_SYMLINK_NOFOLLOW)) note_inode('R', facts.st_ino, 0, NULL, 0);
}

static long long place_of(int fd) {
    if (trace_fd < 0) return 0;
    struct stat facts;
    if (fcntl(fd, F_GETFL) & O_APPEND) return syscall(SYS_fstat, fd, &facts) ? 0 : facts.st_size;
    long long at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    return at < 0 ? 0 : at;
}

/* --- libc's calls --- */

#define REAL(name) ((__typeof__(&name))next(#name))

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

/* Sets errno and gives whether the call fails; a short write halves `length`. */
static int stopped_by(enum class class, size_t *length) {
    int error = fails(class);
    if (error < 0) return 0;
    if (error > 0) { errno = error; return 1; }
    if (length && *length > 1) *length /= 2;
    return 0;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    char target[NAME], name[NAME];
    int kind = shared ? target_of(fd, target, sizeof target) : 0;
    if (!kind) return raw_write(fd, bytes, length);
    named(name, "write", target);
    unsigned k = pass(name, 0, 0);
    if (kind == 1 && stopped_by(WRITE, &length)) return -1;
    long long at = kind == 1 ? place_of(fd) : 0;
    ssize_t written = raw_write(fd, bytes, length);
    if (written > 0 && kind == 1) note('W', fd, at, bytes, (size_t)written);
    pass(name, 1, k);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char target[NAME], name[NAME];
    int kind = shared ? target_of(fd, target, sizeof target) : 0;
    if (!kind) return syscall(SYS_writev, fd, parts, count);
    /* Callers must be ready for less than all: the first part will do. */
    for (; count > 1 && !parts->iov_len; count--) parts++;
    named(name, "write", target);
    return write(fd, parts->iov_base, parts->iov_len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    char target[NAME], name[NAME];
    if (!shared || target_of(fd, target, sizeof target) != 1) return syscall(SYS_pwrite64, fd, bytes, length, at);
    named(name, "write", target);
    unsigned k = pass(name, 0, 0);
    if (stopped_by(WRITE, &length)) return -1;
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, length, at);
    if (written > 0) note('W', fd, at, bytes, (size_t)written);
    pass(name, 1, k);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

int ftruncate64(int fd, off64_t length) {
    char target[NAME], name[NAME];
    if (!shared || target_of(fd, target, sizeof target) != 1) return (int)syscall(SYS_ftruncate, fd, length);
    named(name, "cut", target);
    unsigned k = pass(name, 0, 0);
    if (stopped_by(WRITE, NULL)) return -1;
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (!result) note('T', fd, length, NULL, 0);
    pass(name, 1, k);
    return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long number) {
    char target[NAME], name[NAME];
    if (!shared || target_of(fd, target, sizeof target) != 1) return (int)syscall(number, fd);
    named(name, "sync", target);
    unsigned k = pass(name, 0, 0);
    if (stopped_by(SYNC, NULL)) return -1;
    int result = (int)syscall(number, fd);
    if (!result) note('S', fd, 0, NULL, 0);
    pass(name, 1, k);
    return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int opened(int dir, const char *path, int flags, mode_t mode) {
    char whole[2048], target[NAME], name[NAME];
    struct stat facts;
    int new = 0, there = 0;
    if (shared && flags & (O_CREAT | O_TRUNC)) {
        absolute(dir, path, whole, sizeof whole);
        there = !syscall(SYS_newfstatat, dir, path, &facts, AT_SYMLINK_NOFOLLOW);
        new = (!there || flags & O_TRUNC) && label(whole, target, sizeof target);
    }
    if (!new) return (int)syscall(SYS_openat, dir, path, flags, mode);
    named(name, "create", target);
    unsigned k = pass(name, 0, 0);
    if (stopped_by(CREATE, NULL)) return -1;
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0) note(there ? 'T' : 'C', fd, 0, NULL, 0);
    pass(name, 1, k);
    return fd;
}

#define OPEN(dir)                                             \
    mode_t mode = 0;                                          \
    if (flags & O_CREAT) {                                    \
        va_list more;                                         \
        va_start(more, flags);                                \
        mode = va_arg(more, mode_t);                          \
        va_end(more);                                         \
    }                                                         \
    return opened(dir, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int dir, const char *path, int flags, ...) { OPEN(dir); }
int openat64(int dir, const char *path, int flags, ...) { OPEN(dir); }

/* A call that changes names; `path` is the one it is known by. */
#define NAMES(verb, class, dir, path, call)                   \
    char whole[2048], target[NAME], name[NAME];               \
    if (!shared) return (int)(call);                          \
    absolute(dir, path, whole, sizeof whole);                 \
    if (!label(whole, target, sizeof target)) return (int)(call); \
    named(name, verb, target);                                \
    unsigned k = pass(name, 0, 0);                            \
    if (class && stopped_by(class, NULL)) return -1;          \
    int result = (int)(call);                                 \
    pass(name, 1, k);                                         \
    return result

int mkdirat(int dir, const char *path, mode_t mode) { NAMES("mkdir", CREATE, dir, path, syscall(SYS_mkdirat, dir, path, mode)); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int renameat(int from_dir, const char *from, int dir, const char *path) {
    if (shared) note_replacing(from_dir, from, dir, path);
    NAMES("rename", RENAME, dir, path, syscall(SYS_renameat2, from_dir, from, dir, path, 0));
}
int rename(const char *from, const char *path) { return renameat(AT_FDCWD, from, AT_FDCWD, path); }
int linkat(int from_dir, const char *from, int dir, const char *path, int flags) {
    NAMES("link", RENAME, dir, path, syscall(SYS_linkat, from_dir, from, dir, path, flags));
}
int link(const char *from, const char *path) { return linkat(AT_FDCWD, from, AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) { NAMES("unlink", NONE, dir, path, syscall(SYS_unlinkat, dir, path, flags)); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

/* --- HTTP --- */

static int is_internet(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (syscall(SYS_getsockname, fd, &address, &length)) return 0;
    return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    if (!shared || !is_internet(fd)) return (int)syscall(SYS_connect, fd, address, length);
    unsigned k = pass("connect http", 0, 0);
    int result = (int)syscall(SYS_connect, fd, address, length);
    pass("connect http", 1, k);
    return result;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    if (!shared || !is_internet(fd)) return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    unsigned k = pass("send http", 0, 0);
    ssize_t sent = syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    pass("send http", 1, k);
    return sent;
}

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    ssize_t got = syscall(SYS_recvfrom, fd, bytes, length, flags, NULL, NULL);
    /* Empty looks are no points: how many there are is chance. */
    if (got >= 0 && shared && is_internet(fd)) pass("receive http", 1, pass("receive http", 0, 0));
    return got;
}

/* --- children --- */

/* `git update-ref`: the sub-command stands after the options. */
static void program_name(char *out, const char *file, char *const arguments[]) {
    const char *slash = strrchr(file, '/');
    const char *what = NULL;
    snprintf(out, NAME, "%s", slash ? slash + 1 : file);
    if (strcmp(out, "git")) return;
    for (int i = 1; arguments[i] && !what; i++) {
        if (!strcmp(arguments[i], "-c") || !strcmp(arguments[i], "-C")) { if (arguments[i + 1]) i++; }
        else if (*arguments[i] != '-') what = arguments[i];
    }
    if (what) snprintf(out, NAME, "git %.100s", what);
}

static void remember(int pid, const char *name) {
    take();
    for (int i = 0; i < CHILDREN; i++)
        if (!shared->children[i].pid) {
            shared->children[i].pid = pid;
            snprintf(shared->children[i].name, NAME, "%s", name);
            break;
        }
    give();
}

static int forget(int pid, char *name) {
    int found = 0;
    take();
    for (int i = 0; i < CHILDREN && !found; i++)
        if (shared->children[i].pid == pid) {
            shared->children[i].pid = 0;
            snprintf(name, NAME, "reap %.150s", shared->children[i].name);
            found = 1;
        }
    give();
    return found;
}

/* In the child after fork: `after` is just before the program is there. */
int execvp(const char *file, char *const arguments[]) {
    char program[NAME], name[NAME];
    if (shared && getpid() != main_pid) {
        program_name(program, file, arguments);
        snprintf(name, NAME, "spawn %.150s", program);
        unsigned k = pass(name, 0, 0);
        remember(getpid(), program);
        if (stop.on && stop.after && stop.k == k && !strcmp(stop.name, name)) syscall(SYS_kill, main_pid, SIGKILL);
        else pass(name, 1, k);
    }
    return REAL(execvp)(file, arguments);
}

int posix_spawnp(pid_t *pid, const char *file, const void *actions, const void *attributes,
                 char *const arguments[], char *const environment[]) {
    int (*real)(pid_t *, const char *, const void *, const void *, char *const[], char *const[]) = next("posix_spawnp");
    char program[NAME], name[NAME];
    if (!shared) return real(pid, file, actions, attributes, arguments, environment);
    program_name(program, file, arguments);
    snprintf(name, NAME, "spawn %.150s", program);
    unsigned k = pass(name, 0, 0);
    int result = real(pid, file, actions, attributes, arguments, environment);
    if (!result) remember(*pid, program);
    pass(name, 1, k);
    return result;
}

pid_t waitpid(pid_t pid, int *status, int options) {
    pid_t reaped = (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
    char name[NAME];
    if (reaped > 0 && shared && forget(reaped, name)) pass(name, 1, pass(name, 0, 0));
    return reaped;
}
