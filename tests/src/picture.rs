//! Frames with a bright ellipse on a dark, textured ground.

use vesalius_draw::Layer;
use vesalius_measure::frame::PixelFormat;

/// The pixel formats that the elements take.
pub const FORMATS: [gst_video::VideoFormat; 9] = [
    gst_video::VideoFormat::Nv12,
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Rgb,
    gst_video::VideoFormat::Rgbx,
    gst_video::VideoFormat::Bgr,
    gst_video::VideoFormat::Bgrx,
    gst_video::VideoFormat::Rgba,
    gst_video::VideoFormat::Bgra,
    gst_video::VideoFormat::Gray8,
];

/// Frames a second of every picture here.
pub const FPS: u64 = 25;

/// Bytes of padding: value, and how many in front of a plane and after each row.
const PADDING: (u8, usize, usize) = (0xa5, 64, 40);

/// How a frame lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As the caps say.
    Plain,
    /// With bytes in front of each plane and after each row, which a video meta tells of.
    Padded,
}

/// Caps and layout of a stream at 25 frames a second.
///
/// # Panics
///
/// When GStreamer knows no such picture.
pub fn info(format: gst_video::VideoFormat, width: u32, height: u32) -> gst_video::VideoInfo {
    crate::init();
    gst_video::VideoInfo::builder(format, width, height)
        .fps(gst::Fraction::new(FPS as i32, 1))
        .build()
        .expect("the formats and sizes of the tests are ones that GStreamer has")
}

/// Time stamp of frame `number`.
pub fn pts(number: u64) -> gst::ClockTime {
    number * gst::ClockTime::SECOND / FPS
}

/// The crates' name of a format.
///
/// # Panics
///
/// When the elements do not take it.
pub fn pixel_format(format: gst_video::VideoFormat) -> PixelFormat {
    let index = FORMATS.iter().position(|f| *f == format).expect("a format of FORMATS");
    [
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Rgb,
        PixelFormat::Rgbx,
        PixelFormat::Bgr,
        PixelFormat::Bgrx,
        PixelFormat::Rgba,
        PixelFormat::Bgra,
        PixelFormat::Gray8,
    ][index]
}

/// Offset and stride of each plane.
fn layout(info: &gst_video::VideoInfo, memory: Memory) -> (Vec<usize>, Vec<i32>, usize) {
    if memory == Memory::Plain {
        return (info.offset().to_vec(), info.stride().to_vec(), info.size());
    }
    let format = pixel_format(info.format());
    let (_, before, after) = PADDING;
    let (mut offsets, mut strides, mut end) = (Vec::new(), Vec::new(), 0);
    for plane in 0..format.planes() {
        let layout = format.plane_layout(plane, info.width() as usize, info.height() as usize);
        let stride = (layout.row_bytes + after).next_multiple_of(8);
        offsets.push(end + before);
        strides.push(i32::try_from(stride).expect("small pictures"));
        end += before + stride * layout.rows;
    }
    (offsets, strides, end)
}

/// Whether a pixel lies in the bright ellipse: axes of 60 % of the picture's sides, in its middle.
pub fn is_bright(width: usize, height: usize, x: usize, y: usize) -> bool {
    let part = |i: usize, side: usize| ((i as f64 + 0.5) / side as f64 - 0.5) / 0.3;
    part(x, width).hypot(part(y, height)) <= 1.0
}

/// Frame `number` of a stream: the ellipse at about 220, the ground at about 40, and a texture that differs from
/// frame to frame, plane to plane and channel to channel, so that a byte in the wrong place is seen.
///
/// # Panics
///
/// When memory cannot be had.
pub fn frame(info: &gst_video::VideoInfo, number: u64, memory: Memory) -> gst::Buffer {
    let (offsets, strides, size) = layout(info, memory);
    let format = pixel_format(info.format());
    let (width, height) = (info.width() as usize, info.height() as usize);
    let mut bytes = vec![PADDING.0; size];
    for plane in 0..format.planes() {
        let layout = format.plane_layout(plane, width, height);
        for y in 0..layout.rows {
            let start = offsets[plane] + y * strides[plane] as usize;
            for (i, byte) in bytes[start..start + layout.row_bytes].iter_mut().enumerate() {
                let texture = ((i * 7 + y * 13 + plane * 5) as u64 + number * 3) % 16;
                let level = if plane > 0 {
                    120
                } else if is_bright(width, height, i / format.bytes_per_pixel(), y) {
                    212
                } else {
                    32
                };
                *byte = level + texture as u8;
            }
        }
    }
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let writable = buffer.get_mut().expect("nobody else has it yet");
    writable.set_pts(pts(number));
    writable.set_duration(pts(1));
    if memory == Memory::Padded {
        gst_video::VideoMeta::add_full(
            writable,
            gst_video::VideoFrameFlags::empty(),
            info.format(),
            info.width(),
            info.height(),
            &offsets,
            &strides,
        )
        .expect("the layout fits the memory");
    }
    buffer
}

/// All bytes of a buffer, padding included.
///
/// # Panics
///
/// When they cannot be read.
pub fn bytes(buffer: &gst::BufferRef) -> Vec<u8> {
    buffer.map_readable().expect("system memory can be read").to_vec()
}

/// Which bytes of a frame's memory a drawing may change: colour bytes of drawn pixels, chroma of drawn 2×2 blocks.
/// Alpha, unused bytes and padding are never among them.
pub fn drawn_bytes(layer: &Layer, info: &gst_video::VideoInfo, memory: Memory) -> Vec<bool> {
    let (offsets, strides, size) = layout(info, memory);
    let format = pixel_format(info.format());
    let (width, height) = (info.width() as usize, info.height() as usize);
    let drawn = |x: usize, y: usize| layer.pixel(x, y)[3] > 0;
    let mut touched = vec![false; size];
    for plane in 0..format.planes() {
        let layout = format.plane_layout(plane, width, height);
        for y in 0..layout.rows {
            for i in 0..layout.row_bytes {
                touched[offsets[plane] + y * strides[plane] as usize + i] = if plane == 0 {
                    let size = format.bytes_per_pixel();
                    i % size < 3 && drawn(i / size, y)
                } else {
                    let x = if format == PixelFormat::Nv12 { i / 2 } else { i };
                    (0..4).any(|k| drawn(2 * x + k % 2, 2 * y + k / 2))
                };
            }
        }
    }
    touched
}
