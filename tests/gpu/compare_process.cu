/* The operators of training, sampling and scoring other than the network: random numbers, filters, the score, noisy
 * fields and loss of a training step, a step of the reverse process, Adam, probes and traces. Random numbers, and
 * operators with the same rounding on both sides, are compared bit by bit; others with their formula in double
 * precision, to 1e-6. */
#include <signal.h>

#include "cuda/numbers.h"
#include "tests/gpu/device.h"
extern "C" {
#include "base/sum.h"
#include "lattice/fourier.h"
}

#define EXACT 2e-6
#define FILTERED 1e-6 /* computed in double precision, stored in single */

enum { N = 3, H = 6, W = 10, V = H * W };
static const struct sites map = {H, W, 0, 1};
static const struct random_key key = {{17, 4}};

/* Frames of N configurations, and counters of steps, on the device. */
struct setting {
    std::vector<struct score_frame> frame;
    struct score_frame *frame_d;
    uint32_t *counter; /* 0, 1, 2, ... */
};

static enum status make_setting(struct shelf *s, struct setting *t, struct error *e) {
    const std::vector<uint32_t> count = {0, 1, 2, 3};
    t->frame.resize(N);
    for (int n = 0; n < N; n++) {
        t->frame[n] = {0.1f * (float)n,         0.7f + 0.2f * (float)n,
                       0.5f + 0.25f * (float)n, n == 1 ? 0 : -0.3f * (float)(n + 1),
                       0.4 + 0.8 * n,           0};
    }
    TRY(s->put(&t->counter, count, e));
    return s->put(&t->frame_d, t->frame, e);
}

/* --- random numbers ------------------------------------------------------------------------------ */

static enum status compare_numbers(struct device *d, struct error *e) {
    struct shelf s = {d, {}};
    const std::vector<uint64_t> numbers = {5, 900, (uint64_t)1 << 33}, first = {41};
    uint64_t *numbers_d, *first_d;
    struct setting t;
    float *z_d;
    floats found, normal(N * V), signs(N * V), unit(N * V);
    TRY(make_setting(&s, &t, e));
    TRY(s.put(&numbers_d, numbers, e));
    TRY(s.put(&first_d, first, e));
    TRY(s.room(&z_d, N * V, e));
    TRY(process_prior(map, N, {key, first_d, NULL}, 1, z_d, d->stream, e));
    TRY(s.get(&found, z_d, N * V, e));
    for (size_t n = 0; n < N; n++) {
        random_normal_float(key, 41 + n, 0, &normal[n * V], V);
    }
    report(d, "Gaussians of a prior: numbers whose bits differ, CPU", unlike(found, normal), 0);
    TRY(process_noise(map, N, {key, first_d, NULL}, t.counter + 3, z_d, d->stream, e));
    TRY(s.get(&found, z_d, N * V, e));
    for (size_t n = 0; n < N; n++) {
        random_normal_float(key, 41 + n, 3, &normal[n * V], V);
    }
    report(d, "Gaussians of a step: numbers whose bits differ, CPU", unlike(found, normal), 0);
    for (size_t n = 0; n < N; n++) {
        uint32_t word[4];
        random_normal_float(key, numbers[n], 2, &normal[n * V], V);
        random_block(key, numbers[n], 2, 0, word);
        for (size_t i = 0; i < V; i++) {
            signs[n * V + i] = word[i / 32] >> (i % 32) & 1 ? 1.0f : -1.0f;
        }
        unit[n * V + 2] = 1;
    }
    const floats *expected[3] = {&normal, &signs, &unit};
    static const char *const name[3] = {"probes, normal: numbers whose bits differ, CPU",
                                        "probes, signs: numbers whose bits differ, CPU",
                                        "probes, unit vectors: numbers whose bits differ, CPU"};
    for (int kind = 0; kind < 3; kind++) {
        TRY(process_draw_probe(map, N, key, numbers_d, t.counter + 2, kind == 1, kind == 2, z_d, d->stream, e));
        TRY(s.get(&found, z_d, N * V, e));
        report(d, name[kind], unlike(found, *expected[kind]), 0);
    }
    return STATUS_OK;
}

