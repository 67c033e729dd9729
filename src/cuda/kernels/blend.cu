// What is drawn onto the picture, in the picture's own format: the arithmetic of vesalius-draw, byte for
// byte.
//
// A thread has one block of 2x2 pixels, so that luma and chroma of a pixel are written by one thread and
// every byte once. A block in which nothing is drawn is not touched.
#include "common.cuh"

// One row of a colour matrix for premultiplied pixels, in 1/16384.
struct MatrixRow {
    i32 red;
    i32 green;
    i32 blue;
    i32 offset;
};

struct Matrix {
    MatrixRow y;
    MatrixRow u;
    MatrixRow v;
};

INLINE i32 apply(const MatrixRow& row, const i32 sum[4], u32 shift) {
    const i32 v = row.red * sum[2] + row.green * sum[1] + row.blue * sum[0] + row.offset * sum[3];
    return (v + (1 << (13 + shift))) >> (14 + shift);
}

// Blends a block whose upper left pixel is (x, y), both even. Pixels are blue, green, red, alpha in four
// bytes, blue lowest, in the order upper left, upper right, lower left, lower right; outside the picture they
// are 0.
INLINE void blend_block(const Picture& p, const Matrix& matrix, u32 x, u32 y, const u32 pixels[4]) {
    if (((pixels[0] | pixels[1] | pixels[2] | pixels[3]) >> 24) == 0) return;
    i32 sum[4] = {0, 0, 0, 0};
    for (u32 i = 0; i < 4; i++) {
        const u32 px = x + (i & 1), py = y + (i >> 1);
        const i32 c[4] = {(i32)(pixels[i] & 255), (i32)(pixels[i] >> 8 & 255), (i32)(pixels[i] >> 16 & 255),
                          (i32)(pixels[i] >> 24)};
        if (c[3] == 0 || px >= p.width || py >= p.height) continue;
        const u32 rest = 255u - (u32)c[3];
        u8* at = (u8*)p.plane[0] + (u64)py * p.pitch[0];
        if (p.kind == KIND_PACKED) {
            at += (u64)px * p.pixel_bytes;
            for (u32 k = 0; k < 3; k++) {
                u8* d = at + p.offset[k];
                *d = (u8)((u32)c[2 - k] + (*d * rest + 127u) / 255u);
            }
        } else {
            at += px;
            *at = clip_to_u8(apply(matrix.y, c, 0) + (i32)((*at * rest + 127u) / 255u));
            for (u32 k = 0; k < 4; k++) sum[k] += c[k];
        }
    }
    if (p.kind == KIND_PACKED || p.kind == KIND_GRAY) return;
    // 4 pixels in a block, 2 or 1 at odd edges.
    const u32 shift = (x + 1 < p.width ? 1u : 0u) + (y + 1 < p.height ? 1u : 0u);
    const u32 n = 1u << shift;
    const u32 clear = 255u * n - (u32)sum[3];
    for (u32 k = 0; k < 2; k++) {
        u8* d = p.kind == KIND_I420 ? (u8*)p.plane[1 + k] + (u64)(y / 2) * p.pitch[1 + k] + x / 2
                                    : (u8*)p.plane[1] + (u64)(y / 2) * p.pitch[1] + x + k;
        const u32 rest = (*d * clear + 127u * n) / (255u * n);
        *d = clip_to_u8(apply(k == 0 ? matrix.u : matrix.v, sum, shift) + (i32)rest);
    }
}

#define TILE_WIDTH 64u
#define TILE_HEIGHT 32u

struct BlendTilesArgs {
    Picture picture;
    Matrix matrix;
    // Left and top of each tile, two 32-bit numbers, both even.
    u64 places;
    // 64x32 premultiplied pixels a tile.
    u64 pixels;
    u32 tiles;
    u32 reserved;
};

// Grid: a tile along x, its 512 blocks of pixels along y.
KERNEL(blend_tiles, BlendTilesArgs) {
    const u32 tile = blockIdx.x, block = blockIdx.y * blockDim.x + threadIdx.x;
    if (block >= TILE_WIDTH / 2 * (TILE_HEIGHT / 2) || tile >= a.tiles) return;
    const u32 bx = block % (TILE_WIDTH / 2) * 2, by = block / (TILE_WIDTH / 2) * 2;
    const u32 x = ((const u32*)a.places)[2 * tile] + bx, y = ((const u32*)a.places)[2 * tile + 1] + by;
    if (x >= a.picture.width || y >= a.picture.height) return;
    const u32* from = (const u32*)a.pixels + (u64)tile * TILE_WIDTH * TILE_HEIGHT + by * TILE_WIDTH + bx;
    const u32 pixels[4] = {from[0], from[1], from[TILE_WIDTH], from[TILE_WIDTH + 1]};
    blend_block(a.picture, a.matrix, x, y, pixels);
}

#define MAX_CLASSES 16

struct TintArgs {
    Picture picture;
    Matrix matrix;
    // A class index a pixel.
    u64 labels;
    u32 pitch;
    // The premultiplied colour of each class; 0 for none. Class 0 is background.
    u32 color[MAX_CLASSES + 1];
};

// Each pixel the colour of its label. Grid: the blocks of 2x2 pixels of the picture.
KERNEL(tint_labels, TintArgs) {
    const u32 x = global_x() * 2, y = global_y() * 2;
    if (x >= a.picture.width || y >= a.picture.height) return;
    u32 pixels[4];
    for (u32 i = 0; i < 4; i++) {
        const u32 px = x + (i & 1), py = y + (i >> 1);
        const bool inside = px < a.picture.width && py < a.picture.height;
        const u32 label = inside ? ((const u8*)a.labels)[(u64)py * a.pitch + px] : 0;
        pixels[i] = label <= MAX_CLASSES ? a.color[label] : 0;
    }
    blend_block(a.picture, a.matrix, x, y, pixels);
}
