/* A disk that fails on demand. Preloaded into a child process, it stands between the program and the C library for every
 * file below FAULT_DIR, counts the calls that could change something on the disk, and lets one of them fail.
 *
 *   FAULT_DIR    the directory whose files are watched
 *   FAULT_KIND   what goes wrong, see `kinds` below; nothing when it is not set
 *   FAULT_AT     at which call, from 1
 *   FAULT_FOR    for how many calls; 0 means for good
 *   FAULT_SEED   what survives of a torn cut
 *   FAULT_COUNT  a file into which the number of calls is written at the end
 *
 * The power cut. Whatever was written to a file since it was last synchronised is remembered with what stood there before,
 * and so is every name that was made, moved or removed since its directory was synchronised. At the cut all of it is
 * undone ("cut"), or each write by itself survives, is lost, or is torn at a sector ("torn"), and the process ends at
 * once. A synchronisation that fails makes nothing durable, and what it was to make durable stays lost even if a later
 * one succeeds: the kernel may have dropped those pages (the "fsyncgate" of 2018).
 *
 * The path FAULT_DIR/power-off cuts the power when it is opened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The child ends with this when the power is cut. */
#define POWER_IS_OFF 86
/* A child that hangs is ended by the kernel after so many seconds. */
#define PATIENCE 60
#define MOST_FILES 1024
#define SECTOR 512

enum kind { NONE, EIO_FAULT, FULL, SHORT_FAULT, READONLY, EINTR_FAULT, READ_FAULT, CUT, TORN, KILL };
static const char *const kinds[] = {"none", "eio", "full", "short", "readonly", "eintr", "read", "cut", "torn", "kill"};

/* One change of a file's content that may still be undone. */
struct change {
    struct change *before;
    off_t at;
    off_t old_size;
    size_t new_length, old_length;
    char *new_bytes, *old_bytes; /* new_bytes is NULL for a truncation to `at` */
    int is_lost;                 /* a synchronisation of it failed */
    int is_durable;              /* synchronised, but behind a change that is lost */
    int survives;
};

struct file {
    dev_t device;
    ino_t inode;
    int own; /* a descriptor of our own, which also keeps the number of the inode from being given to another file */
    struct change *last;
};

/* A name that was made (from is empty), removed (to is empty) or moved, since its directory was synchronised. */
struct naming {
    struct naming *before;
    char from[512], to[512], saved[512]; /* `saved` is another name of what was removed or overwritten */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[400];
static size_t directory_length;
static enum kind kind = NONE;
static long at = 0, lasts = 1, calls = 0, reads = 0, saved_names = 0;
static uint64_t seed = 1;
static struct file *files[MOST_FILES], *watched[MOST_FILES]; /* by order, and by descriptor */
static int is_directory[MOST_FILES];
static struct naming *names = NULL;

#define REAL(name) __typeof__(name) *real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAULT_DIR");
    if (!text) return;
    alarm(PATIENCE);
    snprintf(directory, sizeof directory, "%s/", text);
    directory_length = strlen(directory);
    text = getenv("FAULT_KIND");
    for (size_t i = 0; text && i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(text, kinds[i])) kind = (enum kind)i;
    if ((text = getenv("FAULT_AT"))) at = atol(text);
    if ((text = getenv("FAULT_FOR"))) lasts = atol(text);
    if ((text = getenv("FAULT_SEED"))) seed = (uint64_t)atoll(text) * 2862933555777941757u + 3037000493u;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAULT_COUNT");
    FILE *file = path && directory_length ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld %ld\n", calls, reads);
    fclose(file);
}

static uint64_t draw(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

static void *room(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) abort();
    return memory;
}

static void undo_names(void) {
    REAL(rename);
    REAL(unlink);
    for (struct naming *it = names; it; it = it->before) {
        if (!it->from[0]) real_unlink(it->to);
        else if (!it->to[0]) real_rename(it->saved, it->from);
        else {
            real_rename(it->to, it->from);
            if (it->saved[0]) real_rename(it->saved, it->to);
        }
        /* A journal keeps the order: what survives is a beginning. */
        if (kind == TORN && draw() % 2) break;
    }
}

