/* See excess_arrays.h. */
#include "stages/excess_arrays.h"

enum status excess_add(struct excess *x, struct npz_writer *writer, struct error *e) {
    const struct {
        const char *name;
        double **data;
    } series[] = {{"excess.sigma", &x->sigma},
                  {"excess.loss", &x->loss},
                  {"excess.wiener", &x->wiener},
                  {"excess.excess", &x->excess},
                  {"excess.error", &x->error}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof series / sizeof *series && status == STATUS_OK; i++) {
        status = npz_add_owned(writer, series[i].name, NPZ_FLOAT64, 1, &x->levels, *series[i].data, e);
        *series[i].data = NULL;
    }
    return status;
}
