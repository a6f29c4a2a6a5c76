/* The independence Metropolis chain (A 4.13) for a target p ~ exp(-S): proposals of density q do not depend on the
 * chain's state. With log w = -S - log q, proposal j replaces state i with probability min(1, w_j/w_i), else the state
 * is counted once more. The distribution of the chain tends to p for every q that is nonzero wherever p is; its speed
 * depends on the largest weights.
 *
 * This requires an independent proposal from q for every step. A chain whose steps draw repeatedly from a pool of K
 * proposals samples these K points with weights w. This is self-normalised importance sampling from K draws, whose bias
 * and error do not vanish with the number of steps. */
#ifndef DMSQ_STATISTICS_INDEPENDENCE_H
#define DMSQ_STATISTICS_INDEPENDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/* Runs one chain. proposal[n] are indices into log_w: proposal[0] is the start, the others are proposed in order.
 * state[n]: index of the state at each step; accepted[n]: 1 if the proposal was accepted (1 for the start), else 0.
 * Random numbers are those of (accept, stream). STATUS_FAILED: out of memory. */
enum status independence_chain(const double *log_w, const size_t *proposal, size_t n, struct random_key accept,
                               uint64_t stream, size_t *state, unsigned char *accepted, struct error *e);

/* proposal[n] = first, first + 1, ...: each proposal is used once. */
void independence_fresh(size_t first, size_t n, size_t *proposal);
/* proposal[n]: uniform in 0 .. pool-1, with replacement, from random numbers (draw, stream). STATUS_FAILED: out of
 * memory. */
enum status independence_pool(size_t pool, size_t n, struct random_key draw, uint64_t stream, size_t *proposal,
                              struct error *e);

/* The largest number of successive steps with the same state, of state[n]. */
size_t independence_longest_stay(const size_t *state, size_t n);

#endif
