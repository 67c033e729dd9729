// How far the whole picture has moved since another: by matching a reduced copy against itself, shift by
// shift.
#include "common.cuh"

struct ReduceLumaArgs {
    Picture picture;
    u64 out;
    // Sides of the boxes that are averaged, in pixels; whole boxes alone.
    u32 factor;
    u32 width;
    u32 height;
    u32 reserved;
};

// The mean luma of each box of factor x factor pixels, rounded to nearest. Grid: width x height of the
// reduced picture.
KERNEL(reduce_luma, ReduceLumaArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.width || y >= a.height) return;
    u32 sum = 0;
    for (u32 dy = 0; dy < a.factor; dy++) {
        const u8* row = (const u8*)a.picture.plane[0] + (u64)(y * a.factor + dy) * a.picture.pitch[0];
        for (u32 dx = 0; dx < a.factor; dx++) {
            const u32 px = x * a.factor + dx;
            if (a.picture.kind == KIND_PACKED) {
                const u8* at = row + (u64)px * a.picture.pixel_bytes;
                sum += luma_of_rgb(at[a.picture.offset[0]], at[a.picture.offset[1]], at[a.picture.offset[2]]);
            } else if (a.picture.kind == KIND_P010) {
                sum += p010_to_u8(((const u16*)row)[px]);
            } else {
                sum += row[px];
            }
        }
    }
    const u32 count = a.factor * a.factor;
    ((u8*)a.out)[(u64)y * a.width + x] = (u8)((sum + count / 2) / count);
}

#define THREADS 256u

struct ShiftScoresArgs {
    u64 before;
    u64 now;
    // (2 * reach + 1)^2 numbers of 32 bits, row by row from the shift (-reach, -reach) on.
    u64 scores;
    u32 width;
    u32 height;
    u32 reach;
    u32 reserved;
};

// The sum of absolute differences of now(x + dx, y + dy) and before(x, y), over the pixels that both have.
// Grid: a block of THREADS threads a shift.
KERNEL_SYNC(shift_scores, ShiftScoresArgs) {
    SHARED u32 total;
    if (threadIdx.x == 0) total = 0;
    SYNC();
    const i32 side = (i32)(2 * a.reach + 1);
    const i32 dx = (i32)blockIdx.x % side - (i32)a.reach, dy = (i32)blockIdx.x / side - (i32)a.reach;
    const i32 left = dx < 0 ? -dx : 0, top = dy < 0 ? -dy : 0;
    const i32 columns = (i32)a.width - (dx < 0 ? -dx : dx), rows = (i32)a.height - (dy < 0 ? -dy : dy);
    u32 sum = 0;
    if (columns > 0 && rows > 0) {
        for (u32 i = threadIdx.x; i < (u32)(columns * rows); i += THREADS) {
            const i32 x = left + (i32)(i % (u32)columns), y = top + (i32)(i / (u32)columns);
            const i32 p = ((const u8*)a.before)[(u64)y * a.width + x];
            const i32 q = ((const u8*)a.now)[(u64)(y + dy) * a.width + (x + dx)];
            sum += (u32)(p > q ? p - q : q - p);
        }
    }
    if (sum) atomicAdd(&total, sum);
    SYNC();
    if (threadIdx.x == 0) ((u32*)a.scores)[blockIdx.x] = total;
}
