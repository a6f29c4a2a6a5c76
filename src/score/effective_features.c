/* Lists and names of features; the contract is in effective_features.h. */
#include "score/effective_features.h"

#include <stdio.h>
#include <string.h>

static void add(struct effective_features *f, struct effective_feature feature) {
    if (f->count < EFFECTIVE_FEATURES) {
        f->list[f->count] = feature;
    }
    f->count++;
}

/* u is left out, since it is not bounded. With bounded features the flow stays finite for any coefficients. */
static void add_local(struct effective_features *f, const struct effective_families *families) {
    for (int p = families->even ? 0 : 1; p <= families->local; p += families->even ? 1 : 2) {
        add(f, (struct effective_feature){.kind = EFFECTIVE_LOCAL, .power = p});
    }
}

static bool allows(int limit, int power) {
    return limit == 0 || power <= limit;
}

/* All t^p (C^n * t^q) with p + q >= 3 (with even features >= 2) that respect the symmetry. t^0 (C^n * t^1) is linear
 * and has its own number of kernels. */
static void add_pairs(struct effective_features *f, const struct effective_families *families) {
    for (int n = 1; n <= families->kernels; n++) {
        for (int sum = families->even ? 2 : 3; sum <= families->pair; sum += families->even ? 1 : 2) {
            for (int q = sum; q >= 1; q--) {
                if (allows(families->outer, sum - q) && allows(families->inner, q)) {
                    add(f,
                        (struct effective_feature){.kind = EFFECTIVE_PAIR, .kernel = n, .power = sum - q, .inner = q});
                }
            }
        }
    }
    for (int n = 1; n <= families->linear_pairs; n++) {
        add(f, (struct effective_feature){.kind = EFFECTIVE_PAIR, .kernel = n, .power = 0, .inner = 1});
    }
}

static void add_zero(struct effective_features *f, const struct effective_families *families) {
    if (families->even) {
        return;
    }
    for (int p = 3; p <= families->zero; p += 2) {
        add(f, (struct effective_feature){.kind = EFFECTIVE_ZERO, .power = p});
    }
    for (int sum = 3; sum <= families->zero - 2; sum += 2) {
        for (int b = sum - 1; b >= 1; b--) {
            add(f, (struct effective_feature){.kind = EFFECTIVE_ZERO_LOCAL, .power = sum - b, .inner = b});
        }
    }
}

enum status effective_features_make(const struct effective_families *families, struct effective_features *f,
                                    struct error *e) {
    f->count = 0;
    add_local(f, families);
    add_pairs(f, families);
    add_zero(f, families);
    if (f->count > EFFECTIVE_FEATURES) {
        return error_set(e, STATUS_BAD_INPUT, "effective-action model: %zu features, expected at most %d", f->count,
                         EFFECTIVE_FEATURES);
    }
    return STATUS_OK;
}

bool effective_feature_is_graph(const struct effective_feature *f) {
    return f->kind == EFFECTIVE_PAIR && f->power + f->inner > 1;
}

void effective_feature_name(const struct effective_feature *f, char name[EFFECTIVE_NAME]) {
    switch (f->kind) {
    case EFFECTIVE_LINEAR:
        snprintf(name, EFFECTIVE_NAME, "u");
        break;
    case EFFECTIVE_LOCAL:
        snprintf(name, EFFECTIVE_NAME, "t^%d", f->power);
        break;
    case EFFECTIVE_PAIR:
        snprintf(name, EFFECTIVE_NAME, "t^%d (C^%d * t^%d)", f->power, f->kernel, f->inner);
        break;
    case EFFECTIVE_ZERO:
        snprintf(name, EFFECTIVE_NAME, "t0^%d", f->power);
        break;
    case EFFECTIVE_ZERO_LOCAL:
        snprintf(name, EFFECTIVE_NAME, "t0^%d t^%d", f->inner, f->power);
        break;
    }
}

/* Whether the numbers lie in their ranges and the name is written as effective_feature_name writes it. */
static bool is_named(const struct effective_feature *f, const char *name) {
    char own[EFFECTIVE_NAME];
    if (f->power < 0 || f->power >= EFFECTIVE_POWERS - 1 || f->inner < 0 || f->inner >= EFFECTIVE_POWERS - 1 ||
        f->kernel < 0 || f->kernel > EFFECTIVE_KERNELS) {
        return false;
    }
    effective_feature_name(f, own);
    return strcmp(own, name) == 0;
}

bool effective_feature_parse(const char *name, struct effective_feature *f) {
    int a, b, c;
    *f = (struct effective_feature){.kind = EFFECTIVE_LINEAR};
    if (sscanf(name, "t^%2d (C^%2d * t^%2d)", &a, &b, &c) == 3) {
        *f = (struct effective_feature){.kind = EFFECTIVE_PAIR, .power = a, .kernel = b, .inner = c};
    } else if (sscanf(name, "t0^%2d t^%2d", &a, &b) == 2) {
        *f = (struct effective_feature){.kind = EFFECTIVE_ZERO_LOCAL, .power = b, .inner = a};
    } else if (sscanf(name, "t0^%2d", &a) == 1) {
        *f = (struct effective_feature){.kind = EFFECTIVE_ZERO, .power = a};
    } else if (sscanf(name, "t^%2d", &a) == 1) {
        *f = (struct effective_feature){.kind = EFFECTIVE_LOCAL, .power = a};
    }
    return is_named(f, name) && (f->kind != EFFECTIVE_PAIR || (f->kernel >= 1 && f->inner >= 1)) &&
           (f->kind != EFFECTIVE_ZERO_LOCAL || (f->power >= 1 && f->inner >= 1)) &&
           (f->kind != EFFECTIVE_ZERO || f->power >= 1);
}
