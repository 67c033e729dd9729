// What a model gives to probabilities, labels and edges.
#include "common.cuh"

#define MAX_CLASSES 16

#define KIND_SIGMOID 0u
#define KIND_SOFTMAX 1u
#define KIND_PROBABILITIES 2u

// e to the power of x for x <= 0: range reduction by ln 2 in two parts and a polynomial of degree 6 (Cody and
// Waite, Software Manual for the Elementary Functions, 1980, chapter 6). The same operations in the same
// order as the CPU's.
INLINE float exp_of_negative(float x) {
    const float to_integer = 12582912.0f;
    x = x > -87.0f ? x : -87.0f;
    const float shifted = x * 1.44269504f + to_integer;
    const float n = shifted - to_integer;
    const float r = (x - n * (355.0f / 512.0f)) - n * -2.1219444e-4f;
    const float tail = 1.0f / 24.0f + r * (1.0f / 120.0f + r * (1.0f / 720.0f));
    const float polynomial = 1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6.0f + r * tail)));
    const u32 power = (__float_as_uint(shifted) - __float_as_uint(to_integer)) << 23;
    return __uint_as_float(__float_as_uint(polynomial) + power);
}

INLINE float magnitude(float x) { return __uint_as_float(__float_as_uint(x) & 0x7fffffffu); }

struct ProbabilitiesArgs {
    // Floats, channels first or last.
    u64 output;
    // One map a class, of the model's size.
    u64 maps;
    // A class index a pixel; 0 is background.
    u64 labels;
    // Counts values that are no numbers, or no probabilities.
    u64 bad_values;
    u32 width;
    u32 height;
    u32 content_x;
    u32 content_y;
    u32 content_width;
    u32 content_height;
    u32 channels;
    u32 classes;
    u32 kind;
    u32 nhwc;
    // Scores are divided by it; 1 changes no bit.
    float temperature;
    u32 spare;
    float threshold[MAX_CLASSES];
};

INLINE float output_at(const ProbabilitiesArgs& a, u32 channel, u32 x, u32 y) {
    const u64 at = a.nhwc ? ((u64)y * a.width + x) * a.channels + channel
                          : ((u64)channel * a.height + y) * a.width + x;
    return ((const float*)a.output)[at];
}

// Grid: width x height of the model's picture. The border of a letterbox is 0 whatever the model says of it.
KERNEL(probabilities, ProbabilitiesArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.width || y >= a.height) return;
    u32 bad = 0;
    float largest = -__uint_as_float(0x7f800000u);
    for (u32 c = 0; c < a.channels; c++) {
        const float v = output_at(a, c, x, y);
        const bool good = a.kind == KIND_PROBABILITIES ? magnitude(v - 0.5f) <= 0.5f + 1e-3f
                                                       : magnitude(v) < __uint_as_float(0x7f800000u);
        bad += good ? 0u : 1u;
        const float score = v / a.temperature;
        largest = score > largest ? score : largest;
    }
    if (bad) atomicAdd((u32*)a.bad_values, bad);
    const bool inside = x - a.content_x < a.content_width && y - a.content_y < a.content_height;
    float sum = 0.0f;
    if (a.kind == KIND_SOFTMAX) {
        for (u32 c = 0; c < a.channels; c++) sum += exp_of_negative(output_at(a, c, x, y) / a.temperature - largest);
    }
    const u32 first = a.channels - a.classes;
    const u64 at = (u64)y * a.width + x;
    float best = 0.0f;
    u8 label = 0;
    for (u32 i = 0; i < a.classes; i++) {
        float p = 0.0f;
        if (inside) {
            const float raw = output_at(a, first + i, x, y);
            const float v = a.kind == KIND_PROBABILITIES ? raw : raw / a.temperature;
            if (a.kind == KIND_SIGMOID) {
                const float e = exp_of_negative(-magnitude(v));
                const float larger = 1.0f / (1.0f + e);
                p = v >= 0.0f ? larger : e * larger;
            } else if (a.kind == KIND_SOFTMAX) {
                p = exp_of_negative(v - largest) / sum;
            } else {
                p = v < 0.0f ? 0.0f : (v > 1.0f ? 1.0f : v);
            }
        }
        ((float*)a.maps)[(u64)i * a.width * a.height + at] = p;
        if (p >= a.threshold[i] && p > best) {
            best = p;
            label = (u8)(i + 1);
        }
    }
    ((u8*)a.labels)[at] = label;
}

