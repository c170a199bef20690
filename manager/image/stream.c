#include "stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/str.h"
#include "../../spec/image.h"

#define RAW_SIZE ((size_t) 128 * 1024)
#define BLOCK_SIZE ((size_t) 256 * 1024)
/* Enough to keep the decompressor busy while a large file is written. */
#define BLOCK_COUNT 8

struct block {
        char *data;
        size_t size;
};

struct layer_stream {
        pthread_t thread;
        bool started;
        pthread_mutex_t mutex;
        pthread_cond_t changed;

        /* Guarded by the mutex: blocks written and read since the start, and how the thread ended. */
        unsigned int filled;
        unsigned int taken;
        bool ended;
        bool stopped;
        struct error error;

        struct block blocks[BLOCK_COUNT];
        bool holding; /* the reader still uses the oldest block */

        /* The thread's own. */
        int fd;
        int copy_fd;
        int stop_fd; /* an eventfd: readable once the reader has lost interest */
        char *raw;
        size_t ready; /* bytes of `raw` read ahead, to see the compression */
        enum compression compression;
        bool copy_decoded;
        struct sha256 *copy_hash;
        uint64_t copy_size;

        /* The reader's own. */
        struct sha256 *hash;
        uint64_t size;
};

static const struct {
        const char *magic;
        size_t length;
        enum compression compression;
} magics[] = {
        {"\x1f\x8b", 2, COMPRESSION_GZIP},
        {"\x28\xb5\x2f\xfd", 4, COMPRESSION_ZSTD},
        {"BZh", 3, COMPRESSION_BZIP2},
        {"\xfd"
         "7zXZ",
         5, COMPRESSION_XZ},
};

enum compression compression_sniff(const void *data, size_t size) {
        for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
                if (size >= magics[i].length && memcmp(data, magics[i].magic, magics[i].length) == 0)
                        return magics[i].compression;
        return COMPRESSION_NONE;
}

const char *compression_media_type(enum compression compression) {
        static const char *const types[] = {
                [COMPRESSION_NONE] = IMAGE_MEDIA_LAYER,
                [COMPRESSION_GZIP] = IMAGE_MEDIA_LAYER_GZIP,
                [COMPRESSION_ZSTD] = IMAGE_MEDIA_LAYER_ZSTD,
                [COMPRESSION_BZIP2] = NULL,
                [COMPRESSION_XZ] = NULL,
        };

        return types[compression];
}

/* Waits for input or for the reader to stop; a plain read could wait for ever on a pipe. */
static ssize_t read_input(struct layer_stream *stream, void *data, size_t size) {
        for (;;) {
                struct pollfd fds[] = {{.fd = stream->fd, .events = POLLIN}, {.fd = stream->stop_fd, .events = POLLIN}};
                ssize_t n;

                if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[1].revents)
                        return -ECANCELED;
                if (!fds[0].revents)
                        continue;
                n = read(stream->fd, data, size);
                if (n >= 0)
                        return n;
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
        }
}

static int copy_out(struct layer_stream *stream, const void *data, size_t size) {
        if (stream->copy_fd < 0)
                return 0;
        sha256_update(stream->copy_hash, data, size);
        stream->copy_size += size;
        return fd_write_all(stream->copy_fd, data, size);
}

/* Fills `raw` far enough that the compression shows. */
static int read_ahead(struct layer_stream *stream) {
        while (stream->ready < 6) {
                ssize_t n = read_input(stream, stream->raw + stream->ready, RAW_SIZE - stream->ready);

                if (n <= 0)
                        return (int) n;
                stream->ready += (size_t) n;
        }
        return 0;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **data) {
        struct layer_stream *stream = context;
        ssize_t n = (ssize_t) stream->ready;

        stream->ready = 0;
        if (n == 0)
                n = read_input(stream, stream->raw, RAW_SIZE);
        if (n > 0 && !stream->copy_decoded) {
                int r = copy_out(stream, stream->raw, (size_t) n);

                if (r < 0) {
                        archive_set_error(archive, -r, "cannot write the copy: %s", strerror(-r));
                        return -1;
                }
        }
        if (n < 0) {
                archive_set_error(archive, (int) -n, "cannot read: %s", strerror((int) -n));
                return -1;
        }
        *data = stream->raw;
        return n;
}

/* Hands one block to the reader. Returns false when the reader has lost interest. */
static bool push(struct layer_stream *stream, const char *data, size_t size) {
        struct block *block;
        bool stopped;

        (void) pthread_mutex_lock(&stream->mutex);
        while (stream->filled - stream->taken == BLOCK_COUNT && !stream->stopped)
                (void) pthread_cond_wait(&stream->changed, &stream->mutex);
        stopped = stream->stopped;
        (void) pthread_mutex_unlock(&stream->mutex);
        if (stopped)
                return false;

        block = &stream->blocks[stream->filled % BLOCK_COUNT];
        memcpy(block->data, data, size);
        block->size = size;

        (void) pthread_mutex_lock(&stream->mutex);
        stream->filled++;
        (void) pthread_cond_signal(&stream->changed);
        (void) pthread_mutex_unlock(&stream->mutex);
        return true;
}

static int archive_failed(struct archive *archive, struct error *err) {
        const char *text = archive_error_string(archive);

        return error_set(err, EINVAL, "%s", text ? text : "damaged archive");
}

