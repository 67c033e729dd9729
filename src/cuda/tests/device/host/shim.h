// Lets g++ compile the kernels for the CPU: a launch is a loop over the grid.
//
// Included in front of a source. Threads of a block that wait for each other are fibres, so a barrier is a
// real one; blocks, and the threads between two barriers, run in an order that changes from launch to launch,
// so that a result that depends on it does not last. Atomic operations are plain: one thread runs at a time.
#pragma once
#define VESALIUS_SHIM

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>
#include <ucontext.h>

#define INLINE static inline
#define SHARED static thread_local
#define __restrict__

struct Dim {
    unsigned x, y, z;
};
static thread_local Dim threadIdx, blockIdx, blockDim, gridDim;

static inline unsigned __float_as_uint(float v) {
    unsigned bits;
    memcpy(&bits, &v, 4);
    return bits;
}
static inline float __uint_as_float(unsigned v) {
    float value;
    memcpy(&value, &v, 4);
    return value;
}

template <typename T> static inline T atomicAdd(T* at, T v) {
    const T old = *at;
    *at = old + v;
    return old;
}
template <typename T> static inline T atomicMax(T* at, T v) {
    const T old = *at;
    *at = old > v ? old : v;
    return old;
}

namespace shim {

static thread_local unsigned launches = 0;

static inline Dim place(unsigned i, Dim size, bool backwards) {
    const unsigned n = size.x * size.y * size.z;
    if (backwards) i = n - 1 - i;
    return {i % size.x, i / size.x % size.y, i / size.x / size.y};
}

struct Fibres {
    static const size_t STACK = 64 * 1024;
    ucontext_t scheduler;
    std::vector<ucontext_t> fibres;
    std::vector<std::unique_ptr<char[]>> stacks;
    std::vector<bool> done;
    unsigned current = 0;
    void (*body)(void*) = nullptr;
    void* data = nullptr;
};
static thread_local Fibres fibres;

static void fibre() {
    fibres.body(fibres.data);
    fibres.done[fibres.current] = true;
    swapcontext(&fibres.fibres[fibres.current], &fibres.scheduler);
}

static inline void barrier() { swapcontext(&fibres.fibres[fibres.current], &fibres.scheduler); }

// Each thread runs to its end before the next one starts.
template <typename Body> static void plain(const unsigned* grid, const unsigned* block, Body body) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const bool backwards = launches++ % 2 == 1;
    const unsigned blocks = grid[0] * grid[1] * grid[2], threads = block[0] * block[1] * block[2];
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx = place(b, gridDim, backwards);
        for (unsigned t = 0; t < threads; t++) {
            threadIdx = place(t, blockDim, backwards);
            body();
        }
    }
}

// Threads of a block run in turn from barrier to barrier.
template <typename Body> static void together(const unsigned* grid, const unsigned* block, Body body) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const bool backwards = launches++ % 2 == 1;
    const unsigned blocks = grid[0] * grid[1] * grid[2], threads = block[0] * block[1] * block[2];
    Fibres& f = fibres;
    f.fibres.resize(threads);
    while (f.stacks.size() < threads) f.stacks.emplace_back(new char[Fibres::STACK]);
    f.body = [](void* data) { (*(Body*)data)(); };
    f.data = &body;
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx = place(b, gridDim, backwards);
        f.done.assign(threads, false);
        for (unsigned t = 0; t < threads; t++) {
            getcontext(&f.fibres[t]);
            f.fibres[t].uc_stack.ss_sp = f.stacks[t].get();
            f.fibres[t].uc_stack.ss_size = Fibres::STACK;
            f.fibres[t].uc_link = nullptr;
            makecontext(&f.fibres[t], fibre, 0);
        }
        bool turn = backwards;
        for (unsigned running = threads; running > 0; turn = !turn) {
            for (unsigned i = 0; i < threads; i++) {
                const unsigned t = turn ? threads - 1 - i : i;
                if (f.done[t]) continue;
                f.current = t;
                threadIdx = place(t, blockDim, false);
                swapcontext(&f.scheduler, &f.fibres[t]);
                if (f.done[t]) running--;
            }
        }
    }
}

}  // namespace shim

#define SYNC shim::barrier

#define SHIM_KERNEL(name, Args, run)                                                                           \
    static void name##_body(const Args a);                                                                     \
    extern "C" size_t name##__size() { return sizeof(Args); }                                                  \
    extern "C" void name##__launch(const void* arguments, const unsigned* grid, const unsigned* block) {       \
        Args a;                                                                                                \
        memcpy(&a, arguments, sizeof a);                                                                       \
        run(grid, block, [&] { name##_body(a); });                                                             \
    }                                                                                                          \
    static void name##_body(const Args a)
#define KERNEL(name, Args) SHIM_KERNEL(name, Args, shim::plain)
#define KERNEL_SYNC(name, Args) SHIM_KERNEL(name, Args, shim::together)
