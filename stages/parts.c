/* See parts.h. */
#include "stages/parts.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "built.h"
#include "diffusion/checkpoint.h"
#include "store/npy.h"

struct state {
    struct stage_context *c;
    const struct parts *p;
    char folder[PATH_MAX];
    unsigned char *present, *saved; /* (N): 1 if the item is computed or read; 1 if it is in a file */
    size_t first, end;              /* the share of this process */
    size_t finished;                /* present items of the share, plus all items before it */
    size_t kept;                    /* items of the share that are in files */
    double last, cost;              /* end and duration of the last save, in seconds */
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t grain_of(const struct parts *p) {
    return p->grain > 1 ? p->grain : 1;
}

/* Items per part: a multiple of the grain, so large that the folder has at most 256 parts. */
static size_t size_of_part(const struct parts *p) {
    enum { MOST = 256 };
    const size_t grain = grain_of(p), smallest = (p->count + MOST - 1) / MOST,
                 size = p->size > smallest ? p->size : smallest;
    return (size + grain - 1) / grain * grain;
}

/* First item of share i of n. */
static size_t begin_of_share(const struct parts *p, size_t i, size_t n) {
    const size_t grains = (p->count + grain_of(p) - 1) / grain_of(p);
    return least((size_t)((unsigned __int128)grains * i / n) * grain_of(p), p->count);
}

static size_t rows_of(const struct parts_column *column, size_t first, size_t count) {
    return !column->items ? count : first >= column->items ? 0 : least(count, column->items - first);
}

/* --- files --------------------------------------------------------------------------------------- */

static enum status save_part(const struct state *s, size_t first, size_t count, struct error *e) {
    char path[PATH_MAX];
    struct npz_writer *writer;
    if (snprintf(path, sizeof path, "%s/%zu-%zu.npz", s->folder, first, count) >= (int)sizeof path) {
        return error_set(e, STATUS_BAD_INPUT, "%s: path too long", s->folder);
    }
    enum status status =
        checkpoint_create(path, s->c->key, s->p->model ? score_model_device(s->p->model) : NULL, &writer, e);
    TRY(status);
    status = npz_add_text(writer, "program", built.sources, e);
    for (size_t k = 0; k < s->p->column_count && status == STATUS_OK; k++) {
        const struct parts_column *column = &s->p->columns[k];
        const size_t rows = rows_of(column, first, count), elements = rows * column->width;
        if (rows > 0) {
            status = npz_add(writer, column->name, column->type, 1, &elements,
                             (const char *)column->data + first * column->width * npy_type_size(column->type), e);
        }
    }
    if (status == STATUS_OK) {
        return npz_commit(writer, e);
    }
    npz_abandon(writer);
    return status;
}

/* Saves a part, and tries again after a failure: a process on another host that has finished the same artifact removes
 * the folder of parts, perhaps while this part is written. */
static enum status save_with_retries(const struct state *s, size_t first, size_t count, struct error *e) {
    enum { ATTEMPTS = 4 };
    enum status status = STATUS_FAILED;
    for (int i = 0; i < ATTEMPTS && status != STATUS_OK; i++) {
        status = file_make_folder(s->folder, e);
        THEN(status, save_part(s, first, count, e));
    }
    return status;
}

/* Saves all computed items that are not in a file yet, in one file per part. */
static enum status save(struct state *s, struct error *e) {
    const size_t size = size_of_part(s->p);
    const double begun = clock_seconds();
    enum status status = STATUS_OK;
    for (size_t at = s->first; at < s->end && status == STATUS_OK;) {
        if (!s->present[at] || s->saved[at]) {
            at++;
            continue;
        }
        const size_t most = least(s->end, (at / size + 1) * size);
        size_t end = at;
        while (end < most && s->present[end] && !s->saved[end]) {
            end++;
        }
        status = save_with_retries(s, at, end - at, e);
        if (status == STATUS_OK) {
            memset(s->saved + at, 1, end - at);
            s->kept += end - at;
        }
        at = end;
    }
    s->last = clock_seconds();
    s->cost = s->last - begun;
    return status;
}

static enum status read_column(const struct npz *npz, const struct parts_column *column, size_t first, size_t count,
                               struct error *e) {
    const struct npz_array *a;
    const size_t rows = rows_of(column, first, count), elements = rows * column->width;
    if (rows == 0) {
        return STATUS_OK;
    }
    TRY(npz_require(npz, column->name, column->type, 1, &a, e));
    if (a->count != elements) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", npz_path(npz), column->name,
                         a->count, elements);
    }
    memcpy((char *)column->data + first * column->width * a->item_size, a->data, elements * a->item_size);
    return STATUS_OK;
}

static enum status read_part(struct state *s, const char *path, size_t first, size_t count, struct error *e) {
    struct npz *npz;
    char *program = NULL;
    const struct backend *device = s->p->model ? score_model_device(s->p->model) : NULL;
    enum status status = checkpoint_read(path, s->c->key, device, &npz, e);
    THEN(status, npz_text(npz, "program", &program, e));
    if (status == STATUS_OK && strcmp(program, built.sources) != 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: made by a program built from sources %.32s, expected %s", path,
                           program, built.sources);
    }
    for (size_t k = 0; k < s->p->column_count && status == STATUS_OK; k++) {
        status = read_column(npz, &s->p->columns[k], first, count, e);
    }
    free(program);
    npz_free(npz);
    if (status != STATUS_OK) {
        return error_prefix(e, "cannot use a part; remove %s to start again", s->folder);
    }
    memset(s->present + first, 1, count);
    memset(s->saved + first, 1, count);
    return STATUS_OK;
}

