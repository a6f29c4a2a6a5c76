/* The network of the toy model against its definition in double precision, and the definition against finite
 * differences. */
#include "network/mlp.h"
#include "tests/network/cpu.h"

static const struct mlp_shape shapes[] = {{64, 64}, {5, 6}, {1, 2}, {33, 40}};

struct setup {
    struct mlp_shape shape;
    struct mlp_tensor list[MLP_TENSORS];
    size_t total;
    double *weights, *frequencies;
};

static struct setup setup_new(struct mlp_shape shape) {
    struct setup p = {.shape = shape};
    struct error e = {0};
    p.total = mlp_tensors(&shape, p.list);
    float *weights = test_floats(p.total);
    assert_ok(mlp_initialise(&shape, 7, weights, &e));
    p.weights = to_reals(p.total, weights);
    p.frequencies = test_reals((size_t)shape.embedding / 2);
    test_normal("frequencies", p.frequencies, (size_t)shape.embedding / 2);
    round_to_float((size_t)shape.embedding / 2, p.frequencies);
    free(weights);
    return p;
}

static void setup_free(struct setup *p) {
    free(p->weights);
    free(p->frequencies);
}

static double swish(double a) {
    return a / (1 + exp(-a));
}

static const double *array(const struct setup *p, const double *weights, const char *name) {
    for (int i = 0; i < MLP_TENSORS; i++) {
        if (strcmp(p->list[i].name, name) == 0) {
            return weights + p->list[i].offset;
        }
    }
    fail_msg("no array %s", name);
    return NULL;
}

/* F(x, t) by the definition in mlp.h. */
static double definition(const struct setup *p, const double *weights, double x, double t) {
    const int H = p->shape.width, E = p->shape.embedding;
    double features[64], e[64], h[64], next[64];
    for (int j = 0; j < E / 2; j++) {
        features[j] = sin(2 * 3.14159265358979324 * p->frequencies[j] * t);
        features[E / 2 + j] = cos(2 * 3.14159265358979324 * p->frequencies[j] * t);
    }
    for (int i = 0; i < E; i++) {
        double sum = array(p, weights, "embed.bias")[i];
        for (int j = 0; j < E; j++) {
            sum += array(p, weights, "embed.weight")[i * E + j] * features[j];
        }
        e[i] = swish(sum);
    }
    h[0] = x;
    for (int l = 1; l <= 3; l++) {
        const int inputs = l == 1 ? 1 : H;
        char layer[32], dense[32], bias[32];
        snprintf(layer, sizeof layer, "layer%d.weight", l);
        snprintf(dense, sizeof dense, "dense%d.weight", l);
        snprintf(bias, sizeof bias, "dense%d.bias", l);
        for (int i = 0; i < H; i++) {
            double sum = array(p, weights, bias)[i];
            for (int j = 0; j < E; j++) {
                sum += array(p, weights, dense)[i * E + j] * e[j];
            }
            for (int j = 0; j < inputs; j++) {
                sum += array(p, weights, layer)[i * inputs + j] * h[j];
            }
            next[i] = swish(sum);
        }
        memcpy(h, next, sizeof h);
    }
    double out = array(p, weights, "output.bias")[0];
    for (int i = 0; i < H; i++) {
        out += array(p, weights, "output.weight")[i] * h[i];
    }
    return out;
}

static const double x[8] = {0.5, -3, 0, 12.25, 1, -0.125, 2, -30}, t[8] = {1, 0.5, 0.125, 0, 0.75, 0.25, 0.0625, 1},
                    g[8] = {1, -0.5, 2, 0.25, -1, 1.5, 0.75, -2};

struct network {
    struct mlp *network;
    struct mlp_workspace *ws;
};

static struct network network_new(const struct setup *p) {
    struct network n;
    struct error e = {0};
    float *weights = to_floats(p->total, p->weights),
          *frequencies = to_floats((size_t)p->shape.embedding / 2, p->frequencies);
    assert_ok(mlp_new(&p->shape, frequencies, 8, &n.network, &e));
    mlp_set_weights(n.network, weights);
    assert_ok(mlp_workspace_new(n.network, &n.ws, &e));
    free(weights);
    free(frequencies);
    return n;
}

static void network_free(struct network *n) {
    mlp_workspace_free(n->ws);
    mlp_free(n->network);
}

static void near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.9g, expected %.9g +- %.2g", found, expected, tolerance);
    }
}

static void check_shape(struct mlp_shape shape, int n) {
    struct setup p = setup_new(shape);
    struct network net = network_new(&p);
    float *xf = to_floats(8, x), *tf = to_floats(8, t), *gf = to_floats(8, g), out[8], dx[8];
    float *gradient = test_floats(p.total), *again = test_floats(p.total);
    mlp_forward(net.ws, n, xf, tf, out);
    mlp_backward(net.ws, n, gf, dx, gradient);
    for (int b = 0; b < n; b++) {
        const double step = 1e-5;
        const double slope =
            (definition(&p, p.weights, x[b] + step, t[b]) - definition(&p, p.weights, x[b] - step, t[b])) / (2 * step);
        near((double)out[b], definition(&p, p.weights, x[b], t[b]), 2e-5);
        near((double)dx[b], g[b] * slope, 2e-5);
    }
    double *moved = test_reals(p.total);
    memcpy(moved, p.weights, p.total * sizeof *moved);
    for (int i = 0; i < MLP_TENSORS; i++) { /* some of every array, the first and the last among them */
        for (size_t k = 0; k < p.list[i].count; k += 1 + (p.list[i].count - 1) / 5) {
            const size_t at = p.list[i].offset + k;
            double sum[2] = {0, 0};
            const double step = 1e-5;
            for (int side = 0; side < 2; side++) {
                moved[at] = p.weights[at] + (side ? -step : step);
                for (int b = 0; b < n; b++) {
                    sum[side] += g[b] * definition(&p, moved, x[b], t[b]);
                }
            }
            moved[at] = p.weights[at];
            near((double)gradient[at], (sum[0] - sum[1]) / (2 * step), 1e-4 * (1 + fabs((double)gradient[at])));
        }
    }
    /* repeated calls, and calls for a part of the results, give the same bits */
    float other[8];
    mlp_backward(net.ws, n, gf, other, NULL);
    assert_memory_equal(other, dx, (size_t)n * sizeof *dx);
    mlp_backward(net.ws, n, gf, NULL, again);
    assert_memory_equal(again, gradient, p.total * sizeof *again);
    float *all[] = {xf, tf, gf, gradient, again};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    free(moved);
    network_free(&net);
    setup_free(&p);
}

static void test_against_definition(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_shape(shapes[i], 8);
        check_shape(shapes[i], 3);
    }
}

/* Results do not depend on other numbers of the batch. */
static void test_batches(void **state) {
    (void)state;
    struct setup p = setup_new(shapes[0]);
    struct network net = network_new(&p);
    float *xf = to_floats(8, x), *tf = to_floats(8, t), all[8], one;
    mlp_forward(net.ws, 8, xf, tf, all);
    for (int b = 0; b < 8; b++) {
        mlp_forward(net.ws, 1, xf + b, tf + b, &one);
        assert_memory_equal(&one, &all[b], sizeof one);
    }
    free(xf);
    free(tf);
    network_free(&net);
    setup_free(&p);
}

static void test_refusals(void **state) {
    (void)state;
    struct error e = {0};
    assert_int_equal(mlp_check(&(struct mlp_shape){0, 4}, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "width is 0"));
    assert_int_equal(mlp_check(&(struct mlp_shape){4, 5}, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "embedding is 5"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_definition),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
