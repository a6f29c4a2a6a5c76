#include "statistics/independence.h"

#include <math.h>
#include <stdlib.h>

#include "base/functions.h"

static enum status uniforms(struct random_key key, uint64_t stream, size_t n, double **u, struct error *e) {
    *u = malloc((n + 1) * sizeof **u);
    if (!*u) {
        return error_set(e, STATUS_FAILED, "out of memory for a chain of %zu steps", n);
    }
    random_uniform(key, stream, 0, *u, n);
    return STATUS_OK;
}

enum status independence_chain(const double *log_w, const size_t *proposal, size_t n, struct random_key accept,
                               uint64_t stream, size_t *state, unsigned char *accepted, struct error *e) {
    double *u;
    const enum status status = uniforms(accept, stream, n, &u, e);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        /* from a state of weight 0, which only the start of a chain can have, every proposal is accepted */
        accepted[i] =
            i == 0 || log_w[state[i - 1]] == -INFINITY || function_log(u[i]) < log_w[proposal[i]] - log_w[state[i - 1]];
        state[i] = accepted[i] ? proposal[i] : state[i - 1];
    }
    free(u);
    return status;
}

void independence_fresh(size_t first, size_t n, size_t *proposal) {
    for (size_t i = 0; i < n; i++) {
        proposal[i] = first + i;
    }
}

enum status independence_pool(size_t pool, size_t n, struct random_key draw, uint64_t stream, size_t *proposal,
                              struct error *e) {
    double *u;
    const enum status status = uniforms(draw, stream, n, &u, e);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        proposal[i] = (size_t)(u[i] * (double)pool);
        proposal[i] -= proposal[i] == pool; /* the product may be rounded up */
    }
    free(u);
    return status;
}

size_t independence_longest_stay(const size_t *state, size_t n) {
    size_t longest = 0;
    for (size_t i = 0, run = 0; i < n; i++) {
        run = i > 0 && state[i] == state[i - 1] ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}
