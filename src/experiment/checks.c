/* Texts and checks of nodes that depend on other nodes, before anything is computed; see expand.h. */
#include "experiment/expand.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "experiment/names.h"

/* --- texts that name parameters ------------------------------------------------------------------ */

/* The value of PARAMETER of NODE for "{NODE.PARAMETER}" in a text of `node`. If NODE is swept, the value is that of the
 * node with the same coordinates as `node`, or of the first one if `node` is NULL. NULL if there is none. */
static const char *value_of(struct pool *pool, const struct experiment *x, const struct node *node, const char *name,
                            size_t length) {
    const char *dot = memchr(name, '.', length);
    const char *first = dot ? pool_copy(pool, name, (size_t)(dot - name)) : NULL;
    const char *second = dot ? pool_copy(pool, dot + 1, length - (size_t)(dot - name) - 1) : NULL;
    const struct family *family = first && second ? find_family(x, first) : NULL;
    for (size_t i = 0; family && i < family->node_count; i++) {
        const struct node *other = family->nodes[i];
        for (size_t j = 0;
             (!node || nodes_agree(other, node->family, node->coordinates)) && j < parameters_count(other->parameters);
             j++) {
            if (!strcmp(parameters_entry(other->parameters, j)->name, second)) {
                const char *value = parameters_argument(other->parameters, j);
                char *copy = pool_copy(pool, value, strlen(value));
                for (char *c = copy; c && *c; c++) {
                    *c = *c == ',' ? 'x' : *c; /* 32x32 */
                }
                return copy;
            }
        }
    }
    return NULL;
}

const char *fill_in(struct pool *pool, const struct experiment *x, const struct node *node, const char *text) {
    const char *filled = "";
    bool any = false;
    for (const char *at = text, *end; *at && filled; at = end) {
        const char *open = strchr(at, '{'), *close = open ? strchr(open, '}') : NULL;
        const char *value = close ? value_of(pool, x, node, open + 1, (size_t)(close - open) - 1) : NULL;
        end = value ? close + 1 : open ? open + 1 : at + strlen(at);
        filled = pool_print(pool, "%s%.*s%s", filled, (int)(value ? open - at : end - at), at, value ? value : "");
        any = any || value;
    }
    return any || !filled ? filled : text;
}

enum status fill_in_texts(struct pool *pool, const struct experiment *x, const struct node *node, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < parameters_count(node->parameters) && status == STATUS_OK; i++) {
        const struct parameter *entry = parameters_entry(node->parameters, i);
        const char *text = entry->type == PARAMETER_TEXT ? parameters_text(node->parameters, entry->name) : "";
        const char *filled = fill_in(pool, x, node, text);
        if (!filled) {
            return pool_exhausted(e);
        }
        if (filled != text) {
            status = parameters_set(node->parameters, entry->name, filled, node->family->section->where, e);
        }
    }
    return status;
}

enum status name_altered_inputs(struct pool *pool, const struct node *node, struct error *e) {
    const char *list = "";
    for (size_t i = 0; i < node->stage->input_count && find_parameter(node->stage, "altered"); i++) {
        for (size_t j = 0; j < node->inputs[i].count && node->stage->inputs[i].many && list; j++) {
            if (node->inputs[i].nodes[j]->altered) {
                list = pool_print(pool, "%s%s%zu", list, *list ? "," : "", j + 1);
            }
        }
    }
    if (!list) {
        return pool_exhausted(e);
    }
    return *list ? parameters_set(node->parameters, "altered", list, "plan", e) : STATUS_OK;
}

/* --- random numbers that two nodes share --------------------------------------------------------- */

/* Parameters that do not change the random numbers, but only the number of configurations and their distance. */
static bool is_amount(const char *name) {
    static const char *const names[] = {"configurations", "chains", "thermalisation", "stride", "test-chains"};
    return words_find(names, sizeof names / sizeof *names, name) >= 0;
}

static bool share_random_numbers(const struct node *a, const struct node *b) {
    if (a->stage != b->stage || !find_parameter(a->stage, "seed") || !find_parameter(a->stage, "configurations")) {
        return false;
    }
    for (size_t i = 0; i < parameters_count(a->parameters); i++) {
        if (!is_amount(parameters_entry(a->parameters, i)->name) &&
            strcmp(parameters_canonical(a->parameters, i), parameters_canonical(b->parameters, i))) {
            return false;
        }
    }
    for (size_t i = 0; i < a->stage->input_count; i++) {
        if (a->inputs[i].count != b->inputs[i].count) {
            return false;
        }
        for (size_t j = 0; j < a->inputs[i].count; j++) {
            if (strcmp(a->inputs[i].nodes[j]->key, b->inputs[i].nodes[j]->key)) {
                return false;
            }
        }
    }
    return true;
}

/* A node that depends on both a and b, and would take them as independent; NULL if there is none. `marks` is scratch,
 * [node_count]. */
static const struct node *find_meeting(const struct experiment *x, const struct node *a, const struct node *b,
                                       unsigned char *marks) {
    for (size_t i = 0; i < x->node_count; i++) {
        const struct node *node = x->nodes[i];
        marks[i] = (unsigned char)((node == a) | (node == b) << 1);
        for (size_t j = 0; j < node->stage->input_count; j++) {
            for (size_t k = 0; k < node->inputs[j].count; k++) {
                marks[i] |= marks[node->inputs[j].nodes[k]->index];
            }
        }
        if (marks[i] == 3) {
            return node;
        }
    }
    return NULL;
}

enum status check_shared_random_numbers(struct pool *pool, const struct experiment *x, struct error *e) {
    unsigned char *marks = pool_take(pool, x->node_count + 1);
    if (!marks) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < x->node_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct node *a = x->nodes[j], *b = x->nodes[i];
            const struct node *meeting =
                a->family != b->family && share_random_numbers(a, b) ? find_meeting(x, a, b, marks) : NULL;
            if (meeting) {
                const char *seed = "";
                for (size_t k = 0; k < parameters_count(a->parameters); k++) {
                    seed = strcmp(parameters_entry(a->parameters, k)->name, "seed")
                               ? seed
                               : parameters_canonical(a->parameters, k);
                }
                return error_set(e, STATUS_BAD_INPUT,
                                 "%s: %s and %s have the same random numbers (seed = %s), so that one is equal to or a "
                                 "part of the other, but %s depends on both; expected different seeds",
                                 b->family->section->where, a->name, b->name, seed, meeting->name);
            }
        }
    }
    return STATUS_OK;
}
