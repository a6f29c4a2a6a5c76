/* The vectors of the probability flow's integrator on the device against those on the host
 * (base/runge_kutta_vectors.c): with the same scores and traces all numbers have the same bits, including sums. Each
 * method integrates an artificial equation, so that all orders of a controller occur. */
#include "tests/gpu/device.h"
extern "C" {
#include "base/sum.h"
#include "base/runge_kutta.h"
}

enum { PLACES = 3 };

/* Sets artificial scores and traces for these fields, the same on both sides. */
static void make_up(size_t V, size_t q, int slot, const float *phi, float *out, double *traces) {
    for (size_t i = 0; i < V; i++) {
        out[i] = phi[(i + 1) % V] - 0.5f * phi[i] * (1 + (float)slot) - 0.125f * phi[i] * phi[i] * phi[i];
    }
    for (size_t k = 0; k < q; k++) {
        traces[k] = (double)phi[k % V] * (1 + (double)k) - 0.3;
    }
}

struct both {
    struct integration state;
    struct integration_order *orders_d;
    struct runge_kutta_sums *sums_d;
    float *phi_d, *out_d;
    double *traces_d;
    struct runge_kutta_vectors *vectors[PLACES];
    struct runge_kutta solver[PLACES];
    bool busy[PLACES];
    double fields, sums, derivatives; /* how many numbers differ */
};

static enum status make(struct shelf *s, struct both *w, size_t V, size_t q, enum runge_kutta_method method,
                        struct error *e) {
    const size_t length = V + q;
    doubles start(PLACES * INTEGRATION_VECTORS * length, NAN); /* NaN, to detect the use of a number before it is set */
    for (size_t n = 0; n < PLACES; n++) {
        const floats y = noise("flow", V, 0.5f + 0.3f * (float)n);
        const doubles y0 = to_doubles(y);
        w->vectors[n] = runge_kutta_vectors_new(V, q);
        if (!w->vectors[n]) {
            return error_set(e, STATUS_FAILED, "out of memory");
        }
        runge_kutta_vectors_start(w->vectors[n], y0.data());
        runge_kutta_start(&w->solver[n], method, V, q, n == 1 ? 2 : -1, n == 1 ? -1 : 2, 3, 1e-3);
        for (int which = INTEGRATION_Y; which <= INTEGRATION_NEXT; which++) {
            for (size_t i = 0; i < length; i++) {
                start[(n * INTEGRATION_VECTORS + (size_t)which) * length + i] = i < V ? y0[i] : 0;
            }
        }
        w->busy[n] = true;
    }
    w->state.volume = V;
    w->state.quadratures = q;
    TRY(s->put(&w->state.vectors, start, e));
    TRY(s->room(&w->orders_d, PLACES, e));
    TRY(s->room(&w->sums_d, PLACES, e));
    TRY(s->room(&w->phi_d, PLACES * V, e));
    TRY(s->room(&w->out_d, PLACES * V, e));
    TRY(s->room(&w->traces_d, PLACES * q, e));
    w->state.orders = w->orders_d;
    return STATUS_OK;
}

static double factor_of(int n) {
    return 0.75 - 0.5 * n;
}

/* Counts different numbers of one slot after its order, in the derivative and the sums; advances its controller. */
static void judge(struct both *w, int n, const double *derivative, const double *found,
                  const struct runge_kutta_sums *there) {
    struct runge_kutta *r = &w->solver[n];
    struct runge_kutta_sums here;
    runge_kutta_vectors_take(w->vectors[n], &r->order, derivative, &here);
    for (size_t i = 0; i < w->state.volume + w->state.quadratures; i++) {
        w->derivatives += derivative[i] != found[i];
    }
    w->sums += here.finite != there->finite;
    const int norms = r->order.measure == RUNGE_KUTTA_START ? 2 : r->order.measure != RUNGE_KUTTA_NOTHING;
    for (int k = 0; k < norms; k++) {
        w->sums += memcmp(&here.norm[k], &there->norm[k], sizeof here.norm[k]) != 0;
    }
    if (runge_kutta_advance(r, &here) != RUNGE_KUTTA_MORE) {
        w->busy[n] = false;
    }
}

