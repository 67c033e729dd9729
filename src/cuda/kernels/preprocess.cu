// A picture to the tensor that a model takes.
//
// Two passes, as on the CPU: `resize_rows` brings a plane's rows to the content's height, reading each byte
// of the frame once per row that it takes part in, in the format that it came in; `write_tensor` resizes
// those few rows along x, converts colours, normalises by table and writes the tensor with its border. Both
// round to 8 bits, as Pillow does.
#include "common.cuh"

struct ResizeRowsArgs {
    // First sample of the part of the plane that is seen.
    u64 source;
    // Rows of bytes, one sample each.
    u64 out;
    Taps taps;
    u32 source_pitch;
    u32 out_pitch;
    // Samples in a row: pixels times channels.
    u32 columns;
    u32 rows;
    // 1, or 2 for P010.
    u32 sample_bytes;
    u32 reserved;
};

// Grid: columns x rows of the output.
KERNEL(resize_rows, ResizeRowsArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.columns || y >= a.rows) return;
    const u32 start = ((const u32*)a.taps.start)[y];
    const i16* weights = (const i16*)a.taps.weights + (u64)y * a.taps.window;
    const u8* column = (const u8*)a.source + (u64)start * a.source_pitch + (u64)x * a.sample_bytes;
    i32 sum = 1 << (a.taps.precision - 1);
    for (u32 k = 0; k < a.taps.window; k++) {
        const i32 w = weights[k];
        // The window's end can lie below the plane; its weights there are 0 and nothing is read.
        if (w != 0) {
            const u8* at = column + (u64)k * a.source_pitch;
            sum += w * (i32)(a.sample_bytes == 2 ? p010_to_u8(*(const u16*)at) : *at);
        }
    }
    ((u8*)a.out)[(u64)y * a.out_pitch + x] = clip_to_u8(sum >> a.taps.precision);
}

struct WriteTensorArgs {
    // What `resize_rows` wrote of each plane.
    u64 plane[3];
    u64 tensor;
    // 3 x 256 values of 32 bits: the float of each byte, or the half float in the low 16 bits.
    u64 table;
    Taps taps;
    Taps chroma_taps;
    u32 pitch[3];
    u32 kind;
    u32 pixel_bytes;
    u32 offset[3];
    // The model's picture, and the part that shows the source.
    u32 width;
    u32 height;
    u32 content_x;
    u32 content_y;
    u32 content_width;
    u32 content_height;
    // 1 or 3; 3 channels red first, or blue first.
    u32 channels;
    u32 blue_first;
    // Channels last instead of first.
    u32 nhwc;
    // 16-bit floats instead of 32.
    u32 half_floats;
    // What stands in the border, as in the table.
    u32 pad[3];
    // YUV to RGB, as `YuvToRgb` on the CPU.
    float luma_offset;
    float luma_gain;
    float red_from_v;
    float green_from_u;
    float green_from_v;
    float blue_from_u;
    u32 reserved;
};

// One sample of a row, resized along x. `step` bytes from pixel to pixel.
INLINE u8 resized(const u8* row, const Taps& taps, u32 x, u32 step, u32 offset) {
    const u32 start = ((const u32*)taps.start)[x];
    const i16* weights = (const i16*)taps.weights + (u64)x * taps.window;
    i32 sum = 1 << (taps.precision - 1);
    for (u32 k = 0; k < taps.window; k++) {
        const i32 w = weights[k];
        if (w != 0) sum += w * (i32)row[(u64)(start + k) * step + offset];
    }
    return clip_to_u8(sum >> taps.precision);
}

INLINE u8 to_byte(float value) {
    value = value + 0.5f;
    return (u8)(value <= 0.0f ? 0.0f : (value >= 255.0f ? 255.0f : value));
}

INLINE void put(const WriteTensorArgs& a, u32 channel, u32 x, u32 y, u32 bits) {
    const u64 at = a.nhwc ? ((u64)y * a.width + x) * a.channels + channel
                          : ((u64)channel * a.height + y) * a.width + x;
    if (a.half_floats) {
        ((u16*)a.tensor)[at] = (u16)bits;
    } else {
        ((u32*)a.tensor)[at] = bits;
    }
}

// Grid: width x height of the model's picture.
KERNEL(write_tensor, WriteTensorArgs) {
    const u32 x = global_x(), y = global_y();
    if (x >= a.width || y >= a.height) return;
    // Below the content's left or top edge the difference wraps round and is large.
    const u32 cx = x - a.content_x, cy = y - a.content_y;
    if (cx >= a.content_width || cy >= a.content_height) {
        for (u32 c = 0; c < a.channels; c++) put(a, c, x, y, a.pad[c]);
        return;
    }
    const u8* row = (const u8*)a.plane[0] + (u64)cy * a.pitch[0];
    u8 value[3];
    if (a.kind == KIND_PACKED) {
        for (u32 c = 0; c < 3; c++) value[c] = resized(row, a.taps, cx, a.pixel_bytes, a.offset[c]);
        if (a.channels == 1) value[0] = luma_of_rgb(value[0], value[1], value[2]);
    } else {
        const u8 luma = resized(row, a.taps, cx, 1, 0);
        value[0] = value[1] = value[2] = luma;
        if (a.channels == 3 && a.kind != KIND_GRAY) {
            const bool planar = a.kind == KIND_I420;
            const u8* u_row = (const u8*)a.plane[1] + (u64)cy * a.pitch[1];
            const u8* v_row = planar ? (const u8*)a.plane[2] + (u64)cy * a.pitch[2] : u_row;
            const float u = (float)resized(u_row, a.chroma_taps, cx, planar ? 1 : 2, 0) - 128.0f;
            const float v = (float)resized(v_row, a.chroma_taps, cx, planar ? 1 : 2, planar ? 0 : 1) - 128.0f;
            const float l = ((float)luma - a.luma_offset) * a.luma_gain;
            value[0] = to_byte(l + a.red_from_v * v);
            value[1] = to_byte(l + a.green_from_u * u + a.green_from_v * v);
            value[2] = to_byte(l + a.blue_from_u * u);
        }
    }
    for (u32 c = 0; c < a.channels; c++) {
        const u32 from = a.blue_first ? a.channels - 1 - c : c;
        put(a, c, x, y, ((const u32*)a.table)[c * 256 + value[from]]);
    }
}