/* Parses a name of the form "FIRST-COUNT.npz". */
static bool is_part(const char *name, size_t *first, size_t *count) {
    int end = 0;
    return sscanf(name, "%zu-%zu.npz%n", first, count, &end) == 2 && end > 0 && name[end] == '\0';
}

/* Reads the parts in the folder that this process needs. */
static enum status read_parts(struct state *s, struct error *e) {
    DIR *list = opendir(s->folder);
    enum status status = STATUS_OK;
    for (const struct dirent *entry; list && status == STATUS_OK && (entry = readdir(list));) {
        char path[PATH_MAX];
        size_t first, count;
        if (!is_part(entry->d_name, &first, &count) ||
            snprintf(path, sizeof path, "%s/%s", s->folder, entry->d_name) >= (int)sizeof path) {
            continue;
        }
        if (first >= s->p->count || count > s->p->count - first) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: expected parts of %zu %s", path, s->p->count, s->p->unit);
        } else if (first < s->end && first + count > s->first) {
            status = read_part(s, path, first, count, e);
        }
    }
    if (list) {
        closedir(list);
    }
    return status;
}

/* --- work ---------------------------------------------------------------------------------------- */

/* Computes items first .. first + count - 1. */
static enum status compute(struct state *s, size_t first, size_t count, struct error *e) {
    const struct parts_range range = {first, count, s->present + first, s->finished};
    const enum status status = s->p->compute(s->p->context, &range, e);
    if (status == STATUS_OK) {
        memset(range.done, 1, count);
    }
    for (size_t i = 0; i < count; i++) {
        s->finished += range.done[i];
    }
    return status;
}

static enum status compute_share(struct state *s, struct error *e) {
    const size_t size = size_of_part(s->p);
    const size_t at_once = s->p->at_once > size ? s->p->at_once / size * size : size;
    const bool shared = s->c->share.count > 1;
    enum status status = STATUS_OK;
    for (size_t at = s->first; at < s->end && status == STATUS_OK;) {
        if (s->present[at]) {
            at++;
            continue;
        }
        const size_t most = least(s->end, at / size * size + at_once);
        size_t end = at;
        while (end < most && !s->present[end]) {
            end++;
        }
        status = compute(s, at, end - at, e);
        at = end;
        if (status == STATUS_OK && (at == s->end ? !shared : clock_seconds() - s->last < 20 * s->cost)) {
            continue;
        }
        struct error second;
        if (s->finished > s->first + s->kept && save(s, &second) != STATUS_OK && status == STATUS_OK) {
            *e = second;
            status = second.status;
        }
    }
    return status;
}

/* The error of --finish, with the first range of missing items. */
static enum status refuse(const struct state *s, struct error *e) {
    size_t first = 0, end;
    while (s->present[first]) {
        first++;
    }
    for (end = first; end < s->p->count && !s->present[end];) {
        end++;
    }
    return error_set(e, STATUS_FAILED, "%s: no part with %s %zu to %zu of %zu: expected all of them before --finish",
                     s->folder, s->p->unit, first, end - 1, s->p->count);
}

static enum status run(struct state *s, struct progress *progress, struct parts_outcome *outcome, struct error *e) {
    const struct parts *p = s->p;
    TRY(read_parts(s, e));
    size_t found = 0;
    for (size_t i = s->first; i < s->end; i++) {
        found += s->present[i];
    }
    s->finished = s->first + found;
    s->kept = found;
    if (s->c->share.finish) {
        return found == p->count ? STATUS_OK : refuse(s, e);
    }
    if (found > 0) {
        stage_note_value(s->c, "resumed_after", (double)found, NAN, p->unit);
    }
    progress_resume(progress, s->finished * (p->progress_an_item ? p->progress_an_item : 1));
    const double begun = clock_seconds();
    enum status status = compute_share(s, e);
    outcome->seconds = clock_seconds() - begun;
    outcome->computed = s->finished - s->first - found;
    return status;
}

enum status parts_run(struct stage_context *c, const struct parts *p, struct progress *progress,
                      struct parts_outcome *outcome, struct error *e) {
    struct state s = {.c = c, .p = p};
    const bool all = c->share.finish || c->share.count <= 1;
    s.first = all ? 0 : begin_of_share(p, c->share.index, c->share.count);
    s.end = all ? p->count : begin_of_share(p, c->share.index + 1, c->share.count);
    s.present = calloc(p->count + 1, 1);
    s.saved = calloc(p->count + 1, 1);
    *outcome = (struct parts_outcome){.whole = all};
    enum status status =
        s.present && s.saved ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for %zu %s", p->count, p->unit);
    if (status == STATUS_OK &&
        snprintf(s.folder, sizeof s.folder, "%s/parts", c->folder) >= (int)sizeof s.folder - 64) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: path too long", c->folder);
    }
    THEN(status, run(&s, progress, outcome, e));
    free(s.present);
    free(s.saved);
    return status;
}