// One end of a bilinear look-up: lower and upper neighbour and the upper one's weight.
struct AxisTap {
    u32 below;
    u32 above;
    float weight;
};

struct LabelSourceArgs {
    u64 maps;
    // Axis taps of the source's columns and rows.
    u64 columns;
    u64 rows;
    u64 labels;
    u32 pitch;
    u32 width;
    u32 height;
    u32 model_width;
    u32 model_height;
    u32 classes;
    float threshold[MAX_CLASSES];
};

// Grid: width x height of the source.
KERNEL(label_source, LabelSourceArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.width || y >= a.height) return;
    const AxisTap column = ((const AxisTap*)a.columns)[x], row = ((const AxisTap*)a.rows)[y];
    float best = 0.0f;
    u8 label = 0;
    for (u32 i = 0; i < a.classes; i++) {
        const float* map = (const float*)a.maps + (u64)i * a.model_width * a.model_height;
        const float* top = map + (u64)row.below * a.model_width;
        const float* bottom = map + (u64)row.above * a.model_width;
        const float left = top[column.below] + (bottom[column.below] - top[column.below]) * row.weight;
        const float right = top[column.above] + (bottom[column.above] - top[column.above]) * row.weight;
        const float p = left + (right - left) * column.weight;
        if (p >= a.threshold[i] && p > best) {
            best = p;
            label = (u8)(i + 1);
        }
    }
    ((u8*)a.labels)[(u64)y * a.pitch + x] = label;
}

struct LabelEdgeArgs {
    u64 labels;
    u64 edges;
    u32 pitch;
    u32 edge_pitch;
    u32 width;
    u32 height;
};

// The label of pixels with a neighbour above, below, left or right that has another, else 0. Grid: width x
// height.
KERNEL(label_edge, LabelEdgeArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.width || y >= a.height) return;
    const u8* at = (const u8*)a.labels + (u64)y * a.pitch + x;
    const u8 label = *at;
    const bool edge = (x > 0 && at[-1] != label) || (x + 1 < a.width && at[1] != label) ||
                      (y > 0 && *(at - a.pitch) != label) || (y + 1 < a.height && at[a.pitch] != label);
    ((u8*)a.edges)[(u64)y * a.edge_pitch + x] = edge ? label : 0;
}

struct EdgeBandArgs {
    u64 map;
    // One bit a pixel, rows of whole 32-bit words: whether it reaches the threshold.
    u64 inside;
    // Pairs of a pixel's index and its value's bits.
    u64 band;
    // How many pixels are in the band, written or not.
    u64 count;
    u32 width;
    u32 height;
    u32 content_x;
    u32 content_y;
    u32 content_width;
    u32 content_height;
    u32 capacity;
    float threshold;
};

INLINE bool reaches(const EdgeBandArgs& a, i32 x, i32 y) {
    // Outside the content lies 0.
    const u32 cx = (u32)x - a.content_x, cy = (u32)y - a.content_y;
    const float p =
        cx < a.content_width && cy < a.content_height ? ((const float*)a.map)[(u64)y * a.width + x] : 0.0f;
    return p >= a.threshold;
}

// The values that an iso-line at the threshold is interpolated from, and nothing else: pixels of which one of
// the eight around it is on the other side. Grid: words of 32 pixels of a row x rows.
KERNEL(edge_band, EdgeBandArgs) {
    const u32 word = global_x(), y = global_y();
    const u32 words = (a.width + 31) / 32;
    if (word >= words || y >= a.height) return;
    u32 bits = 0;
    for (u32 k = 0; k < 32 && word * 32 + k < a.width; k++) {
        const i32 x = (i32)(word * 32 + k), row = (i32)y;
        if (x - a.content_x >= a.content_width || y - a.content_y >= a.content_height) continue;
        const bool here = reaches(a, x, row);
        bits |= here ? 1u << k : 0u;
        bool mixed = false;
        for (i32 dy = -1; dy <= 1; dy++) {
            for (i32 dx = -1; dx <= 1; dx++) mixed |= reaches(a, x + dx, row + dy) != here;
        }
        if (mixed) {
            const u32 slot = atomicAdd((u32*)a.count, 1u);
            if (slot < a.capacity) {
                const u64 at = (u64)y * a.width + (u32)x;
                ((u32*)a.band)[2 * (u64)slot] = (u32)at;
                ((u32*)a.band)[2 * (u64)slot + 1] = __float_as_uint(((const float*)a.map)[at]);
            }
        }
    }
    ((u32*)a.inside)[(u64)y * words + word] = bits;
}