static int decode(struct layer_stream *stream, struct archive *archive, struct error *err) {
        struct archive_entry *entry;
        int r = archive_read_open(archive, stream, NULL, on_read, NULL);

        if (r == ARCHIVE_OK)
                r = archive_read_next_header(archive, &entry);
        if (r == ARCHIVE_EOF)
                return 0;
        if (r < ARCHIVE_WARN)
                return archive_failed(archive, err);
        for (;;) {
                const char *data;
                size_t size;
                la_int64_t offset;

                r = archive_read_data_block(archive, (const void **) &data, &size, &offset);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r < ARCHIVE_WARN)
                        return archive_failed(archive, err);
                while (size > 0) {
                        size_t part = size < BLOCK_SIZE ? size : BLOCK_SIZE;
                        int copied = stream->copy_decoded ? copy_out(stream, data, part) : 0;

                        if (copied < 0)
                                return error_errno(err, -copied, "cannot write the copy");
                        if (!push(stream, data, part))
                                return error_set(err, ECANCELED, "stopped");
                        data += part;
                        size -= part;
                }
        }
}

/* Only filters that libarchive has built in: the others would run programs found in PATH. */
static struct archive *new_decoder(void) {
        struct archive *archive = archive_read_new();

        if (!archive)
                return NULL;
        (void) archive_read_support_filter_gzip(archive);
        (void) archive_read_support_filter_zstd(archive);
        (void) archive_read_support_filter_bzip2(archive);
        (void) archive_read_support_filter_xz(archive);
        (void) archive_read_support_format_raw(archive);
        (void) archive_read_support_format_empty(archive);
        return archive;
}

static void *run(void *context) {
        struct layer_stream *stream = context;
        struct archive *archive = new_decoder();
        struct error err = {0};
        int r = read_ahead(stream);

        if (!archive)
                (void) error_set(&err, ENOMEM, "out of memory");
        else if (r < 0)
                (void) error_errno(&err, -r, "cannot read");
        else {
                stream->compression = compression_sniff(stream->raw, stream->ready);
                stream->copy_decoded = !compression_media_type(stream->compression);
                (void) decode(stream, archive, &err);
        }
        (void) archive_read_free(archive);

        (void) pthread_mutex_lock(&stream->mutex);
        stream->error = err;
        stream->ended = true;
        (void) pthread_cond_signal(&stream->changed);
        (void) pthread_mutex_unlock(&stream->mutex);
        return NULL;
}

int layer_stream_open(const struct layer_stream_options *options, struct layer_stream **out, struct error *err) {
        struct layer_stream *stream = xcalloc(1, sizeof(*stream));
        sigset_t all;
        sigset_t saved;
        int r;

        stream->fd = options->fd;
        stream->copy_fd = options->copy_fd;
        stream->hash = sha256_new();
        stream->copy_hash = sha256_new();
        stream->raw = xcalloc(1, RAW_SIZE);
        for (size_t i = 0; i < BLOCK_COUNT; i++)
                stream->blocks[i].data = xcalloc(1, BLOCK_SIZE);
        (void) pthread_mutex_init(&stream->mutex, NULL);
        (void) pthread_cond_init(&stream->changed, NULL);
        stream->stop_fd = eventfd(0, EFD_CLOEXEC);
        if (stream->stop_fd < 0) {
                r = error_errno(err, errno, "eventfd");
                layer_stream_free(stream);
                return r;
        }
        /* Signals are the main thread's business. */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &saved);
        r = pthread_create(&stream->thread, NULL, run, stream);
        (void) pthread_sigmask(SIG_SETMASK, &saved, NULL);
        if (r != 0) {
                layer_stream_free(stream);
                return error_errno(err, r, "cannot start a thread");
        }
        stream->started = true;
        *out = stream;
        return 0;
}

ssize_t layer_stream_read(struct layer_stream *stream, const void **data, struct error *err) {
        const struct block *block;
        bool ended;

        (void) pthread_mutex_lock(&stream->mutex);
        if (stream->holding) {
                stream->taken++;
                stream->holding = false;
                (void) pthread_cond_signal(&stream->changed);
        }
        while (stream->filled == stream->taken && !stream->ended)
                (void) pthread_cond_wait(&stream->changed, &stream->mutex);
        ended = stream->filled == stream->taken;
        (void) pthread_mutex_unlock(&stream->mutex);
        if (ended) {
                if (stream->error.code != 0 && err)
                        *err = stream->error;
                return -stream->error.code;
        }

        block = &stream->blocks[stream->taken % BLOCK_COUNT];
        stream->holding = true;
        sha256_update(stream->hash, block->data, block->size);
        stream->size += block->size;
        *data = block->data;
        return (ssize_t) block->size;
}

int layer_stream_finish(struct layer_stream *stream, struct layer_stream_result *result, struct error *err) {
        const void *data;
        ssize_t n;

        do
                n = layer_stream_read(stream, &data, err);
        while (n > 0);
        if (n < 0)
                return (int) n;
        sha256_finish(stream->hash, result->diff_id);
        result->size = stream->size;
        sha256_finish(stream->copy_hash, result->copy_digest);
        result->copy_size = stream->copy_size;
        result->copy_media_type =
                stream->copy_decoded ? IMAGE_MEDIA_LAYER : compression_media_type(stream->compression);
        return 0;
}

void layer_stream_free(struct layer_stream *stream) {
        if (!stream)
                return;
        if (stream->started) {
                (void) pthread_mutex_lock(&stream->mutex);
                stream->stopped = true;
                (void) pthread_cond_signal(&stream->changed);
                (void) pthread_mutex_unlock(&stream->mutex);
                (void) eventfd_write(stream->stop_fd, 1);
                (void) pthread_join(stream->thread, NULL);
        }
        fd_close_at(&stream->stop_fd);
        (void) pthread_mutex_destroy(&stream->mutex);
        (void) pthread_cond_destroy(&stream->changed);
        for (size_t i = 0; i < BLOCK_COUNT; i++)
                free(stream->blocks[i].data);
        free(stream->raw);
        sha256_free(stream->hash);
        sha256_free(stream->copy_hash);
        free(stream);
}
