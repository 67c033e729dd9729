//! The attributes that are read. All others are skipped; none of these says who the patient is, when or where.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use crate::error::Attribute;

/// An attribute that is read, and how its value is written where the file does not say (or says `UN`).
pub(crate) struct Wanted {
    pub attribute: Attribute,
    pub vr: VR,
}

const fn wanted(tag: Tag, vr: VR, name: &'static str) -> Wanted {
    Wanted { attribute: Attribute { name, tag }, vr }
}

/// Attributes of the file itself.
pub(crate) const OF_FILE: &[Wanted] = &[
    wanted(tags::TRANSFER_SYNTAX_UID, VR::UI, "Transfer Syntax UID"),
    wanted(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, "Media Storage SOP Class UID"),
    wanted(tags::SOP_CLASS_UID, VR::UI, "SOP Class UID"),
    wanted(tags::MODALITY, VR::CS, "Modality"),
    wanted(tags::MANUFACTURER, VR::LO, "Manufacturer"),
    wanted(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Manufacturer's Model Name"),
    wanted(tags::START_TRIM, VR::IS, "Start Trim"),
    wanted(tags::STOP_TRIM, VR::IS, "Stop Trim"),
    wanted(tags::RECOMMENDED_DISPLAY_FRAME_RATE, VR::IS, "Recommended Display Frame Rate"),
    wanted(tags::CINE_RATE, VR::IS, "Cine Rate"),
    wanted(tags::EFFECTIVE_DURATION, VR::DS, "Effective Duration"),
    wanted(tags::FRAME_TIME, VR::DS, "Frame Time"),
    wanted(tags::FRAME_TIME_VECTOR, VR::DS, "Frame Time Vector"),
    wanted(tags::FRAME_DELAY, VR::DS, "Frame Delay"),
    wanted(tags::IMAGER_PIXEL_SPACING, VR::DS, "Imager Pixel Spacing"),
    wanted(tags::NOMINAL_SCANNED_PIXEL_SPACING, VR::DS, "Nominal Scanned Pixel Spacing"),
    wanted(tags::INSTANCE_NUMBER, VR::IS, "Instance Number"),
    wanted(tags::SAMPLES_PER_PIXEL, VR::US, "Samples per Pixel"),
    wanted(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "Photometric Interpretation"),
    wanted(tags::PLANAR_CONFIGURATION, VR::US, "Planar Configuration"),
    wanted(tags::NUMBER_OF_FRAMES, VR::IS, "Number of Frames"),
    wanted(tags::FRAME_INCREMENT_POINTER, VR::AT, "Frame Increment Pointer"),
    wanted(tags::ROWS, VR::US, "Rows"),
    wanted(tags::COLUMNS, VR::US, "Columns"),
    wanted(tags::PIXEL_SPACING, VR::DS, "Pixel Spacing"),
    wanted(tags::PIXEL_ASPECT_RATIO, VR::IS, "Pixel Aspect Ratio"),
    wanted(tags::PIXEL_SPACING_CALIBRATION_TYPE, VR::CS, "Pixel Spacing Calibration Type"),
    wanted(tags::BITS_ALLOCATED, VR::US, "Bits Allocated"),
    wanted(tags::BITS_STORED, VR::US, "Bits Stored"),
    wanted(tags::HIGH_BIT, VR::US, "High Bit"),
    wanted(tags::PIXEL_REPRESENTATION, VR::US, "Pixel Representation"),
    wanted(tags::BURNED_IN_ANNOTATION, VR::CS, "Burned In Annotation"),
    wanted(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "Lossy Image Compression"),
    wanted(tags::WINDOW_CENTER, VR::DS, "Window Center"),
    wanted(tags::WINDOW_WIDTH, VR::DS, "Window Width"),
    wanted(tags::VOILUT_FUNCTION, VR::CS, "VOI LUT Function"),
    wanted(tags::RESCALE_INTERCEPT, VR::DS, "Rescale Intercept"),
    wanted(tags::RESCALE_SLOPE, VR::DS, "Rescale Slope"),
    wanted(
        tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        VR::US,
        "Red Palette Color Lookup Table Descriptor",
    ),
    wanted(
        tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        VR::US,
        "Green Palette Color Lookup Table Descriptor",
    ),
    wanted(
        tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
        VR::US,
        "Blue Palette Color Lookup Table Descriptor",
    ),
    wanted(tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA, VR::OW, "Red Palette Color Lookup Table Data"),
    wanted(tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA, VR::OW, "Green Palette Color Lookup Table Data"),
    wanted(tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA, VR::OW, "Blue Palette Color Lookup Table Data"),
    wanted(
        tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        VR::OW,
        "Segmented Red Palette Color Lookup Table Data",
    ),
    wanted(
        tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        VR::OW,
        "Segmented Green Palette Color Lookup Table Data",
    ),
    wanted(
        tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        VR::OW,
        "Segmented Blue Palette Color Lookup Table Data",
    ),
    wanted(tags::EXTENDED_OFFSET_TABLE, VR::OV, "Extended Offset Table"),
    wanted(tags::EXTENDED_OFFSET_TABLE_LENGTHS, VR::OV, "Extended Offset Table Lengths"),
];

/// Attributes of an item of the Sequence of Ultrasound Regions.
pub(crate) const OF_REGION: &[Wanted] = &[
    wanted(tags::REGION_SPATIAL_FORMAT, VR::US, "Region Spatial Format"),
    wanted(tags::REGION_DATA_TYPE, VR::US, "Region Data Type"),
    wanted(tags::REGION_FLAGS, VR::UL, "Region Flags"),
    wanted(tags::REGION_LOCATION_MIN_X0, VR::UL, "Region Location Min X0"),
    wanted(tags::REGION_LOCATION_MIN_Y0, VR::UL, "Region Location Min Y0"),
    wanted(tags::REGION_LOCATION_MAX_X1, VR::UL, "Region Location Max X1"),
    wanted(tags::REGION_LOCATION_MAX_Y1, VR::UL, "Region Location Max Y1"),
    wanted(tags::PHYSICAL_UNITS_X_DIRECTION, VR::US, "Physical Units X Direction"),
    wanted(tags::PHYSICAL_UNITS_Y_DIRECTION, VR::US, "Physical Units Y Direction"),
    wanted(tags::PHYSICAL_DELTA_X, VR::FD, "Physical Delta X"),
    wanted(tags::PHYSICAL_DELTA_Y, VR::FD, "Physical Delta Y"),
];

/// Attributes of an item of a look-up table's sequence.
pub(crate) const OF_LUT: &[Wanted] =
    &[wanted(tags::LUT_DESCRIPTOR, VR::US, "LUT Descriptor"), wanted(tags::LUT_DATA, VR::OW, "LUT Data")];

/// The attributes that are read of a sequence's items, for the sequences that are read.
pub(crate) fn of_items(sequence: Tag) -> Option<&'static [Wanted]> {
    match sequence {
        tags::SEQUENCE_OF_ULTRASOUND_REGIONS => Some(OF_REGION),
        tags::MODALITY_LUT_SEQUENCE | tags::VOILUT_SEQUENCE => Some(OF_LUT),
        _ => None,
    }
}

/// What is known of a tag in a list.
pub(crate) fn find(list: &'static [Wanted], tag: Tag) -> Option<&'static Wanted> {
    list.iter().find(|w| w.attribute.tag == tag)
}

/// The attribute's name for messages.
pub(crate) fn attribute(tag: Tag) -> Attribute {
    [OF_FILE, OF_REGION, OF_LUT]
        .into_iter()
        .find_map(|list| find(list, tag))
        .map_or(Attribute { name: "attribute", tag }, |w| w.attribute)
}
