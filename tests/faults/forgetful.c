/* A disk that forgets when the power goes: an LD_PRELOAD shim over libc's calls on files.
 *
 * Files under FORGETFUL_LIVE are written as ever, and remembered write by write. Only fsync and fdatasync
 * bring what was written before them to the same file under FORGETFUL_DISK, which is what lies on the
 * platters. Some writes get there early, in part and out of order, as a page cache writes back when it likes
 * (one in FORGETFUL_EARLY). When the process is killed, the test puts the files of the disk in the place of
 * the live ones: that is the power cut. Nothing really syncs here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FDS 4096
#define FILES 64
#define SECTOR 512

struct op { off_t at; off_t length; struct op *next; }; /* length < 0: cut to `at` */
struct file { char name[256]; struct op *first, *last; };

static struct file files[FILES];
static int file_of[FDS]; /* 1 + its index, 0 for none of ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *live, *disk;
static unsigned long early, chance;

static void set_up(void) {
    if (live) return;
    live = getenv("FORGETFUL_LIVE");
    disk = getenv("FORGETFUL_DISK");
    early = getenv("FORGETFUL_EARLY") ? strtoul(getenv("FORGETFUL_EARLY"), 0, 10) : 0;
    if (!live || !disk) live = "";
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    chance = (unsigned long)now.tv_nsec ^ ((unsigned long)getpid() << 20) | 1;
}

static unsigned long next_chance(void) { /* xorshift */
    chance ^= chance << 13; chance ^= chance >> 7; chance ^= chance << 17;
    return chance;
}

#define REAL(name) ((typeof(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int known(const char *path) { /* 1 + index of a file of ours; the lock is held */
    set_up();
    size_t n = strlen(live);
    if (!n || strncmp(path, live, n) || path[n] != '/' || strchr(path + n + 1, '/')) return 0;
    const char *name = path + n + 1;
    size_t length = strlen(name);
    if (length > 4 && !strcmp(name + length - 4, "-shm")) return 0; /* memory, never a disk's */
    for (int i = 0; i < FILES; i++) {
        if (!files[i].name[0]) { snprintf(files[i].name, sizeof files[i].name, "%s", name); return i + 1; }
        if (!strcmp(files[i].name, name)) return i + 1;
    }
    fprintf(stderr, "forgetful: too many files\n");
    abort();
}

static int on_disk(struct file *file, int flags) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", disk, file->name);
    return REAL(open)(path, flags, 0600);
}

static void bring(int from, int to, off_t at, off_t length) {
    char page[65536];
    while (length > 0) {
        ssize_t n = REAL(pread)(from, page, length < (off_t)sizeof page ? (size_t)length : sizeof page, at);
        if (n <= 0 || REAL(pwrite)(to, page, (size_t)n, at) != n) return;
        at += n;
        length -= n;
    }
}

static void remember(int fd, off_t at, off_t length) {
    if (fd < 0 || fd >= FDS || !file_of[fd]) return;
    pthread_mutex_lock(&lock);
    struct file *file = &files[file_of[fd] - 1];
    struct op *op = malloc(sizeof *op);
    *op = (struct op){at, length, 0};
    if (file->last) file->last->next = op; else file->first = op;
    file->last = op;
    if (early && length > 0 && next_chance() % early == 0) { /* written back early, perhaps torn */
        int to = on_disk(file, O_WRONLY); /* a file that was never synced is not there yet */
        off_t sectors = (length + SECTOR - 1) / SECTOR, some = 1 + (off_t)(next_chance() % (unsigned long)sectors);
        if (to >= 0) {
            bring(fd, to, at, some * SECTOR < length ? some * SECTOR : length);
            REAL(close)(to);
        }
    }
    pthread_mutex_unlock(&lock);
}

static int synced(int fd) {
    if (fd < 0 || fd >= FDS || !file_of[fd]) return 0;
    pthread_mutex_lock(&lock);
    struct file *file = &files[file_of[fd] - 1];
    int to = on_disk(file, O_WRONLY | O_CREAT);
    for (struct op *op = file->first, *next; op; op = next) {
        next = op->next;
        if (op->length < 0) { if (REAL(ftruncate)(to, op->at)) abort(); }
        else bring(fd, to, op->at, op->length);
        free(op);
    }
    file->first = file->last = 0;
    REAL(close)(to);
    pthread_mutex_unlock(&lock);
    return 0;
}

static int opened(int fd, const char *path, int flags) {
    if (fd < 0 || fd >= FDS) return fd;
    pthread_mutex_lock(&lock);
    file_of[fd] = known(path);
    pthread_mutex_unlock(&lock);
    if (flags & O_TRUNC) remember(fd, 0, -1);
    return fd;
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(REAL(open)(path, flags, mode), path, flags); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(REAL(open)(path, flags, mode), path, flags); }
int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return opened(REAL(openat)(at, path, flags, mode), path, flags);
}

int close(int fd) {
    if (fd >= 0 && fd < FDS) file_of[fd] = 0; /* what was written stays unsynced */
    return REAL(close)(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    ssize_t done = REAL(pwrite)(fd, bytes, n, at);
    if (done > 0) remember(fd, at, done);
    return done;
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) { return pwrite(fd, bytes, n, at); }

ssize_t write(int fd, const void *bytes, size_t n) {
    off_t at = fd >= 0 && fd < FDS && file_of[fd] ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = REAL(write)(fd, bytes, n);
    if (done > 0) remember(fd, at, done);
    return done;
}

int ftruncate(int fd, off_t size) {
    int failed = REAL(ftruncate)(fd, size);
    if (!failed) remember(fd, size, -1);
    return failed;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

int unlink(const char *path) {
    int failed = REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    int index = known(path);
    if (!failed && index) {
        char there[4096];
        snprintf(there, sizeof there, "%s/%s", disk, files[index - 1].name);
        REAL(unlink)(there);
        files[index - 1].first = files[index - 1].last = 0;
    }
    pthread_mutex_unlock(&lock);
    return failed;
}
