/* Workspaces, forward and backward pass of the network on the CPU. */
#include "network/unet_cpu_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct unet_cpu_workspace {
    struct unet_cpu *network;
    void *owned[64]; /* all arrays */
    size_t arrays;
    float *scratch;
    float *single;    /* (batch) fields with outer halo: the input */
    float *output;    /* one field with outer halo */
    float *y[LEVELS]; /* before the norm; levels 4-6 include a halo */
    void *wide[3];    /* h1-h3 with halo */
    void *joined[3];  /* [u, h] at sizes 0-2 */
    void *deepest;    /* h4 */
    float *mean[LEVELS], *rstd[LEVELS];
    float *slope[LEVELS]; /* swish' of each level, for backward passes without weight gradient */
    int slopes_known;     /* whether slope has been set since the last forward pass */
    struct embedding_state state;
    /* gradients with respect to the arrays above */
    float *d_single, *d_wide[3], *d_joined[3], *d_deepest, *d_d;
    void *d_y[LEVELS];
    float *vector; /* workspace of normalise and embedding */
};

/* --- workspace --------------------------------------------------------------------------------- */

static size_t padded(const struct halo *h) {
    return halo_height(h) * halo_width(h) * h->channels;
}

static size_t inside(const struct normalise *l) {
    return l->height * l->width * l->channels;
}

/* Numbers of y of a level for one configuration, including the halo of expanding levels. */
static size_t level_size(const struct unet_cpu *u, int l) {
    return l < 4 ? inside(&u->level[l]) : padded(&u->halo[unet_cpu_size[l]]);
}

/* Whether the activations [u, h] at size s, or the gradient of y of level l, are kept as bfloat16 numbers: all are but
 * those at the layers of one channel. */
static bool joined_rounded(const struct unet_cpu *u, int s) {
    return u->rounded && s > 0;
}

static bool d_y_rounded(const struct unet_cpu *u, int l) {
    return u->rounded && l > 0;
}

static size_t bytes_of(bool rounded) {
    return rounded ? sizeof(uint16_t) : sizeof(float);
}

/* An array of `count` numbers of `size` bytes, which the workspace owns. */
static void *array(struct unet_cpu_workspace *ws, size_t count, size_t size) {
    return ws->owned[ws->arrays++] = memory_aligned(count, size);
}

static void make_arrays(struct unet_cpu_workspace *ws) {
    const struct unet_cpu *u = ws->network;
    const size_t batch = (size_t)u->batch, length = u->embedding.length, total = u->embedding.total;
    const size_t factor = bytes_of(u->rounded), number = sizeof(float);
    size_t vector = batch * length;
    ws->scratch = array(ws, u->scratch, 1);
    ws->single = array(ws, batch * padded(&u->outer), number);
    ws->d_single = array(ws, batch * padded(&u->outer), number);
    ws->output = array(ws, padded(&u->outer), number);
    for (int l = 0; l < LEVELS; l++) {
        const struct normalise *level = &u->level[l];
        ws->y[l] = array(ws, batch * level_size(u, l), number);
        ws->d_y[l] = array(ws, batch * level_size(u, l), bytes_of(d_y_rounded(u, l)));
        ws->mean[l] = array(ws, batch * level->channels, number);
        ws->rstd[l] = array(ws, batch * level->channels, number);
        ws->slope[l] = array(ws, batch * inside(level), number);
        vector = normalise_workspace(level) > vector ? normalise_workspace(level) : vector;
    }
    for (int s = 0; s < 3; s++) {
        ws->wide[s] = array(ws, batch * padded(&u->halo[s]), factor);
        ws->d_wide[s] = array(ws, batch * padded(&u->halo[s]), number);
        ws->joined[s] = array(ws, batch * 2 * inside(&u->level[s]), bytes_of(joined_rounded(u, s)));
        ws->d_joined[s] = array(ws, batch * 2 * inside(&u->level[s]), number);
    }
    ws->deepest = array(ws, batch * inside(&u->level[3]), factor);
    ws->d_deepest = array(ws, batch * inside(&u->level[3]), number);
    ws->state.features = array(ws, batch * length, number);
    ws->state.before = array(ws, batch * length, number);
    ws->state.after = array(ws, batch * length, number);
    ws->state.d = array(ws, batch * total, number);
    ws->d_d = array(ws, batch * total, number);
    ws->vector = array(ws, vector, number);
}