/* --- filters ------------------------------------------------------------------------------------- */

/* A propagator that is symmetric under reflections only. */
static doubles propagator_of(void) {
    doubles g(V);
    for (int i = 0; i < H; i++) {
        for (int j = 0; j < W; j++) {
            g[i * W + j] = 1 / (0.3 + 0.5 * (1 - cos(2 * M_PI * i / H)) + 0.2 * (1 - cos(2 * M_PI * j / W)));
        }
    }
    return g;
}

static doubles cas_of(int extent) {
    doubles t((size_t)(extent * extent));
    for (int i = 0; i < extent; i++) {
        for (int j = 0; j < extent; j++) {
            t[i * extent + j] = cos(2 * M_PI * (i * j % extent) / extent) + sin(2 * M_PI * (i * j % extent) / extent);
        }
    }
    return t;
}

static enum status filtered(const doubles &gain, const float *in, float *out, struct error *e) {
    const size_t extents[2] = {H, W};
    struct fourier *f;
    TRY(fourier_new(extents, 2, &f, e));
    doubles x(in, in + V), work(fourier_workspace(f));
    fourier_filter(f, gain.data(), x.data(), x.data(), work.data());
    fourier_free(f);
    for (size_t i = 0; i < V; i++) {
        out[i] = (float)x[i];
    }
    return STATUS_OK;
}

static enum status compare_filters(struct device *d, struct error *e) {
    struct shelf s = {d, {}};
    const doubles g = propagator_of();
    const std::vector<struct backend_move> moves = {{0, 0, true, 0.1}, {0, 0, true, 0.3}};
    floats in = noise("filter", N * V), found, expected(N * V);
    struct setting t;
    struct filter f = {H, W, NULL, NULL, NULL, NULL};
    struct backend_move *moves_d;
    double *table[3];
    float *in_d, *out_d;
    TRY(make_setting(&s, &t, e));
    TRY(s.put(&table[0], cas_of(H), e));
    TRY(s.put(&table[1], cas_of(W), e));
    TRY(s.put(&table[2], g, e));
    f.cas_height = table[0], f.cas_width = table[1], f.propagator = table[2];
    TRY(s.room(&f.workspace, N * 2 * V, e));
    TRY(s.put(&moves_d, moves, e));
    TRY(s.put(&in_d, in, e));
    TRY(s.room(&out_d, N * V, e));
    doubles gain(V);
    TRY(filter_score(&f, N, {t.frame_d, t.counter, 0, 1}, in_d, out_d, d->stream, e));
    TRY(s.get(&found, out_d, N * V, e));
    for (int n = 0; n < N; n++) {
        const double own = t.frame[n].noise;
        for (size_t p = 0; p < V; p++) {
            gain[p] = -own / (g[p] + own * own);
        }
        TRY(filtered(gain, &in[n * V], &expected[n * V], e));
    }
    report(d, "Wiener filter, CPU", deviation(found, expected), FILTERED);
    /* step 1, all configurations at the noise of frame 1 */
    const double own = t.frame[1].noise, next = moves[1].next;
    TRY(filter_colour(&f, N, {t.frame_d, t.counter + 1, 1, 0}, moves_d, in_d, d->stream, e));
    TRY(s.get(&found, in_d, N * V, e));
    for (size_t p = 0; p < V; p++) {
        gain[p] = sqrt((own * own - next * next) * (g[p] + next * next) / (g[p] + own * own));
    }
    for (int n = 0; n < N; n++) {
        TRY(filtered(gain, &in[n * V], &expected[n * V], e));
    }
    report(d, "coloured noise, CPU", deviation(found, expected), FILTERED);
    return STATUS_OK;
}

/* --- around the network -------------------------------------------------------------------------- */

/* Taps like those of the network's last layer, with the linear part of a wiener model, on host and device. */
struct outcome {
    floats taps, bias, linear;
    struct surroundings there;
    float *taps_d, *bias_d, *linear_d;
};

