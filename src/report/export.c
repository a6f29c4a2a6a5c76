/* Results and series as CSV, JSON and for pyerrors: see export.h. */
#include "report/export.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* --- CSV ----------------------------------------------------------------------------------------- */

static void write_number(double x, FILE *out) {
    fputc(',', out);
    if (isfinite(x)) {
        fprintf(out, "%.17g", x);
    }
}

void export_csv_results(const struct export *x, FILE *out) {
    fputs("node,key,kappa,lambda,lattice,chains,configurations,thermalised,error_method", out);
    for (size_t i = 0; i < x->value_count; i++) {
        if (x->values[i].is_result) {
            fprintf(out, ",%s_value,%s_uncertainty", x->values[i].name, x->values[i].name);
        }
    }
    fprintf(out, "\n\"%s\",%s", x->node, x->key);
    write_number(x->kappa, out);
    write_number(x->lambda, out);
    for (size_t mu = 0; mu < x->dimensions; mu++) {
        fprintf(out, "%c%zu", mu ? 'x' : ',', x->extents[mu]);
    }
    fprintf(out, ",%zu,%zu,%d,%s", x->chains, x->chains * x->length, (int)x->thermalised, x->method);
    for (size_t i = 0; i < x->value_count; i++) {
        if (x->values[i].is_result) {
            write_number(x->values[i].value, out);
            write_number(x->values[i].error != 0 ? x->values[i].error : NAN, out);
        }
    }
    fputc('\n', out);
}