enum status unet_cpu_workspace_new(struct unet_cpu *network, struct unet_cpu_workspace **workspace, struct error *e) {
    *workspace = NULL;
    struct unet_cpu_workspace *ws = calloc(1, sizeof *ws);
    bool complete = ws != NULL;
    if (ws) {
        ws->network = network;
        make_arrays(ws);
    }
    for (size_t i = 0; ws && i < ws->arrays; i++) {
        complete = complete && ws->owned[i];
    }
    if (!complete) {
        unet_cpu_workspace_free(ws);
        return error_set(e, STATUS_FAILED, "out of memory for a workspace of the network");
    }
    *workspace = ws;
    return STATUS_OK;
}

void unet_cpu_workspace_free(struct unet_cpu_workspace *ws) {
    for (size_t i = 0; ws && i < ws->arrays; i++) {
        free(ws->owned[i]);
    }
    free(ws);
}

/* --- views of configuration b -------------------------------------------------------------------- */

static struct view view_from(void *field, bool rounded, size_t offset, size_t row, size_t site) {
    struct view v = {.row = row, .site = site};
    if (rounded) {
        v.rounded = (uint16_t *)field + offset;
    } else {
        v.at = (float *)field + offset;
    }
    return v;
}

static struct view inner(const struct halo *h, void *field, bool rounded, size_t b) {
    const size_t row = halo_width(h) * h->channels;
    return view_from(field, rounded, b * padded(h) + row + h->channels, row, h->channels);
}

static struct view flat(const struct normalise *l, void *field, bool rounded, size_t b) {
    return view_from(field, rounded, b * inside(l), l->width * l->channels, l->channels);
}

/* The first (part 0: u) or second (part 1: h) half of the channels of a joined field. */
static struct view half(const struct normalise *l, void *field, bool rounded, size_t b, size_t part) {
    const size_t site = 2 * l->channels;
    return view_from(field, rounded, b * 2 * inside(l) + part * l->channels, l->width * site, site);
}

static struct view level_view(const struct unet_cpu *u, int l, void *field, bool rounded, size_t b) {
    return l < 4 ? flat(&u->level[l], field, rounded, b) : inner(&u->halo[unet_cpu_size[l]], field, rounded, b);
}

/* A joined field of size 0, which is never rounded. */
static struct view whole(const struct unet_cpu *u, float *field, size_t b) {
    return half(&u->level[0], field, false, b, 0);
}

/* Configuration b of a field with halo. */
static void *one_of(const struct halo *h, void *field, bool rounded, size_t b) {
    return (char *)field + b * padded(h) * bytes_of(rounded);
}

static void copy_in(const struct halo *outer, const float *x, float *field) {
    const size_t row = halo_width(outer);
    for (size_t i = 0; i < outer->height; i++) {
        memcpy(field + (i + 1) * row + 1, x + i * outer->width, outer->width * sizeof *x);
    }
    halo_fill(outer, field, sizeof *field);
}

/* --- forward ------------------------------------------------------------------------------------- */

static void normalise_level(struct unet_cpu_workspace *ws, int l, size_t n) {
    const struct unet_cpu *u = ws->network;
    const struct normalise *level = &u->level[l];
    const float *gamma = u->weights + u->gamma[l]->offset;
    const float *beta = u->weights + u->beta[l]->offset;
    const size_t c = level->channels;
    const int s = unet_cpu_size[l];
    for (size_t b = 0; b < n; b++) {
        struct view y = level_view(u, l, ws->y[l], false, b), out, second = {0};
        if (l < 3) {
            out = inner(&u->halo[s], ws->wide[s], u->rounded, b);
            second = half(level, ws->joined[s], joined_rounded(u, s), b, 1);
        } else if (l == 3) {
            out = flat(level, ws->deepest, u->rounded, b);
        } else {
            out = half(level, ws->joined[s], joined_rounded(u, s), b, 0);
        }
        normalise_forward(level, y.at, y.row, ws->state.d + b * u->embedding.total + u->d_offset[l], gamma, beta,
                          ws->mean[l] + b * c, ws->rstd[l] + b * c, &out, &second, ws->vector);
        if (l < 3) {
            halo_fill(&u->halo[s], one_of(&u->halo[s], ws->wide[s], u->rounded, b), bytes_of(u->rounded));
        }
    }
}