/* Carries out one order of every busy slot; *more: whether there are further orders. */
static enum status step(struct shelf *s, struct both *w, bool *more, struct error *e) {
    struct device *d = s->d;
    const size_t V = w->state.volume, q = w->state.quadratures, length = V + q;
    std::vector<struct integration_order> orders(PLACES);
    std::vector<struct runge_kutta_sums> sums;
    floats phi, out(PLACES * V);
    doubles traces(PLACES * q), vectors, derivative(length);
    for (int n = 0; n < PLACES; n++) {
        orders[(size_t)n] = {w->busy[n], factor_of(n), w->solver[n].order};
    }
    TRY(device_upload(d, w->orders_d, orders.data(), PLACES * sizeof orders[0], e));
    TRY(flow_combine(w->state, PLACES, w->phi_d, d->stream, e));
    TRY(s->get(&phi, w->phi_d, PLACES * V, e));
    for (int n = 0; n < PLACES; n++) {
        make_up(V, q, n, &phi[(size_t)n * V], &out[(size_t)n * V], &traces[(size_t)n * q]);
    }
    TRY(device_upload(d, w->out_d, out.data(), PLACES * V * sizeof out[0], e));
    TRY(device_upload(d, w->traces_d, traces.data(), PLACES * q * sizeof traces[0], e));
    TRY(flow_derive(w->state, PLACES, w->out_d, w->traces_d, d->stream, e));
    TRY(flow_measure(w->state, PLACES, w->sums_d, d->stream, e));
    TRY(s->get(&sums, w->sums_d, PLACES, e));
    TRY(s->get(&vectors, w->state.vectors, PLACES * INTEGRATION_VECTORS * length, e));
    *more = false;
    for (int n = 0; n < PLACES; n++) {
        if (!w->busy[n]) {
            continue;
        }
        const double *own = &vectors[(size_t)n * INTEGRATION_VECTORS * length];
        const double *next = runge_kutta_vectors_combine(w->vectors[n], &w->solver[n].order);
        for (size_t i = 0; i < length; i++) {
            w->fields += next[i] != own[INTEGRATION_NEXT * length + i];
            w->fields += i < V && phi[(size_t)n * V + i] != (float)next[i];
            derivative[i] = factor_of(n) * (i < V ? (double)out[(size_t)n * V + i] : traces[(size_t)n * q + i - V]);
        }
        judge(w, n, derivative.data(), own + (INTEGRATION_K + (size_t)w->solver[n].order.slot) * length,
              &sums[(size_t)n]);
        *more = *more || w->busy[n];
    }
    return STATUS_OK;
}

static enum status compare_method(struct device *d, size_t V, size_t q, enum runge_kutta_method method,
                                  struct error *e) {
    static const char *const names[] = {"dopri5", "heun", "rk4"};
    struct shelf s = {d, {}};
    struct both w = {};
    bool more = true;
    enum status status = make(&s, &w, V, q, method, e);
    for (int i = 0; i < 400 && more && status == STATUS_OK; i++) {
        status = step(&s, &w, &more, e);
    }
    for (int n = 0; n < PLACES; n++) {
        runge_kutta_vectors_free(w.vectors[n]);
    }
    TRY(status);
    char text[120];
    snprintf(text, sizeof text, "flow, %s, %zu + %zu: states whose bits differ, CPU", names[method], V, q);
    report(d, text, more ? INFINITY : w.fields, 0);
    snprintf(text, sizeof text, "flow, %s, %zu + %zu: derivatives whose bits differ, CPU", names[method], V, q);
    report(d, text, w.derivatives, 0);
    snprintf(text, sizeof text, "flow, %s, %zu + %zu: norms whose bits differ, CPU", names[method], V, q);
    report(d, text, w.sums, 0);
    return STATUS_OK;
}

