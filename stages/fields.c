/* See fields.h. */
#include "stages/fields.h"

enum status fields_read(const struct npz *npz, struct fields *fields, struct error *e) {
    const struct npz_array *phi = npz_find(npz, "phi");
    fields->path = npz_path(npz);
    if (!phi || (phi->type != NPZ_FLOAT32 && phi->type != NPZ_FLOAT64) || phi->dimensions < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s, expected phi (configuration, x1, ..., xd) in float32 or float64",
                         fields->path, phi ? "phi has another type or shape" : "no array phi");
    }
    if (phi->shape[0] < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi has %zu configurations, expected at least 2", fields->path,
                         phi->shape[0]);
    }
    fields->phi = phi;
    fields->configurations = phi->shape[0];
    fields->dimensions = phi->dimensions - 1;
    fields->extents = phi->shape + 1;
    return header_read(npz, fields->configurations, &fields->header, e);
}
