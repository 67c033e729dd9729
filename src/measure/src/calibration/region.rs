//! Scales of parts of a picture, as DICOM ultrasound files carry them.

/// One item of the Sequence of Ultrasound Regions (0018,6011) as it stands in the file, unchecked
/// (DICOM PS3.3 C.8.5.5, <https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.8.5.5.html>).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UltrasoundRegion {
    /// Region Spatial Format (0018,6012): 1 is 2D.
    pub spatial_format: u16,
    /// Region Data Type (0018,6014): 1 is tissue.
    pub data_type: u16,
    /// Region Flags (0018,6016): bit 0 low priority, bit 1 scaling protected.
    pub flags: u32,
    /// Region Location Min X0 (0018,6018), in pixels of the picture.
    pub min_x0: u32,
    /// Region Location Min Y0 (0018,601A).
    pub min_y0: u32,
    /// Region Location Max X1 (0018,601C); inclusive by the standard, and often the exclusive end in practice.
    pub max_x1: u32,
    /// Region Location Max Y1 (0018,601E).
    pub max_y1: u32,
    /// Physical Units X Direction (0018,6024): 3 is cm.
    pub units_x: u16,
    /// Physical Units Y Direction (0018,6026).
    pub units_y: u16,
    /// Physical Delta X (0018,602C), in the units of x for one pixel to the right. May be negative.
    pub delta_x: f64,
    /// Physical Delta Y (0018,602E).
    pub delta_y: f64,
}