static void write_all(int descriptor, const char *bytes, size_t length, off_t from) {
    REAL(pwrite);
    while (length > 0) {
        ssize_t written = real_pwrite(descriptor, bytes, length, from);
        if (written <= 0) abort();
        bytes += written, length -= (size_t)written, from += written;
    }
}

/* Redoes what survives, the oldest first. */
static void redo(struct file *file, struct change *change) {
    if (!change) return;
    redo(file, change->before);
    REAL(ftruncate);
    if (!change->survives) return;
    size_t length = change->new_length;
    if (!change->is_durable && kind == TORN && change->new_bytes && draw() % 3 == 0)
        length = draw() % (length / SECTOR + 1) * SECTOR;
    if (change->new_bytes) write_all(file->own, change->new_bytes, length, change->at);
    else if (real_ftruncate(file->own, change->at)) abort();
}

static void cut_power(void) {
    REAL(ftruncate);
    if (kind != KILL) {
        for (int i = 0; i < MOST_FILES && files[i]; i++) {
            for (struct change *it = files[i]->last; it; it = it->before) {
                if (real_ftruncate(files[i]->own, it->old_size)) abort();
                write_all(files[i]->own, it->old_bytes, it->old_length, it->at);
                it->survives = it->is_durable || (kind == TORN && !it->is_lost && draw() % 3 != 0);
            }
            redo(files[i], files[i]->last);
        }
        undo_names();
    }
    _exit(POWER_IS_OFF);
}

/* Counts a call. Returns the error with which it is to fail, or 0; does not return when the power is cut there. */
static int fault(int is_read) {
    if (!directory_length) return 0;
    long number = is_read ? ++reads : ++calls;
    if (kind == NONE || is_read != (kind == READ_FAULT) || number < at || (lasts && number >= at + lasts)) return 0;
    switch (kind) {
    case NONE: return 0;
    case EIO_FAULT:
    case READ_FAULT: return EIO;
    case FULL: return ENOSPC;
    case SHORT_FAULT: return number == at ? -1 : ENOSPC;
    case READONLY: return EROFS;
    case EINTR_FAULT: return EINTR;
    case CUT:
    case TORN:
    case KILL: cut_power();
    }
    return 0;
}

static int is_watched_path(const char *path) {
    return directory_length && path && !strncmp(path, directory, directory_length);
}

static struct file *file_of(int descriptor) {
    return descriptor >= 0 && descriptor < MOST_FILES ? watched[descriptor] : NULL;
}

static void watch(int descriptor, int is_new, const char *path) {
    REAL(open);
    struct stat status;
    if (descriptor < 0 || descriptor >= MOST_FILES || fstat(descriptor, &status)) return;
    is_directory[descriptor] = S_ISDIR(status.st_mode);
    if (!S_ISREG(status.st_mode)) return;
    if (is_new) {
        struct naming *made = room(sizeof *made);
        memset(made, 0, sizeof *made);
        snprintf(made->to, sizeof made->to, "%s", path);
        made->before = names, names = made;
    }
    int i = 0;
    while (i < MOST_FILES - 1 && files[i] && (files[i]->device != status.st_dev || files[i]->inode != status.st_ino)) i++;
    if (!files[i]) {
        char own[64];
        snprintf(own, sizeof own, "/proc/self/fd/%d", descriptor);
        files[i] = room(sizeof **files);
        *files[i] = (struct file){.device = status.st_dev, .inode = status.st_ino};
        /* A file that may only be read is not changed either. */
        files[i]->own = real_open(own, O_RDWR | O_CLOEXEC);
    }
    watched[descriptor] = files[i];
}

