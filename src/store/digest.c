#include "store/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, SPANS = 64 };

/* Bytes of the file, from offset `at`, that are in memory. */
struct span {
    uint64_t at;
    const char *data;
    size_t size;
};

struct digest {
    const char *path;
    int file;
    uint64_t size, hashed; /* bytes of the file; bytes hashed so far */
    EVP_MD_CTX *context;
    char *chunk;
    enum status status;
    struct error e;
    pthread_t thread;
    bool has_thread; /* false if it could not be created */
    /* shared by the reader and the thread */
    pthread_mutex_t mutex;
    pthread_cond_t more;
    struct span spans[SPANS]; /* a ring buffer, in the order of the file; when it is full, bytes are read from the file
                                 again */
    size_t first, count;      /* number of spans taken by the thread; number of spans added */
    bool complete, stopped;
};

/* Reads and hashes the file from the last hashed byte up to `end`. */
static void hash_file(struct digest *d, uint64_t end) {
    while (d->status == STATUS_OK && d->hashed < end) {
        const uint64_t left = end - d->hashed;
        const ssize_t n = pread(d->file, d->chunk, left < CHUNK ? (size_t)left : CHUNK, (off_t)d->hashed);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            d->status = error_set(&d->e, n == 0 ? STATUS_BAD_INPUT : STATUS_FAILED, "%s: cannot read: %s", d->path,
                                  n == 0 ? "the file was truncated while it was read" : strerror(errno));
            return;
        }
        EVP_DigestUpdate(d->context, d->chunk, (size_t)n);
        d->hashed += (uint64_t)n;
    }
}

/* Waits for the next bytes in memory; false if there are no more. */
static bool next_span(struct digest *d, struct span *span) {
    pthread_mutex_lock(&d->mutex);
    while (d->first == d->count && !d->complete && !d->stopped) {
        pthread_cond_wait(&d->more, &d->mutex);
    }
    const bool found = d->first < d->count && !d->stopped;
    if (found) {
        *span = d->spans[d->first++ % SPANS];
    }
    pthread_mutex_unlock(&d->mutex);
    return found;
}

static void *hash_spans(void *context) {
    struct digest *d = context;
    struct span span;
    while (d->status == STATUS_OK && next_span(d, &span)) {
        hash_file(d, span.at);
        if (d->status == STATUS_OK && d->hashed == span.at) { /* else this part was already read from the file */
            EVP_DigestUpdate(d->context, span.data, span.size);
            d->hashed += span.size;
        }
    }
    if (!d->stopped) {
        hash_file(d, d->size);
    }
    return NULL;
}

static void release(struct digest *d) {
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->more);
    EVP_MD_CTX_free(d->context);
    free(d->chunk);
    free(d);
}

enum status digest_begin(const char *path, int file, uint64_t size, struct digest **result, struct error *e) {
    struct digest *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    d->path = path;
    d->file = file;
    d->size = size;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->more, NULL);
    d->context = EVP_MD_CTX_new();
    d->chunk = malloc(CHUNK);
    if (d->context == NULL || d->chunk == NULL || EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1) {
        release(d);
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    d->has_thread = pthread_create(&d->thread, NULL, hash_spans, d) == 0; /* else digest_end hashes the file */
    *result = d;
    return STATUS_OK;
}

void digest_add(struct digest *d, uint64_t at, const void *data, size_t size) {
    pthread_mutex_lock(&d->mutex);
    struct span *last = d->count > d->first ? &d->spans[(d->count - 1) % SPANS] : NULL;
    if (last != NULL && at == last->at + last->size && (const char *)data == last->data + last->size) {
        last->size += size;
    } else if (d->count - d->first < SPANS) {
        d->spans[d->count++ % SPANS] = (struct span){at, data, size};
    }
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->mutex);
}

static void finish(struct digest *d, bool stopped) {
    pthread_mutex_lock(&d->mutex);
    d->complete = true;
    d->stopped = stopped;
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->mutex);
    if (d->has_thread) {
        pthread_join(d->thread, NULL);
    } else if (!stopped) {
        hash_spans(d);
    }
}

enum status digest_end(struct digest *d, char sha256[65], struct error *e) {
    finish(d, false);
    const enum status status = d->status;
    if (status == STATUS_OK) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        EVP_DigestFinal_ex(d->context, digest, NULL);
        for (size_t i = 0; i < 32; i++) {
            snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
        }
    } else {
        *e = d->e;
    }
    release(d);
    return status;
}

void digest_abandon(struct digest *d) {
    if (d != NULL) {
        finish(d, true);
        release(d);
    }
}
