/* A table of observables: reads rows and compares them with published values and the equilibrium run. See table.h. */
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *tex, *meaning, *print;
} known[] = {
    {"M", "\\langle M\\rangle", "mean of the field over the sites", "⟨M⟩"},
    {"chi2", "\\chi_2", "two-point susceptibility, `V(<M^2> - <M>^2)`", "χ₂"},
    {"U_L", "U_L", "Binder cumulant, `1 - <M^4>/(3 <M^2>^2)`", "U_L"},
    {"abs_M", "\\langle|M|\\rangle", "magnitude of the mean field, `|mean phi|`", "⟨|M|⟩"},
    {"mean_abs_phi", "\\langle|\\phi|\\rangle", "mean of `|phi|` over the sites (A 4.12 as printed)", "⟨|φ|⟩"},
    {"phi2", "\\langle\\phi^2\\rangle", "mean of `phi^2`", "⟨φ²⟩"},
    {"action", "\\langle S\\rangle/V", "action per site", "⟨S⟩/V"},
    {"virial", "\\langle\\phi\\,\\partial S/\\partial\\phi\\rangle", "mean of `phi dS/dphi`, 1 in equilibrium",
     "⟨φ ∂S/∂φ⟩"},
    {"walls", "w", "fraction of the bonds whose ends have opposite signs", "walls"},
    {"walled", "\\mathrm{walled}", "fraction of the configurations with domain walls that wind around the lattice",
     "walled"},
    {"xi", "\\xi", "second-moment correlation length in lattice units; nan where G(0) < G(p) at the smallest p", "ξ"},
    {"R2", "R^2", "share of the variance of S that S_eff = -log q explains (A 4.9)", "R²"},
    {"slope", "\\mathrm{slope}", "slope of S_eff against S by least squares", "slope"},
    {"var_log_w", "\\mathrm{Var}\\log w", "variance of the log-weights, `log w = -S - log q`", "Var log w"},
    {"var_probes", "\\mathrm{Var}_v\\log q",
     "part of it that comes from the random probes of the divergence; nan: there are none", "Var log q of the probes"},
    {"step_error", "\\delta\\log w", "what twice the integrator's steps change in log w, root mean square",
     "change of log w with twice the steps"},
    {"rejected", "n_\\mathrm{rejected}",
     "proposals that left the finite numbers or the phase; they count with weight 0", "rejected"},
    {"effective_sample_size", "\\mathrm{ESS}/N", "effective sample size, a fraction, `<w>^2/<w^2>`", "ESS/N"},
    {"acceptance", "p_\\mathrm{acc}", "acceptance rate of the chain, or expected from the weights where there is none",
     "acceptance"},
    {"acceptance_expected", "p_\\mathrm{acc}(w)",
     "acceptance rate of the independence chain in equilibrium, from the weights", "acceptance from the weights"},
    {"acceptance_gaussian", "\\mathrm{erfc}", "what it is for Gaussian log-weights, `erfc(sqrt(var_log_w)/2)`",
     "acceptance of Gaussian weights"},
    {"tau_int_abs_M", "\\tau_{|M|}", "integrated autocorrelation time of `|mean phi|` as published (A 4.14)",
     "τ of |M|, as published"},
    {"tau_right_abs_M", "\\tau_{|M|}^{\\Gamma}",
     "the same from a long run by the Gamma method; nan: longer than the run can tell", "τ of |M|, Gamma method"},
    {"tau_int_mean_abs_phi", "\\tau_{|\\phi|}",
     "integrated autocorrelation time of the mean of `|phi|` (A 4.12) as published", "τ of |φ|, as published"},
    {"tau_right_mean_abs_phi", "\\tau_{|\\phi|}^{\\Gamma}", "the same from a long run by the Gamma method",
     "τ of |φ|, Gamma method"},
};

static int find_known(const char *observable) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, observable) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *observable_meaning(const char *observable) {
    const int i = find_known(observable);
    return i < 0 ? "" : known[i].meaning;
}

const char *observable_print(const char *observable) {
    const int i = find_known(observable);
    return i < 0 ? observable : known[i].print;
}

const char *observable_tex(const char *observable) {
    const int i = find_known(observable);
    return i < 0 ? NULL : known[i].tex;
}

enum status table_row_read(const struct npz *observables, const char *dataset, const char *label, struct table_row *row,
                           struct error *e) {
    *row = (struct table_row){.dataset = dataset, .label = label};
    return estimates_read(observables, &row->estimates, e);
}

void table_row_free(struct table_row *row) {
    estimates_free(&row->estimates);
    *row = (struct table_row){0};
}

static const struct table_row *find_row(const struct table *table, const char *dataset) {
    for (size_t i = 0; i < table->rows; i++) {
        if (strcmp(table->row[i].dataset, dataset) == 0) {
            return &table->row[i];
        }
    }
    return NULL;
}

