#include "score/schedule.h"

#include <math.h>

#include "base/functions.h"

double schedule_g2(double sigma, double t) {
    return function_exp(2.0 * t * function_log(sigma));
}

double schedule_variance(double sigma, double t) {
    const double a = 2.0 * function_log(sigma), x = a * t;
    /* exp(x) - 1 cancels near zero; the series is exact to the last bit for x < 1e-3 */
    if (x < 1e-3) {
        return t * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x / 720)))));
    }
    return (function_exp(x) - 1.0) / a;
}

double schedule_noise(double sigma, double t) {
    return sqrt(schedule_variance(sigma, t));
}

double schedule_time(double sigma, double s) {
    const double a = 2.0 * function_log(sigma), x = a * s * s;
    if (x < 1e-3) {
        return s * s * (1.0 - x * (1.0 / 2 - x * (1.0 / 3 - x * (1.0 / 4 - x * (1.0 / 5 - x / 6)))));
    }
    return function_log(1.0 + x) / a;
}
