/* The independence Metropolis chain (A 4.13): proposals that know nothing of the chain's state, of density q, for a
 * target p ~ exp(-S). With log w = -S - log q proposal j replaces state i with probability min(1, w_j/w_i), else the
 * state is counted once more. Whatever q, the chain's law tends to p, where q vanishes nowhere that p does not; how
 * fast is a matter of the largest weights.
 *
 * This holds where every step has a proposal of its own, drawn from q. Steps that draw again and again from a pool of
 * K proposals sample the K points with weights w, which is self-normalised importance sampling from K draws: its bias
 * and error do not vanish with the number of steps. */
#ifndef DMSQ_STATISTICS_INDEPENDENCE_H
#define DMSQ_STATISTICS_INDEPENDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/* Runs one chain. proposal[n] are indices into log_w: proposal[0] is where it starts, the others are proposed in
 * order. state[n]: the index of the chain's state at each step; accepted[n]: 1 where the proposal was taken (and for
 * the start). Uniforms come from (accept, stream). STATUS_FAILED: out of memory. */
enum status independence_chain(const double *log_w, const size_t *proposal, size_t n, struct random_key accept,
                               uint64_t stream, size_t *state, unsigned char *accepted, struct error *e);

/* proposal[n] = first, first+1, ...: each proposal once. */
void independence_fresh(size_t first, size_t n, size_t *proposal);
/* proposal[n] uniform in 0 .. pool-1, with replacement. STATUS_FAILED: out of memory. */
enum status independence_pool(size_t pool, size_t n, struct random_key draw, uint64_t stream, size_t *proposal,
                              struct error *e);

/* The longest run of steps with one and the same state. */
size_t independence_longest_stay(const size_t *state, size_t n);

#endif