static enum status make_outcome(struct shelf *s, const struct setting *t, struct outcome *o, struct error *e) {
    o->taps = noise("taps", N * 9 * V);
    o->bias = {0.25f};
    o->linear = noise("linear", N * V);
    TRY(s->put(&o->taps_d, o->taps, e));
    TRY(s->put(&o->bias_d, o->bias, e));
    TRY(s->put(&o->linear_d, o->linear, e));
    o->there = {map, {t->frame_d, t->counter, 0, 1}, o->taps_d, o->bias_d, o->linear_d};
    return STATUS_OK;
}

static double sum_of_taps(const struct outcome &o, size_t i) {
    const int n = (int)(i / V), p = (int)(i % V);
    double sum = 0;
    for (int k = 0; k < 9; k++) {
        const int row = (p / W + 1 - k / 3 + H) % H, column = (p % W + 1 - k % 3 + W) % W;
        sum += (double)o.taps[(size_t)((n * 9 + k) * V + row * W + column)];
    }
    return sum;
}

static double score_of(const struct outcome &o, const struct score_frame &f, const floats &phi, size_t i) {
    const double network = sum_of_taps(o, i) + (double)o.bias[0];
    return (double)f.skip * (double)phi[i] + (double)f.output * network + (double)o.linear[i];
}

static enum status compare_scores(struct device *d, struct error *e) {
    struct shelf s = {d, {}};
    struct setting t;
    struct outcome o;
    const floats phi = noise("phi", N * V);
    float *phi_d, *out_d;
    floats found;
    doubles expected(N * V), sums(N);
    TRY(make_setting(&s, &t, e));
    TRY(make_outcome(&s, &t, &o, e));
    TRY(s.put(&phi_d, phi, e));
    TRY(s.room(&out_d, N * V, e));
    TRY(process_input(map, N, o.there.frames, phi_d, out_d, d->stream, e));
    TRY(s.get(&found, out_d, N * V, e));
    for (size_t i = 0; i < N * V; i++) {
        expected[i] = (double)(t.frame[i / V].input * phi[i]);
    }
    report(d, "input of the network, formula", deviation(found, expected), 0);
    TRY(process_probe(map, N, o.there.frames, phi_d, out_d, d->stream, e));
    TRY(s.get(&found, out_d, N * V, e));
    for (size_t i = 0; i < N * V; i++) {
        expected[i] = (double)(t.frame[i / V].output * phi[i]);
    }
    report(d, "probe of the network, formula", deviation(found, expected), 0);
    TRY(process_score(o.there, N, phi_d, out_d, d->stream, e));
    TRY(s.get(&found, out_d, N * V, e));
    for (size_t i = 0; i < N * V; i++) {
        expected[i] = score_of(o, t.frame[i / V], phi, i);
    }
    report(d, "score from the network's output, formula", deviation(found, expected), EXACT);
    TRY(process_product(o.there, N, phi_d, out_d, d->stream, e));
    TRY(s.get(&found, out_d, N * V, e));
    for (size_t i = 0; i < N * V; i++) {
        const struct score_frame &f = t.frame[i / V];
        expected[i] = (double)f.skip * (double)phi[i] + (double)f.input * sum_of_taps(o, i) + (double)o.linear[i];
    }
    report(d, "vector-Jacobian product from the network's, formula", deviation(found, expected), EXACT);
    double *traces;
    TRY(s.room(&traces, N * 3, e));
    TRY(process_trace(map, N, phi_d, out_d, t.counter + 1, 3, 0, traces, d->stream, e));
    doubles found_traces, product(V);
    TRY(s.get(&found_traces, traces, N * 3, e));
    expected.assign(N * 3, 0);
    for (size_t n = 0; n < N; n++) {
        for (size_t i = 0; i < V; i++) {
            product[i] = (double)phi[n * V + i] * (double)found[n * V + i];
        }
        expected[n * 3 + 1] = sum_tree(product.data(), V);
    }
    report(d, "traces of probes: numbers whose bits differ, CPU", unlike(found_traces, expected), 0);
    return STATUS_OK;
}