static bool find_observable(const struct table_row *row, const char *observable, size_t *index) {
    return estimates_find(&row->estimates, observable, strlen(observable), index);
}

static const struct published_value *find_published(const struct table_row *row, const struct published *published,
                                                    const char *experiment, const char *observable) {
    return row->altered ? NULL : published_find(published, experiment, row->dataset, observable);
}

/* Chooses the columns: those with a published value in any row first, otherwise in the given order. */
static enum status choose_columns(struct table *table, const char *experiment, const struct report_list *observables,
                                  const struct published *published, struct error *e) {
    for (size_t i = 0; i < observables->count; i++) {
        const char *name = observables->item[i];
        bool found = false;
        size_t index;
        for (size_t r = 0; r < table->rows; r++) {
            found = found || find_observable(&table->row[r], name, &index);
        }
        if (!found) {
            char have[512] = "";
            for (size_t k = 0; k < table->row[0].estimates.count; k++) {
                size_t length = strlen(have);
                snprintf(have + length, sizeof have - length, "%s%s", k > 0 ? ", " : "",
                         table->row[0].estimates.names[k]);
            }
            return error_set(e, STATUS_BAD_INPUT,
                             "parameter observables: found '%s', expected names of observables in the rows (%s)", name,
                             have);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(observables->item[j], name) == 0) {
                return error_set(e, STATUS_BAD_INPUT, "parameter observables: found '%s' twice", name);
            }
        }
    }
    for (int others = 0; others <= 1; others++) {
        for (size_t i = 0; i < observables->count; i++) {
            bool has = false;
            for (size_t r = 0; r < table->rows; r++) {
                has = has || find_published(&table->row[r], published, experiment, observables->item[i]) != NULL;
            }
            if (has == !others) {
                table->observable[table->columns] = strdup(observables->item[i]);
                if (table->observable[table->columns] == NULL) {
                    return error_set(e, STATUS_FAILED, "out of memory for a table");
                }
                table->columns++;
                table->published += has;
            }
        }
    }
    return STATUS_OK;
}

static void fill_cell(struct table *table, size_t r, size_t c, const char *experiment,
                      const struct published *published) {
    struct table_cell *cell = &table->cell[r * table->columns + c];
    *cell = (struct table_cell){.pull = (double)NAN, .pull_equilibrium = (double)NAN};
    const struct table_row *row = &table->row[r];
    size_t i, k;
    cell->published = find_published(row, published, experiment, table->observable[c]);
    table->matched += cell->published != NULL;
    if (!find_observable(row, table->observable[c], &i)) {
        return;
    }
    cell->present = true;
    cell->value = row->estimates.values[i];
    cell->error = row->estimates.errors[i];
    cell->tau_int = row->estimates.tau_int[i];
    cell->tau_int_error = row->estimates.tau_int_error[i];
    if (cell->published != NULL) {
        cell->pull = report_pull(cell->value, cell->error, cell->published->value, cell->published->error);
    }
    const struct table_row *equilibrium = find_row(table, "equilibrium");
    if (equilibrium != NULL && equilibrium != row && find_observable(equilibrium, table->observable[c], &k)) {
        cell->pull_equilibrium =
            report_pull(cell->value, cell->error, equilibrium->estimates.values[k], equilibrium->estimates.errors[k]);
    }
}

enum status table_new(const char *title, const char *notes, const char *experiment, const struct table_row *rows,
                      size_t row_count, const struct report_list *observables, const struct published *published,
                      struct table *table, struct error *e) {
    *table = (struct table){.title = title, .experiment = experiment, .rows = row_count, .row = rows};
    enum status status = report_split(notes, '|', &table->notes, e);
    table->observable = calloc(observables->count + 1, sizeof *table->observable);
    table->cell = calloc(observables->count * row_count + 1, sizeof *table->cell);
    if (status == STATUS_OK && (table->observable == NULL || table->cell == NULL)) {
        status = error_set(e, STATUS_FAILED, "out of memory for a table");
    }
    if (status == STATUS_OK && (row_count == 0 || observables->count == 0)) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "found %zu rows and %zu observables, expected at least one of each in a table", row_count,
                           observables->count);
    }
    THEN(status, choose_columns(table, experiment, observables, published, e));
    if (status != STATUS_OK) {
        table_free(table);
        return status;
    }
    table->equilibrium = find_row(table, "equilibrium") != NULL;
    for (size_t r = 0; r < table->rows; r++) {
        for (size_t c = 0; c < table->columns; c++) {
            fill_cell(table, r, c, experiment, published);
        }
    }
    return STATUS_OK;
}

void table_free(struct table *table) {
    for (size_t i = 0; table->observable != NULL && i < table->columns; i++) {
        free(table->observable[i]);
    }
    free(table->observable);
    free(table->cell);
    report_list_free(&table->notes);
    *table = (struct table){0};
}

const struct table_cell *table_cell(const struct table *table, size_t row, size_t column) {
    return &table->cell[row * table->columns + column];
}