void export_csv_series(const struct export *x, FILE *out) {
    fputs("chain,configuration", out);
    for (size_t a = 0; a < x->series_count; a++) {
        fprintf(out, ",%s", x->series[a].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < x->chains * x->length; i++) {
        fprintf(out, "%zu,%zu", i / x->length, i % x->length);
        for (size_t a = 0; a < x->series_count; a++) {
            write_number(x->series[a].data[i], out);
        }
        fputc('\n', out);
    }
}

/* --- JSON ---------------------------------------------------------------------------------------- */

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* Without memory Jansson returns NULL, and accepts NULL everywhere: the failure shows in dump(). */
static json_t *lattice_of(const struct export *x) {
    json_t *lattice = json_array();
    for (size_t mu = 0; mu < x->dimensions; mu++) {
        json_array_append_new(lattice, json_integer((json_int_t)x->extents[mu]));
    }
    return lattice;
}

static json_t *description(const struct export *x) {
    json_t *o = json_object();
    json_object_set_new(o, "node", json_string(x->node));
    json_object_set_new(o, "key", json_string(x->key));
    json_object_set_new(o, "recipe", json_string(x->recipe));
    json_object_set_new(o, "fields_key", json_string(x->fields_key));
    json_object_set_new(o, "kappa", number(x->kappa));
    json_object_set_new(o, "lambda", number(x->lambda));
    json_object_set_new(o, "lattice", lattice_of(x));
    json_object_set_new(o, "chains", json_integer((json_int_t)x->chains));
    json_object_set_new(o, "configurations_per_chain", json_integer((json_int_t)x->length));
    json_object_set_new(o, "independent", json_boolean(x->independent));
    json_object_set_new(o, "thermalised", json_integer(x->thermalised));
    json_object_set_new(o, "error_method", json_string(x->method));
    json_object_set_new(o, "S", number(x->window));
    return o;
}

static enum status dump(json_t *o, char **text, struct error *e) {
    *text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    return *text ? STATUS_OK : error_set(e, STATUS_FAILED, "export: out of memory");
}

enum status export_json(const struct export *x, char **text, struct error *e) {
    json_t *o = description(x), *results = json_object(), *all = json_object();
    for (size_t i = 0; i < x->value_count; i++) {
        const struct export_value *v = &x->values[i];
        if (v->is_result) {
            json_object_set_new(results, v->name,
                                json_pack("{s:o,s:o,s:o,s:o}", "value", number(v->value), "uncertainty",
                                          number(v->error != 0 ? v->error : NAN), "tau_int", number(v->tau_int),
                                          "tau_int_uncertainty", number(v->tau_int_error)));
        }
    }
    for (size_t a = 0; a < x->series_count; a++) {
        json_t *chains = json_array();
        for (size_t c = 0; c < x->chains; c++) {
            json_t *chain = json_array();
            for (size_t i = 0; i < x->length; i++) {
                json_array_append_new(chain, number(x->series[a].data[c * x->length + i]));
            }
            json_array_append_new(chains, chain);
        }
        json_object_set_new(all, x->series[a].name, chains);
    }
    json_object_set_new(o, "results", results);
    json_object_set_new(o, "series", all);
    return dump(o, text, e);
}

/* --- pyerrors ------------------------------------------------------------------------------------ */

/* Position of a point on the Monte Carlo axis; gaps as long as a chain separate Markov chains. */
static size_t position_of(const struct export *x, size_t point) {
    const bool chains = x->window > 0.0 && x->points == x->chains * x->length;
    return 1 + point + (chains ? point / x->length * x->length : 0);
}

static bool is_number(const struct export *x, const struct export_value *v) {
    bool finite = isfinite(v->value) && isfinite(v->error);
    for (size_t i = 0; finite && i < x->points; i++) {
        finite = isfinite(v->fluctuations[i]);
    }
    return finite;
}

static json_t *observable(const struct export *x, const struct export_value *v) {
    json_t *deltas = json_array();
    for (size_t i = 0; i < x->points; i++) {
        json_array_append_new(deltas, json_pack("[I,f]", (json_int_t)position_of(x, i), v->fluctuations[i]));
    }
    return json_pack("{s:s,s:s,s:[f],s:[s],s:[{s:s,s:[{s:s,s:o}]}]}", "type", "Obs", "layout", "1", "value", v->value,
                     "tag", v->name, "data", "id", x->node, "replica", "name", x->node, "deltas", deltas);
}

enum status export_pyerrors(const struct export *x, char **text, struct error *e) {
    json_t *names = json_object(), *list = json_array(), *left_out = json_array();
    for (size_t i = 0; i < x->value_count; i++) {
        const struct export_value *v = &x->values[i];
        if (!is_number(x, v)) {
            json_array_append_new(left_out, json_string(v->name));
            continue;
        }
        char label[32];
        snprintf(label, sizeof label, "DICTOBS%zu", json_array_size(list));
        json_object_set_new(names, v->name, json_string(label));
        json_array_append_new(list, observable(x, v));
    }
    json_t *described = description(x);
    json_object_set_new(described, "left_out", left_out);
    return dump(json_pack("{s:s,s:s,s:{s:o,s:o},s:o}", "program", "dmsq", "version", "1.1", "description", "OBSDICT",
                          names, "description", described, "obsdata", list),
                text, e);
}

enum status export_gzip(const char *text, unsigned char **data, size_t *size, struct error *e) {
    const size_t length = strlen(text);
    z_stream z = {0};
    if (length > UINT32_MAX / 2 || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return error_set(e, STATUS_FAILED, "export: cannot compress %zu bytes at once", length);
    }
    const size_t room = deflateBound(&z, length);
    Bytef *in = (Bytef *)strdup(text); /* a copy, as zlib's input is not const */
    *data = malloc(room);
    z.next_in = in;
    z.avail_in = (uInt)length;
    z.next_out = *data;
    z.avail_out = (uInt)room;
    const bool fine = in && *data && deflate(&z, Z_FINISH) == Z_STREAM_END;
    *size = z.total_out;
    deflateEnd(&z);
    free(in);
    if (!fine) {
        free(*data);
        *data = NULL;
        return error_set(e, STATUS_FAILED, "export: out of memory");
    }
    return STATUS_OK;
}