static enum status compare_move(struct device *d, struct error *e) {
    struct shelf s = {d, {}};
    struct setting t;
    struct outcome o;
    const std::vector<struct backend_move> moves = {{0.3f, 0.9f, false, 0}, {-0.2f, 0.5f, false, 0}};
    const std::vector<uint64_t> first = {12};
    const floats phi = noise("phi", N * V), coloured = noise("coloured", N * V);
    struct backend_move *moves_d;
    uint64_t *first_d;
    float *phi_d, *z_d;
    floats found, z(V);
    doubles expected(N * V);
    TRY(make_setting(&s, &t, e));
    TRY(make_outcome(&s, &t, &o, e));
    o.there.frames = {t.frame_d, t.counter + 1, 1, 0}; /* all at frame 1, step 1 */
    TRY(s.put(&moves_d, moves, e));
    TRY(s.put(&first_d, first, e));
    TRY(s.put(&z_d, coloured, e));
    for (int colour = 0; colour < 2; colour++) {
        TRY(s.put(&phi_d, phi, e));
        TRY(process_move(o.there, N, moves_d, {key, first_d, NULL}, colour ? z_d : NULL, phi_d, d->stream, e));
        TRY(s.get(&found, phi_d, N * V, e));
        for (size_t i = 0; i < N * V; i++) {
            if (i % V == 0) {
                random_normal_float(key, 12 + i / V, 1, z.data(), V);
            }
            expected[i] = (double)phi[i] + (double)moves[1].drift * score_of(o, t.frame[1], phi, i) +
                          (double)moves[1].amplitude * (double)(colour ? coloured[i] : z[i % V]);
        }
        report(d, colour ? "a step of the sampler, coloured noise, formula" : "a step of the sampler, formula",
               deviation(found, expected), EXACT);
    }
    return STATUS_OK;
}

/* --- training ------------------------------------------------------------------------------------ */

static enum status compare_training(struct device *d, struct error *e) {
    struct shelf s = {d, {}};
    struct setting t;
    struct outcome o;
    const std::vector<struct backend_example> examples = {{2, -1, 0.7f, 1}, {0, 1, 2.5f, 0.5f}, {1, 1, 1, 0}};
    const std::vector<uint64_t> numbers = {100, 7};
    const floats fields = noise("fields", 3 * V);
    struct backend_example *examples_d;
    uint64_t *numbers_d;
    float *fields_d, *z_d, *phi_d, *x_d, *bias_d;
    double *loss_d;
    floats z(N * V), phi(N * V), x(N * V), found;
    doubles g(N * V), loss(N), bias(N), found_loss;
    TRY(make_setting(&s, &t, e));
    TRY(make_outcome(&s, &t, &o, e));
    TRY(s.put(&examples_d, examples, e));
    TRY(s.put(&numbers_d, numbers, e));
    TRY(s.put(&fields_d, fields, e));
    TRY(s.room(&z_d, N * V, e));
    TRY(s.room(&phi_d, N * V, e));
    TRY(s.room(&x_d, N * V, e));
    TRY(s.room(&bias_d, N, e));
    TRY(s.room(&loss_d, N, e));
    TRY(process_perturb(map, N, o.there.frames, examples_d, fields_d, {key, numbers_d, numbers_d + 1}, z_d, phi_d, x_d,
                        d->stream, e));
    for (size_t i = 0; i < N * V; i++) {
        const struct backend_example &p = examples[i / V];
        if (i % V == 0) {
            random_normal_float(key, 100 + i / V, 7, &z[i], V);
        }
        phi[i] = p.sign * fields[p.field * V + i % V] + p.noise * z[i];
        x[i] = t.frame[i / V].input * phi[i];
    }
    double wrong = 0;
    TRY(s.get(&found, z_d, N * V, e));
    wrong += unlike(found, z);
    TRY(s.get(&found, phi_d, N * V, e));
    wrong += unlike(found, phi);
    TRY(s.get(&found, x_d, N * V, e));
    wrong += unlike(found, x);
    report(d, "fields of a training step: numbers whose bits differ, CPU", wrong, 0);