static void remember(struct file *file, off_t from, const char *bytes, size_t length) {
    REAL(pread);
    struct stat status;
    if (fstat(file->own, &status)) return;
    struct change *change = room(sizeof *change);
    *change = (struct change){.before = file->last, .at = from, .old_size = status.st_size};
    size_t old = bytes ? length : (size_t)status.st_size;
    if (from >= status.st_size) old = 0;
    else if (old > (size_t)(status.st_size - from)) old = (size_t)(status.st_size - from);
    change->old_bytes = room(old);
    ssize_t got = old ? real_pread(file->own, change->old_bytes, old, from) : 0;
    change->old_length = got > 0 ? (size_t)got : 0;
    if (bytes) {
        change->new_bytes = room(length);
        memcpy(change->new_bytes, bytes, length);
        change->new_length = length;
    }
    file->last = change;
}

static void is_synchronised(struct file *file) {
    int any_lost = 0;
    for (struct change *it = file->last; it; it = it->before) any_lost |= it->is_lost;
    while (file->last && !any_lost) {
        struct change *gone = file->last;
        file->last = gone->before;
        free(gone->new_bytes), free(gone->old_bytes), free(gone);
    }
    for (struct change *it = file->last; it; it = it->before) it->is_durable |= !it->is_lost;
}

static void names_are_synchronised(void) {
    REAL(unlink);
    while (names) {
        struct naming *gone = names;
        names = gone->before;
        if (gone->saved[0]) real_unlink(gone->saved);
        free(gone);
    }
}

