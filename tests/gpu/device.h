/* Shared by the comparisons of operators: arrays of random numbers, memory on the device, deviations. */
#ifndef DMSQ_TESTS_GPU_DEVICE_H
#define DMSQ_TESTS_GPU_DEVICE_H

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vector>

#include "cuda/check.h"
#include "cuda/network.h"
#include "tests/gpu/compare.h"

typedef std::vector<float> floats;
typedef std::vector<double> doubles;

/* Normal numbers for this name, times scale, plus offset. */
static inline floats noise(const char *name, size_t n, float scale = 1, float offset = 0) {
    floats z(n);
    random_normal_float(random_key(1, "tests gpu", name), 0, 0, z.data(), n);
    for (float &x : z) {
        x = offset + scale * x;
    }
    return z;
}

static inline doubles to_doubles(const floats &x) {
    return doubles(x.begin(), x.end());
}

/* Memory on the device, released together. */
struct shelf {
    struct device *d;
    std::vector<void *> all;
    ~shelf() {
        for (void *p : all) {
            device_release(p);
        }
    }
    /* Memory that is set to zero. */
    template <class T> enum status room(T **at, size_t n, struct error *e) {
        void *p;
        TRY(device_allocate(d, n * sizeof(T), "an operand", &p, e));
        all.push_back(p);
        *at = (T *)p;
        return STATUS_OK;
    }
    template <class T> enum status put(T **at, const std::vector<T> &x, struct error *e) {
        TRY(room(at, x.size(), e));
        return device_upload(d, *at, x.data(), x.size() * sizeof(T), e);
    }
    template <class T> enum status get(std::vector<T> *x, const T *at, size_t n, struct error *e) {
        x->resize(n);
        return device_download(d, x->data(), at, n * sizeof(T), e);
    }
};

/* max |a - b| / max |b|; infinite if a has a number that is not finite. */
template <class A, class B> static inline double deviation(const std::vector<A> &a, const std::vector<B> &b) {
    double difference = 0, scale = 0;
    for (size_t i = 0; i < b.size(); i++) {
        if (!std::isfinite((double)a[i])) {
            return INFINITY;
        }
        difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
        scale = fmax(scale, fabs((double)b[i]));
    }
    return a.size() == b.size() ? difference / (scale > 0 ? scale : 1) : INFINITY;
}

/* Number of elements whose bits differ. */
template <class T> static inline double unlike(const std::vector<T> &a, const std::vector<T> &b) {
    double n = a.size() == b.size() ? 0 : INFINITY;
    for (size_t i = 0; i < a.size() && i < b.size(); i++) {
        n += memcmp(&a[i], &b[i], sizeof(T)) != 0;
    }
    return n;
}

/* Prints a row for this operator and backend. */
static inline void report(struct device *d, const char *what, double found, double allowed) {
    char text[160];
    snprintf(text, sizeof text, "%s, %s", what, d->base.name);
    gpu_row(text, found, allowed);
}

#endif
