// What the kernels share: types, pictures, colours.
//
// Every kernel takes one structure by value, declared here or beside it and in Rust (src/kernels/), field for
// field. All arithmetic is on whole numbers, or on floats with operations that IEEE 754 rounds exactly in a
// fixed order, so that GPU and CPU give the same bits.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef short i16;
typedef int i32;

// Compiled by g++ for tests, these come from the shim.
#ifndef VESALIUS_SHIM
#define KERNEL(name, Args) extern "C" __global__ void name(const Args a)
// Threads of a block wait for each other in it.
#define KERNEL_SYNC(name, Args) extern "C" __global__ void name(const Args a)
#define INLINE __device__ __forceinline__
#define SHARED __shared__
#define SYNC __syncthreads
#endif

// Kinds of pictures.
#define KIND_NV12 0u
#define KIND_I420 1u
#define KIND_P010 2u
#define KIND_PACKED 3u
#define KIND_GRAY 4u

// A picture on the device. Rows of a plane lie `pitch` bytes apart.
struct Picture {
    u64 plane[3];
    u32 pitch[3];
    u32 width;
    u32 height;
    u32 kind;
    // Of packed pictures: bytes a pixel, and where red, green and blue lie in it.
    u32 pixel_bytes;
    u32 offset[3];
};

// Taps of one axis of a resize: output i is the sum over k < window of weights[i * window + k] *
// input[start[i] + k].
struct Taps {
    u64 start;
    u64 weights;
    u32 window;
    u32 precision;
};

INLINE u32 global_x() { return blockIdx.x * blockDim.x + threadIdx.x; }
INLINE u32 global_y() { return blockIdx.y * blockDim.y + threadIdx.y; }

INLINE u8 clip_to_u8(i32 v) { return (u8)(v < 0 ? 0 : (v > 255 ? 255 : v)); }

// A sample of 10 bits in the high bits of 16, to 8 bits, rounded to nearest.
INLINE u8 p010_to_u8(u16 sample) {
    u32 v = ((u32)(sample >> 6) + 2u) >> 2;
    return (u8)(v > 255u ? 255u : v);
}

// Full-range luma: ITU-R BT.601-7 section 2.5.1, weights in 16 bits, rounded to nearest.
INLINE u8 luma_of_rgb(u32 r, u32 g, u32 b) {
    return (u8)((19595u * r + 38470u * g + 7471u * b + 32768u) >> 16);
}