enum status unet_cpu_forward(struct unet_cpu_workspace *ws, int n, const float *x, const float *t, float *output,
                             struct error *e) {
    const struct unet_cpu *u = ws->network;
    const size_t count = (size_t)n, single = padded(&u->outer);
    ws->slopes_known = 0;
    embedding_forward(&u->embedding, count, t, &ws->state);
    for (size_t b = 0; b < count; b++) {
        copy_in(&u->outer, x + b * u->sites, ws->single + b * single);
        struct view y = flat(&u->level[0], ws->y[0], false, b);
        single_channel_spread(&u->first, ws->single + b * single, u->first_taps, &y);
    }
    normalise_level(ws, 0, count);
    for (int k = 0; k < 3; k++) {
        TRY(convolution_forward(u->convolution[k], ws->scratch, ws->wide[k], ws->y[k + 1], NULL, e));
        normalise_level(ws, k + 1, count);
    }
    for (int k = 3; k < CONVOLUTIONS; k++) {
        const int level = k + 1, size = unet_cpu_size[level];
        const void *narrow = k == 3 ? ws->deepest : ws->joined[size + 1];
        TRY(convolution_adjoint(u->convolution[k], ws->scratch, narrow, ws->y[level], NULL, e));
        for (size_t b = 0; b < count; b++) {
            halo_fold(&u->halo[size], ws->y[level] + b * padded(&u->halo[size]));
        }
        normalise_level(ws, level, count);
    }
    const float bias = u->weights[u->last_bias->offset];
    const size_t row = halo_width(&u->outer);
    for (size_t b = 0; b < count; b++) {
        struct view joined = whole(u, ws->joined[0], b);
        single_channel_gather(&u->last, &joined, u->last_taps, ws->output);
        halo_fold(&u->outer, ws->output);
        for (size_t i = 0; i < u->outer.height; i++) {
            for (size_t j = 0; j < u->outer.width; j++) {
                output[b * u->sites + i * u->outer.width + j] = ws->output[(i + 1) * row + j + 1] + bias;
            }
        }
    }
    return STATUS_OK;
}

/* --- backward ------------------------------------------------------------------------------------ */

/* Computes the gradient of y from that of the activations; fills the halo of levels 4-6. */
static void normalise_level_backward(struct unet_cpu_workspace *ws, int l, size_t n, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const struct normalise *level = &u->level[l];
    const float *gamma = u->weights + u->gamma[l]->offset;
    const float *beta = u->weights + u->beta[l]->offset;
    const size_t c = level->channels, batch = (size_t)u->batch;
    const int s = unet_cpu_size[l];
    const bool rounded = d_y_rounded(u, l);
    for (size_t b = 0; b < n; b++) {
        struct view y = level_view(u, l, ws->y[l], false, b), dy = level_view(u, l, ws->d_y[l], rounded, b), g;
        struct view second = {0};
        if (l < 3) {
            g = inner(&u->halo[s], ws->d_wide[s], false, b);
            second = half(level, ws->d_joined[s], false, b, 1);
        } else if (l == 3) {
            g = flat(level, ws->d_deepest, false, b);
        } else {
            g = half(level, ws->d_joined[s], false, b, 0);
        }
        const size_t d = b * u->embedding.total + u->d_offset[l];
        normalise_backward(level, y.at, y.row, ws->state.d + d, gamma, beta, ws->mean[l] + b * c, ws->rstd[l] + b * c,
                           &g, &second, &dy, gradient ? NULL : ws->slope[l] + b * inside(level), ws->slopes_known,
                           gradient ? gradient + u->at_gamma[l] : NULL, gradient ? gradient + u->at_beta[l] : NULL,
                           ws->d_d + d, ws->vector);
        if (l > 3) {
            halo_fill(&u->halo[s], one_of(&u->halo[s], ws->d_y[l], rounded, b), bytes_of(rounded));
        }
    }
    /* unused configurations of the batch must not contribute to the gradient of the weights */
    const size_t one = level_size(u, l) * bytes_of(rounded);
    memset((char *)ws->d_y[l] + n * one, 0, (batch - n) * one);
}