/* A derivative that is not finite is detected at any position. */
static enum status compare_finite(struct device *d, struct error *e) {
    enum { V = 100, Q = 2 };
    struct shelf s = {d, {}};
    struct both w = {};
    double wrong = 0;
    TRY(make(&s, &w, V, Q, RUNGE_KUTTA_HEUN, e));
    for (int n = 0; n < PLACES; n++) {
        runge_kutta_vectors_free(w.vectors[n]);
    }
    std::vector<struct integration_order> orders(PLACES);
    std::vector<struct runge_kutta_sums> sums;
    floats out(PLACES * V, 1);
    doubles traces(PLACES * Q, 1);
    out[V - 1] = NAN;             /* slot 0 */
    traces[2 * Q - 1] = INFINITY; /* slot 1 */
    for (size_t n = 0; n < PLACES; n++) {
        orders[n] = {1, 1, w.solver[n].order};
    }
    TRY(device_upload(d, w.orders_d, orders.data(), PLACES * sizeof orders[0], e));
    TRY(device_upload(d, w.out_d, out.data(), out.size() * sizeof out[0], e));
    TRY(device_upload(d, w.traces_d, traces.data(), traces.size() * sizeof traces[0], e));
    TRY(flow_derive(w.state, PLACES, w.out_d, w.traces_d, d->stream, e));
    TRY(flow_measure(w.state, PLACES, w.sums_d, d->stream, e));
    TRY(s.get(&sums, w.sums_d, PLACES, e));
    for (size_t n = 0; n < PLACES; n++) {
        wrong += sums[n].finite != (n == 2);
    }
    report(d, "flow: derivatives that are not finite and not detected, or the reverse", wrong, 0);
    return STATUS_OK;
}

static enum status compare_control(struct device *d, struct error *e) {
    enum { V = 200, Q = 3 };
    struct shelf s = {d, {}};
    struct integration state = {V, Q, NULL, NULL};
    std::vector<struct integration_order> orders(PLACES);
    std::vector<struct score_frame> frames(PLACES);
    const std::vector<uint32_t> zero(1);
    const doubles propagator = to_doubles(noise("propagator", V, 0.1f, 1));
    const doubles power = to_doubles(noise("power", PLACES * Q * V, 0.3f, 1));
    doubles traces(PLACES * Q, 0.5), terms(V), found;
    struct integration_order *orders_d;
    struct score_frame *frames_d;
    uint32_t *zero_d;
    double *propagator_d, *power_d, *traces_d;
    for (size_t n = 0; n < PLACES; n++) {
        orders[n].busy = n != 1; /* slot 1 is skipped */
        frames[n].noise = 0.3 + (double)n;
    }
    TRY(s.put(&orders_d, orders, e));
    TRY(s.put(&frames_d, frames, e));
    TRY(s.put(&zero_d, zero, e));
    TRY(s.put(&propagator_d, propagator, e));
    TRY(s.put(&power_d, power, e));
    TRY(s.put(&traces_d, traces, e));
    state.orders = orders_d;
    TRY(flow_control(state, PLACES, {frames_d, zero_d, 0, 1}, propagator_d, power_d, traces_d, d->stream, e));
    TRY(s.get(&found, traces_d, PLACES * Q, e));
    for (size_t k = 0; k < PLACES * Q; k++) {
        const double own = frames[k / Q].noise;
        for (size_t p = 0; p < V; p++) {
            terms[p] = own / (propagator[p] + own * own) * (power[k * V + p] - 1);
        }
        if (orders[k / Q].busy) {
            traces[k] += sum_tree(terms.data(), V);
        }
    }
    report(d, "flow, control variate: traces whose bits differ, CPU", unlike(found, traces), 0);
    return STATUS_OK;
}

enum status compare_flow(struct backend *b, struct error *e) {
    struct device *d = (struct device *)b;
    static const size_t volume[] = {64, 37, 1024, 5000}; /* leaves of the tree: one; part of one; many; rounds of them
                                                            */
    for (size_t i = 0; i < 4; i++) {
        TRY(compare_method(d, volume[i], i == 1 ? 70 : 1 + i, RUNGE_KUTTA_DOPRI5, e));
    }
    TRY(compare_method(d, 100, 2, RUNGE_KUTTA_HEUN, e));
    TRY(compare_method(d, 100, 2, RUNGE_KUTTA_RK4, e));
    TRY(compare_finite(d, e));
    return compare_control(d, e);
}
