// What is measured of a mask of labels without bringing it to the host: some hundred bytes a class.
#include "common.cuh"

#define MAX_CLASSES 16
// Pixels, sums of x, y, x*x, x*y, y*y; largest of (2^32 - 1 - x), (2^32 - 1 - y), x, y; pixels that lie on
// the first column, the last column, the first row and the last row of the field.
#define FIELDS 14

#define TILE_WIDTH 64u
#define TILE_HEIGHT 32u
#define THREADS 256u

struct ClassSumsArgs {
    u64 labels;
    // FIELDS numbers of 64 bits a class, 0 before the first call.
    u64 sums;
    u32 pitch;
    u32 width;
    u32 height;
    u32 classes;
    // The part of the picture that can hold something: contact is counted at its edges, and only its pixels
    // count.
    u32 field_x;
    u32 field_y;
    u32 field_width;
    u32 field_height;
};

INLINE void flush(u64* sums, const u64 run[FIELDS]) {
    for (u32 f = 0; f < FIELDS; f++) {
        const bool largest = f >= 6 && f < 10;
        if (run[f] == 0) continue;
        if (largest) {
            atomicMax(&sums[f], run[f]);
        } else {
            atomicAdd(&sums[f], run[f]);
        }
    }
}

// Grid: tiles of 64x32 pixels x 1, THREADS threads each. A thread walks down a column of 8 pixels, gathers
// runs of one label, adds them to the block's sums, and those go to the picture's.
KERNEL_SYNC(class_sums, ClassSumsArgs) {
    SHARED u64 sums[MAX_CLASSES * FIELDS];
    const u32 thread = threadIdx.x;
    for (u32 i = thread; i < MAX_CLASSES * FIELDS; i += THREADS) sums[i] = 0;
    SYNC();
    const u32 tiles_x = (a.width + TILE_WIDTH - 1) / TILE_WIDTH;
    const u32 x = blockIdx.x % tiles_x * TILE_WIDTH + thread % TILE_WIDTH;
    const u32 first = blockIdx.x / tiles_x * TILE_HEIGHT + thread / TILE_WIDTH * 8;
    const u32 end_x = a.field_x + a.field_width, end_y = a.field_y + a.field_height;
    u64 run[FIELDS];
    u32 of = 0;
    for (u32 f = 0; f < FIELDS; f++) run[f] = 0;
    for (u32 y = first; y < first + 8 && y < a.height && x < a.width; y++) {
        if (x < a.field_x || x >= end_x || y < a.field_y || y >= end_y) continue;
        const u32 label = ((const u8*)a.labels)[(u64)y * a.pitch + x];
        if (label == 0 || label > a.classes) continue;
        if (label != of) {
            if (of) flush(sums + (of - 1) * FIELDS, run);
            for (u32 f = 0; f < FIELDS; f++) run[f] = 0;
            of = label;
        }
        const u64 lx = x, ly = y;
        run[0] += 1;
        run[1] += lx;
        run[2] += ly;
        run[3] += lx * lx;
        run[4] += lx * ly;
        run[5] += ly * ly;
        const u64 from_right = 0xffffffffull - lx, from_bottom = 0xffffffffull - ly;
        run[6] = from_right > run[6] ? from_right : run[6];
        run[7] = from_bottom > run[7] ? from_bottom : run[7];
        run[8] = lx > run[8] ? lx : run[8];
        run[9] = ly > run[9] ? ly : run[9];
        run[10] += x == a.field_x;
        run[11] += x + 1 == end_x;
        run[12] += y == a.field_y;
        run[13] += y + 1 == end_y;
    }
    if (of) flush(sums + (of - 1) * FIELDS, run);
    SYNC();
    for (u32 i = thread; i < a.classes * FIELDS; i += THREADS) {
        const u32 f = i % FIELDS;
        if (sums[i] == 0) continue;
        if (f >= 6 && f < 10) {
            atomicMax(&((u64*)a.sums)[i], sums[i]);
        } else {
            atomicAdd(&((u64*)a.sums)[i], sums[i]);
        }
    }
}