static void outer_backward(struct unet_cpu_workspace *ws, size_t n, const float *output_gradient, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const size_t single = padded(&u->outer);
    for (size_t b = 0; b < n; b++) {
        const float *g = output_gradient + b * u->sites;
        float *field = ws->d_single + b * single;
        copy_in(&u->outer, g, field);
        struct view d_joined = whole(u, ws->d_joined[0], b);
        single_channel_spread(&u->last, field, u->last_taps, &d_joined);
        if (!gradient) {
            continue;
        }
        struct view joined = whole(u, ws->joined[0], b);
        single_channel_gradient(&u->last, field, &joined, gradient + u->at_last);
        float sum = 0;
        for (size_t i = 0; i < u->sites; i++) {
            sum += g[i];
        }
        gradient[u->at_bias] += sum;
    }
}

static void input_backward(struct unet_cpu_workspace *ws, size_t n, float *input_gradient, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const size_t single = padded(&u->outer), row = halo_width(&u->outer);
    for (size_t b = 0; b < n; b++) {
        struct view dy = flat(&u->level[0], ws->d_y[0], false, b);
        if (gradient) {
            single_channel_gradient(&u->first, ws->single + b * single, &dy, gradient + u->at_first);
        }
        if (!input_gradient) {
            continue;
        }
        single_channel_gather(&u->first, &dy, u->first_taps, ws->output);
        halo_fold(&u->outer, ws->output);
        for (size_t i = 0; i < u->outer.height; i++) {
            memcpy(input_gradient + b * u->sites + i * u->outer.width, ws->output + (i + 1) * row + 1,
                   u->outer.width * sizeof *input_gradient);
        }
    }
}

enum status unet_cpu_backward(struct unet_cpu_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                              float *gradient, struct error *e) {
    const struct unet_cpu *u = ws->network;
    const size_t count = (size_t)n;
    if (gradient) {
        memset(gradient + u->at_first, 0,
               (u->packed - u->at_first) * sizeof *gradient); /* the convolutions set their own part */
    }
    outer_backward(ws, count, output_gradient, gradient);
    for (int k = CONVOLUTIONS - 1; k >= 3; k--) {
        const int level = k + 1, size = unet_cpu_size[level];
        normalise_level_backward(ws, level, count, gradient);
        const void *narrow = k == 3 ? ws->deepest : ws->joined[size + 1];
        float *d_narrow = k == 3 ? ws->d_deepest : ws->d_joined[size + 1];
        const struct convolution_gradient own = {narrow, gradient ? gradient + u->at_convolution[k] : NULL};
        TRY(convolution_forward(u->convolution[k], ws->scratch, ws->d_y[level], d_narrow, gradient ? &own : NULL, e));
    }
    for (int k = 2; k >= 0; k--) {
        normalise_level_backward(ws, k + 1, count, gradient);
        const struct convolution_gradient own = {ws->wide[k], gradient ? gradient + u->at_convolution[k] : NULL};
        TRY(convolution_adjoint(u->convolution[k], ws->scratch, ws->d_y[k + 1], ws->d_wide[k], gradient ? &own : NULL,
                                e));
        for (size_t b = 0; b < count; b++) {
            halo_fold(&u->halo[k], ws->d_wide[k] + b * padded(&u->halo[k]));
        }
    }
    normalise_level_backward(ws, 0, count, gradient);
    input_backward(ws, count, input_gradient, gradient);
    ws->slopes_known = ws->slopes_known || !gradient;
    if (gradient) {
        embedding_backward(&u->embedding, count, &ws->state, ws->d_d, gradient + u->at_embed,
                           gradient + u->at_embed_bias, gradient + u->at_dense, gradient + u->at_dense_bias,
                           ws->vector);
    }
    return STATUS_OK;
}
