/* The emulated CUDA runtime; see cuda_runtime.h in this folder. */
#include <cuda_runtime.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unordered_map>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

/* --- coroutines ---------------------------------------------------------------------------------- */

/* Saves the callee-saved registers, switches stacks, and restores the registers. */
extern "C" void emulate_exchange(void **save, void *load);
asm(".text\n.globl emulate_exchange\n.type emulate_exchange,@function\nemulate_exchange:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".section .note.GNU-stack,\"\",@progbits\n.text\n");

enum { MOST = 1024, STACK = 64 * 1024 };

static char *stacks;
static void *context[MOST], *scheduler;
static dim3 index_of[MOST];
static bool finished[MOST];
static unsigned thread_count, current, arrived, alive, generation;
static float slot[2][MOST];
static unsigned shuffles[MOST];
static const std::function<void()> *body;

static void yield(void) {
    emulate_exchange(&context[current], scheduler);
}

static void release_barrier(void) {
    if (arrived == alive && alive > 0) {
        arrived = 0;
        generation++;
    }
}

void emulate_sync(void) {
    const unsigned mine = generation;
    arrived++;
    release_barrier();
    while (generation == mine) {
        yield();
    }
}

float emulate_shuffle(float value, int mask) {
    const unsigned me = current, turn = shuffles[me]++ & 1;
    slot[turn][me] = value;
    yield();
    return slot[turn][me ^ (unsigned)mask];
}

extern "C" void emulate_enter(void) {
    (*body)();
    finished[current] = true;
    alive--;
    release_barrier();
    for (;;) {
        yield();
    }
}

/* Prepares the stack of thread t. Stacks begin at different lines of a page, since with the same line they would evict
 * each other from the cache. */
static void prepare(unsigned t) {
    uintptr_t top = ((uintptr_t)stacks + (uintptr_t)(t + 1) * STACK - (uintptr_t)(t * 5 % 64) * 64) & ~(uintptr_t)15;
    index_of[t] = dim3(t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y));
    void **sp = (void **)top;
    *--sp = NULL; /* a return address for emulate_enter, which has none: keeps the alignment of a call */
    *--sp = (void *)emulate_enter;
    for (int i = 0; i < 6; i++) {
        *--sp = NULL;
    }
    context[t] = sp;
    finished[t] = false;
    shuffles[t] = 0;
}

static void run_block(void) {
    arrived = 0;
    alive = thread_count;
    for (unsigned t = 0; t < thread_count; t++) {
        prepare(t);
    }
    while (alive > 0) {
        for (unsigned t = 0; t < thread_count; t++) {
            if (finished[t]) {
                continue;
            }
            current = t;
            threadIdx = index_of[t];
            emulate_exchange(&scheduler, context[t]);
        }
    }
}

cudaError_t emulate_launch(cudaStream_t stream, dim3 grid, dim3 block, std::function<void()> work) {
    const unsigned count = block.x * block.y * block.z;
    if (count == 0 || count > MOST || grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
        return cudaErrorInvalidConfiguration;
    }
    emulate_enqueue(stream, [=]() {
        if (!stacks) {
            stacks = (char *)malloc((size_t)MOST * STACK);
        }
        gridDim = grid;
        blockDim = block;
        thread_count = count;
        body = &work;
        for (unsigned z = 0; z < grid.z; z++) {
            for (unsigned y = 0; y < grid.y; y++) {
                for (unsigned x = 0; x < grid.x; x++) {
                    blockIdx = dim3(x, y, z);
                    run_block();
                }
            }
        }
    });
    return cudaSuccess;
}

/* --- streams and graphs -------------------------------------------------------------------------- */

struct emulated_graph {
    std::vector<std::function<void()>> work;
};
struct emulated_stream {
    emulated_graph *recording;
};
static size_t launches;

void emulate_enqueue(cudaStream_t stream, std::function<void()> work) {
    if (stream->recording) {
        stream->recording->work.push_back(work);
    } else {
        work();
    }
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = new emulated_stream{NULL};
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return stream->recording ? cudaErrorStreamCapture : cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode) {
    if (stream->recording) {
        return cudaErrorStreamCapture;
    }
    stream->recording = new emulated_graph;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    *graph = stream->recording;
    stream->recording = NULL;
    return *graph ? cudaSuccess : cudaErrorStreamCapture;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
    *executable = new emulated_graph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
    launches++;
    for (const std::function<void()> &work : executable->work) {
        work();
    }
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

size_t emulate_launches(void) {
    return launches;
}

/* --- memory and the device ----------------------------------------------------------------------- */

static size_t limit = (size_t)1 << 34, used;
static std::unordered_map<void *, size_t> held;

void emulate_limit(size_t bytes) {
    limit = bytes;
}

size_t emulate_used(void) {
    return used;
}

cudaError_t cudaMalloc(void **memory, size_t bytes) {
    if (used + bytes > limit) {
        return cudaErrorMemoryAllocation;
    }
    *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!*memory) {
        return cudaErrorMemoryAllocation;
    }
    memset(*memory, 0xff, bytes); /* NaN, to detect the use of memory before it is set */
    used += bytes;
    held[*memory] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory) {
    used -= held[memory];
    held.erase(memory);
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    *free_bytes = limit - used;
    *total = limit;
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream) {
    emulate_enqueue(stream, [=]() { memset(memory, value, bytes); });
    return cudaSuccess;
}

static size_t copied[3];

size_t emulate_copied(enum cudaMemcpyKind kind) {
    return copied[kind];
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    copied[kind] += bytes;
    emulate_enqueue(stream, [=]() { memcpy(to, from, bytes); });
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t code) {
    static const char *const text[] = {"no error", "out of memory", "invalid configuration", "stream is capturing"};
    return text[code];
}

const char *cudaGetErrorName(cudaError_t code) {
    static const char *const text[] = {"cudaSuccess", "cudaErrorMemoryAllocation", "cudaErrorInvalidConfiguration",
                                       "cudaErrorStreamCapture"};
    return text[code];
}

cudaError_t cudaGetLastError(void) {
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int) {
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int) {
    memset(p, 0, sizeof *p);
    strcpy(p->name, "emulated device");
    p->major = 9;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}