    TRY(process_loss(o.there, N, examples_d, phi_d, z_d, x_d, loss_d, bias_d, d->stream, e));
    for (size_t i = 0; i < N * V; i++) {
        const double r = score_of(o, t.frame[i / V], phi, i) + (double)z[i];
        g[i] = (double)t.frame[i / V].output * (double)examples[i / V].weight * r;
        loss[i / V] += r * r;
        bias[i / V] += g[i];
    }
    TRY(s.get(&found, x_d, N * V, e));
    report(d, "loss: gradient with respect to the network's output, formula", deviation(found, g), EXACT);
    TRY(s.get(&found_loss, loss_d, N, e));
    report(d, "loss of each configuration, formula", deviation(found_loss, loss), EXACT);
    TRY(s.get(&found, bias_d, N, e));
    report(d, "loss: gradient of the last bias, formula", deviation(found, bias), 1e-5);
    return STATUS_OK;
}

static enum status compare_adam(struct device *d, struct error *e) {
    enum { COUNT = 1000, STEPS = 3 };
    struct shelf s = {d, {}};
    std::vector<struct backend_step> steps(STEPS);
    std::vector<uint32_t> zero(1);
    const floats gradient = noise("gradient", COUNT);
    floats w = noise("weights", COUNT), average = w, m(COUNT), v(COUNT), found;
    struct backend_step *steps_d;
    uint32_t *counter;
    float *g_d, *array[4];
    floats *const here[4] = {&w, &m, &v, &average};
    for (int k = 0; k < STEPS; k++) {
        steps[k] = {adam_scalars(k + 1, 1e-3, 0.9, 0.999, 1e-8), (float)(1 - 0.75)};
    }
    TRY(s.put(&steps_d, steps, e));
    TRY(s.put(&counter, zero, e));
    TRY(s.put(&g_d, gradient, e));
    for (int i = 0; i < 4; i++) {
        TRY(s.put(&array[i], *here[i], e));
    }
    for (int k = 0; k < STEPS; k++) {
        TRY(process_adam(COUNT, steps_d, counter, g_d, array[0], array[1], array[2], array[3], d->stream, e));
        TRY(process_advance(counter, d->stream, e));
        const struct adam_scalars scalars = adam_scalars(k + 1, 1e-3, 0.9, 0.999, 1e-8);
        adam_step(w.data(), gradient.data(), m.data(), v.data(), COUNT, &scalars);
        adam_average(average.data(), w.data(), COUNT, 0.25f);
    }
    static const char *const name[4] = {
        "Adam: weights whose bits differ, CPU", "Adam: first moments whose bits differ, CPU",
        "Adam: second moments whose bits differ, CPU", "running average: weights whose bits differ, CPU"};
    for (int i = 0; i < 4; i++) {
        TRY(s.get(&found, array[i], COUNT, e));
        report(d, name[i], unlike(found, *here[i]), 0);
    }
    std::vector<struct bfloat> rounded(COUNT), found_rounded;
    struct bfloat *rounded_d;
    TRY(s.room(&rounded_d, COUNT, e));
    TRY(process_round(COUNT, g_d, rounded_d, d->stream, e));
    TRY(s.get(&found_rounded, rounded_d, COUNT, e));
    double worst = 0;
    for (size_t i = 0; i < COUNT; i++) {
        const double ratio = (double)bfloat_value(found_rounded[i]) / (double)gradient[i];
        worst = std::isfinite(ratio) ? fmax(worst, fabs(ratio - 1)) : INFINITY;
    }
    report(d, "weights rounded to bfloat16: largest relative error", worst, 0x1p-8);
    return STATUS_OK;
}

enum status compare_process(struct backend *b, struct error *e) {
    struct device *d = (struct device *)b;
    TRY(compare_numbers(d, e));
    TRY(compare_filters(d, e));
    TRY(compare_scores(d, e));
    TRY(compare_move(d, e));
    TRY(compare_training(d, e));
    return compare_adam(d, e);
}
