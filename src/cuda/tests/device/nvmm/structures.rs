//! The C structures as they are declared, against NVIDIA's headers; see `nvmm::sys` for their addresses.

use std::mem::{align_of, offset_of, size_of};

use vesalius_cuda::nvmm::sys::{
    CuEglFrame, NvBufSurface, NvBufSurfaceMappedAddr, NvBufSurfaceParams, NvBufSurfacePlaneParams,
};

/// Worked out from the headers by hand, for a machine of 64 bits: every field at the next multiple of its
/// size. Of the plane structure 25 numbers of 4 bytes come before 16 pointers: 100, padded to 104, and
/// 128 more.
#[test]
fn structures_lie_as_the_headers_have_them() {
    assert_eq!(size_of::<NvBufSurfacePlaneParams>(), 232);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, width), 4);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, height), 20);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, pitch), 36);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, offset), 52);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, psize), 68);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, bytes_per_pix), 84);
    assert_eq!(offset_of!(NvBufSurfacePlaneParams, reserved), 104);

    assert_eq!(size_of::<NvBufSurfaceMappedAddr>(), 72);
    assert_eq!(offset_of!(NvBufSurfaceMappedAddr, egl_image), 32);

    assert_eq!(offset_of!(NvBufSurfaceParams, pitch), 8);
    assert_eq!(offset_of!(NvBufSurfaceParams, color_format), 12);
    assert_eq!(offset_of!(NvBufSurfaceParams, layout), 16);
    assert_eq!(offset_of!(NvBufSurfaceParams, buffer_desc), 24);
    assert_eq!(offset_of!(NvBufSurfaceParams, data_size), 32);
    assert_eq!(offset_of!(NvBufSurfaceParams, data_ptr), 40);
    assert_eq!(offset_of!(NvBufSurfaceParams, plane_params), 48);
    assert_eq!(offset_of!(NvBufSurfaceParams, mapped_addr), 280);
    // `paramex` and what came later follow here.
    assert_eq!(size_of::<NvBufSurfaceParams>(), 352);

    assert_eq!(offset_of!(NvBufSurface, num_filled), 8);
    assert_eq!(offset_of!(NvBufSurface, is_contiguous), 12);
    assert_eq!(offset_of!(NvBufSurface, mem_type), 16);
    assert_eq!(offset_of!(NvBufSurface, surface_list), 24);
    assert_eq!(size_of::<NvBufSurface>(), 32);

    // Three pointers and nine numbers: 60, padded to 64.
    assert_eq!((size_of::<CuEglFrame>(), align_of::<CuEglFrame>()), (64, 8));
    assert_eq!(offset_of!(CuEglFrame, width), 24);
    assert_eq!(offset_of!(CuEglFrame, pitch), 36);
    assert_eq!(offset_of!(CuEglFrame, plane_count), 40);
    assert_eq!(offset_of!(CuEglFrame, frame_type), 48);
    assert_eq!(offset_of!(CuEglFrame, cu_format), 56);
}
