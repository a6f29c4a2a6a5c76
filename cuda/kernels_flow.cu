/* Carries out orders (base/runge_kutta.h) on the vectors of the probability flow's integrations, in double precision.
 * With the same score, the bits are those of the host (base/runge_kutta_vectors.c). */
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/sums.h"

__device__ static double *vector_of(const struct integration &s, int slot, int which) {
    return s.vectors + ((size_t)slot * INTEGRATION_VECTORS + (size_t)which) * (s.volume + s.quadratures);
}

/* The grid for one thread per element. */
static dim3 elements_of(const struct integration &s, int n) {
    const size_t length = s.volume + s.quadratures;
    return dim3((unsigned)((length + THREADS - 1) / THREADS), (unsigned)n);
}

__global__ void flow_combine_kernel(struct integration s, float *phi) {
    const int n = (int)blockIdx.y;
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    const struct integration_order &own = s.orders[n];
    if (!own.busy || i >= s.volume + s.quadratures) {
        return;
    }
    double *y = vector_of(s, n, INTEGRATION_Y) + i, *next = vector_of(s, n, INTEGRATION_NEXT) + i;
    if (own.order.accept) {
        *y = *next;
    }
    if (own.order.first_same_as_last) {
        vector_of(s, n, INTEGRATION_K)[i] = vector_of(s, n, INTEGRATION_K + RUNGE_KUTTA_STAGES - 1)[i];
    }
    double sum = *y;
    for (int j = 0; j < RUNGE_KUTTA_STAGES - 1; j++) {
        if (own.order.factor[j] != 0.0) {
            sum += own.order.factor[j] * vector_of(s, n, INTEGRATION_K + j)[i];
        }
    }
    *next = sum;
    if (i < s.volume) {
        phi[(size_t)n * s.volume + i] = (float)sum;
    }
}

enum status flow_combine(struct integration s, int n, float *phi, cudaStream_t stream, struct error *e) {
    return launch("flow_combine", flow_combine_kernel, elements_of(s, n), THREADS, stream, e, s, phi);
}

/* One block per probe of a slot. */
__global__ void flow_control_kernel(struct integration s, struct frames frames, const double *propagator,
                                    const double *power, double *traces) {
    __shared__ double part[THREADS];
    const int n = (int)blockIdx.y;
    if (!s.orders[n].busy) {
        return;
    }
    const size_t probe = (size_t)n * s.quadratures + blockIdx.x;
    const double noise = frame_of(frames, n)->noise;
    const double *own = power + probe * s.volume;
    const double sum =
        tree_sum(part, s.volume, [&](size_t p) { return noise / (propagator[p] + noise * noise) * (own[p] - 1); });
    if (threadIdx.x == 0) {
        traces[probe] += sum;
    }
}

enum status flow_control(struct integration s, int n, struct frames frames, const double *propagator,
                         const double *power, double *traces, cudaStream_t stream, struct error *e) {
    return launch("flow_control", flow_control_kernel, dim3((unsigned)s.quadratures, (unsigned)n), THREADS, stream, e,
                  s, frames, propagator, power, traces);
}

__global__ void flow_derive_kernel(struct integration s, const float *out, const double *traces) {
    const int n = (int)blockIdx.y;
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    const struct integration_order &own = s.orders[n];
    if (!own.busy || i >= s.volume + s.quadratures) {
        return;
    }
    const double value =
        i < s.volume ? (double)out[(size_t)n * s.volume + i] : traces[(size_t)n * s.quadratures + (i - s.volume)];
    vector_of(s, n, INTEGRATION_K + own.order.slot)[i] = own.factor * value;
}

enum status flow_derive(struct integration s, int n, const float *out, const double *traces, cudaStream_t stream,
                        struct error *e) {
    return launch("flow_derive", flow_derive_kernel, elements_of(s, n), THREADS, stream, e, s, out, traces);
}

/* The norm of v(i), relative to the sizes of a and b. */
template <class Vector>
__device__ static void measure(const struct integration &s, double *part, double tolerance, const Vector &v,
                               const double *a, const double *b, struct runge_kutta_norm *norm) {
    const size_t V = s.volume, q = s.quadratures;
    const double squares = tree_sum(part, V, [&](size_t i) {
        const double x = v(i) / (tolerance * (1 + fmax(fabs(a[i]), fabs(b[i]))));
        return x * x;
    });
    const double of_v = tree_sum(part, q, [&](size_t i) { return v(V + i); });
    const double of_a = tree_sum(part, q, [&](size_t i) { return a[V + i]; });
    const double of_b = tree_sum(part, q, [&](size_t i) { return b[V + i]; });
    if (threadIdx.x == 0) {
        *norm = {squares, of_v, of_a, of_b};
    }
}

/* One block per slot. */
__global__ void flow_measure_kernel(struct integration s, struct runge_kutta_sums *sums) {
    __shared__ double part[THREADS];
    const int n = (int)blockIdx.x;
    const struct integration_order &own = s.orders[n];
    if (!own.busy) {
        return;
    }
    const struct runge_kutta_order &o = own.order;
    const double *y = vector_of(s, n, INTEGRATION_Y), *next = vector_of(s, n, INTEGRATION_NEXT);
    const double *k = vector_of(s, n, INTEGRATION_K), *taken = vector_of(s, n, INTEGRATION_K + o.slot);
    const size_t length = s.volume + s.quadratures;
    const double bad = tree_sum(part, length, [&](size_t i) { return isfinite(taken[i]) ? 0.0 : 1.0; });
    if (threadIdx.x == 0) {
        sums[n].finite = bad == 0.0;
    }
    if (o.measure == RUNGE_KUTTA_START) {
        measure(
            s, part, o.tolerance, [&](size_t i) { return y[i]; }, y, y, &sums[n].norm[0]);
        measure(
            s, part, o.tolerance, [&](size_t i) { return k[i]; }, y, y, &sums[n].norm[1]);
    } else if (o.measure == RUNGE_KUTTA_CHANGE) {
        measure(
            s, part, o.tolerance, [&](size_t i) { return k[length + i] - k[i]; }, y, y, &sums[n].norm[0]);
    } else if (o.measure == RUNGE_KUTTA_ERROR) {
        measure(
            s, part, o.tolerance,
            [&](size_t i) {
                double sum = 0;
                for (int j = 0; j < RUNGE_KUTTA_STAGES; j++) {
                    if (o.error[j] != 0.0) {
                        sum += o.error[j] * k[(size_t)j * length + i];
                    }
                }
                return o.h * sum;
            },
            y, next, &sums[n].norm[0]);
    }
}

enum status flow_measure(struct integration s, int n, struct runge_kutta_sums *sums, cudaStream_t stream,
                         struct error *e) {
    return launch("flow_measure", flow_measure_kernel, dim3((unsigned)n), THREADS, stream, e, s, sums);
}