static int open_watched(int where, const char *path, int flags, mode_t mode) {
    REAL(openat);
    int is_the_directory = directory_length && !strncmp(path, directory, directory_length - 1) && !path[directory_length - 1];
    if (!is_watched_path(path) && !is_the_directory) return real_openat(where, path, flags, mode);
    pthread_mutex_lock(&lock);
    if (!is_the_directory && !strcmp(path + directory_length, "power-off")) {
        if (kind != TORN) kind = CUT;
        cut_power();
    }
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    int error = is_new || (flags & O_TRUNC) ? fault(0) : 0;
    if (!error && kind == READONLY && calls >= at && (flags & O_ACCMODE) != O_RDONLY) error = EROFS;
    int descriptor = -1;
    if (error) errno = error < 0 ? ENOSPC : error;
    else if ((descriptor = real_openat(where, path, flags, mode)) >= 0) watch(descriptor, is_new, path);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define OPEN(name)                                                  \
    int name(const char *path, int flags, ...) {                    \
        va_list more;                                               \
        va_start(more, flags);                                      \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;   \
        va_end(more);                                               \
        if (!directory_length) {                                    \
            REAL(name);                                             \
            return real_##name(path, flags, mode);                  \
        }                                                           \
        return open_watched(AT_FDCWD, path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
    REAL(close);
    pthread_mutex_lock(&lock);
    if (descriptor >= 0 && descriptor < MOST_FILES) watched[descriptor] = NULL, is_directory[descriptor] = 0;
    pthread_mutex_unlock(&lock);
    return real_close(descriptor);
}

static ssize_t write_watched(int descriptor, const void *bytes, size_t length, off_t from) {
    REAL(pwrite);
    pthread_mutex_lock(&lock);
    int error = fault(0);
    ssize_t written = -1;
    if (error > 0) errno = error;
    else {
        if (error < 0) length = length > 1 ? length / 2 : length; /* a short write */
        remember(file_of(descriptor), from, bytes, length);
        written = real_pwrite(descriptor, bytes, length, from);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    REAL(write);
    if (!file_of(descriptor)) return real_write(descriptor, bytes, length);
    off_t from = lseek(descriptor, 0, SEEK_CUR);
    ssize_t written = write_watched(descriptor, bytes, length, from);
    if (written > 0) lseek(descriptor, written, SEEK_CUR);
    return written;
}

#define PWRITE(name, offset)                                                            \
    ssize_t name(int descriptor, const void *bytes, size_t length, offset from) {       \
        REAL(name);                                                                     \
        if (!file_of(descriptor)) return real_##name(descriptor, bytes, length, from);  \
        return write_watched(descriptor, bytes, length, from);                          \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PREAD(name, offset)                                                             \
    ssize_t name(int descriptor, void *bytes, size_t length, offset from) {             \
        REAL(name);                                                                     \
        int error = 0;                                                                  \
        if (file_of(descriptor)) {                                                      \
            pthread_mutex_lock(&lock);                                                  \
            error = fault(1);                                                           \
            pthread_mutex_unlock(&lock);                                                \
        }                                                                               \
        if (error) return errno = error, -1;                                            \
        return real_##name(descriptor, bytes, length, from);                            \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t read(int descriptor, void *bytes, size_t length) {
    REAL(read);
    int error = 0;
    if (file_of(descriptor)) {
        pthread_mutex_lock(&lock);
        error = fault(1);
        pthread_mutex_unlock(&lock);
    }
    if (error) return errno = error, -1;
    return real_read(descriptor, bytes, length);
}

#define SYNC(name)                                                                                            \
    int name(int descriptor) {                                                                                \
        REAL(name);                                                                                           \
        struct file *file = file_of(descriptor);                                                              \
        int of_names = descriptor >= 0 && descriptor < MOST_FILES && is_directory[descriptor];                \
        if (!file && !of_names) return real_##name(descriptor);                                               \
        pthread_mutex_lock(&lock);                                                                            \
        int error = fault(0);                                                                                 \
        if (error == EINTR || error < 0 || error == ENOSPC) error = 0; /* not what a synchronisation says */  \
        if (error && file)                                                                                    \
            for (struct change *it = file->last; it; it = it->before) it->is_lost |= !it->is_durable;         \
        else if (file) is_synchronised(file);                                                                 \
        else if (!error) names_are_synchronised();                                                            \
        pthread_mutex_unlock(&lock);                                                                          \
        return error ? (errno = error, -1) : 0;                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, offset)                                             \
    int name(int descriptor, offset size) {                                \
        REAL(name);                                                        \
        struct file *file = file_of(descriptor);                           \
        if (!file) return real_##name(descriptor, size);                   \
        pthread_mutex_lock(&lock);                                         \
        int error = fault(0), done = -1;                                   \
        if (error) errno = error < 0 ? ENOSPC : error;                     \
        else remember(file, size, NULL, 0), done = real_##name(descriptor, size); \
        pthread_mutex_unlock(&lock);                                       \
        return done;                                                       \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* Gives what stands at `path` another name, until its directory is synchronised. */
static void save(const char *path, char *saved, size_t room_for) {
    if (access(path, F_OK)) return;
    snprintf(saved, room_for, "%s.saved-%ld", directory, saved_names++);
    if (link(path, saved)) saved[0] = 0;
}

static int name_anew(const char *from, const char *to) {
    REAL(rename);
    REAL(unlink);
    pthread_mutex_lock(&lock);
    int error = fault(0), done = -1;
    if (error) errno = error < 0 ? ENOSPC : error;
    else {
        struct naming *change = room(sizeof *change);
        memset(change, 0, sizeof *change);
        snprintf(change->from, sizeof change->from, "%s", from);
        if (to) snprintf(change->to, sizeof change->to, "%s", to);
        save(to ? to : from, change->saved, sizeof change->saved);
        done = to ? real_rename(from, to) : real_unlink(from);
        if (done) {
            if (change->saved[0]) real_unlink(change->saved);
            free(change);
        } else change->before = names, names = change;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return is_watched_path(from) ? name_anew(from, to) : real_rename(from, to);
}

int unlink(const char *path) {
    REAL(unlink);
    return is_watched_path(path) ? name_anew(path, NULL) : real_unlink(path);
}

/* What the Rust library makes of a hard link. */
int linkat(int from_where, const char *from, int to_where, const char *to, int flags) {
    REAL(linkat);
    if (!is_watched_path(to)) return real_linkat(from_where, from, to_where, to, flags);
    pthread_mutex_lock(&lock);
    int error = fault(0), done = -1;
    if (error) errno = error < 0 ? ENOSPC : error;
    else if (!(done = real_linkat(from_where, from, to_where, to, flags))) {
        struct naming *made = room(sizeof *made);
        memset(made, 0, sizeof *made);
        snprintf(made->to, sizeof made->to, "%s", to);
        made->before = names, names = made;
    }
    pthread_mutex_unlock(&lock);
    return done;
}
