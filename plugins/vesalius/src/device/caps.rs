//! Where frames lie, as caps say it.

/// Where the frames of a stream lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the computer's memory.
    #[default]
    Host,
    /// In GStreamer's `memory:CUDAMemory`.
    Cuda,
    /// In NVIDIA's `memory:NVMM`.
    #[cfg(feature = "nvmm")]
    Nvmm,
}

/// The places that are not the computer's memory.
const ON_DEVICE: &[Place] = &[
    Place::Cuda,
    #[cfg(feature = "nvmm")]
    Place::Nvmm,
];

/// Which place is offered first, where there is a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Preference {
    /// As the others have it.
    #[default]
    None,
    /// The GPU: what works on the frames is there.
    Device,
    /// The computer's memory: what works on the frames is the processor.
    Host,
}

impl Place {
    /// The place that a caps feature names, if it is one of the GPU's.
    pub(crate) const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Host => None,
            Self::Cuda => Some("memory:CUDAMemory"),
            #[cfg(feature = "nvmm")]
            Self::Nvmm => Some("memory:NVMM"),
        }
    }

    /// Whether frames there can be used on this machine. The driver is only looked for where somebody speaks of it.
    fn is_usable(self) -> bool {
        match self {
            Self::Host => true,
            Self::Cuda => super::site().is_ok_and(|site| site.gst.is_ok()),
            #[cfg(feature = "nvmm")]
            Self::Nvmm => super::site().is_ok(),
        }
    }

    /// Whether the computer can map such frames to read them.
    pub(crate) const fn is_readable(self) -> bool {
        match self {
            Self::Host | Self::Cuda => true,
            #[cfg(feature = "nvmm")]
            Self::Nvmm => false,
        }
    }

    fn of_features(features: &gst::CapsFeaturesRef) -> Self {
        let named = |place: &&Self| place.feature().is_some_and(|name| features.contains(name));
        ON_DEVICE.iter().find(named).copied().unwrap_or_default()
    }

    /// The place of a stream with these caps, which are fixed.
    pub(crate) fn of(caps: &gst::CapsRef) -> Self {
        caps.features(0).map_or(Self::Host, Self::of_features)
    }
}

/// Caps of a pad template: the computer's memory as it is, then the same for frames on a GPU with the formats that only
/// kernels read.
pub(crate) fn with_device(host: &gst::CapsRef, more_formats: &[gst_video::VideoFormat]) -> gst::Caps {
    let mut all = host.to_owned();
    for name in ON_DEVICE.iter().filter_map(|place| place.feature()) {
        let formats = crate::frame::FORMATS.iter().chain(more_formats).copied();
        let caps = gst_video::VideoCapsBuilder::new().features([name]).format_list(formats).build();
        all.merge(caps);
    }
    all
}

/// What can be offered on this machine, in the order of a preference.
pub(crate) fn offered(caps: &gst::CapsRef, preference: Preference) -> gst::Caps {
    let place = |features: &gst::CapsFeaturesRef| Place::of_features(features);
    let pick = |wanted: fn(Place) -> bool| {
        caps.iter_with_features()
            .filter(move |(_, features)| wanted(place(features)) && place(features).is_usable())
            .map(|(structure, features)| (structure.to_owned(), features.to_owned()))
    };
    let here = || pick(|place| place == Place::Host);
    let there = || pick(|place| place != Place::Host);
    match preference {
        Preference::None => pick(|_| true).collect(),
        Preference::Device => there().chain(here()).collect(),
        Preference::Host => here().chain(there()).collect(),
    }
}

/// What of some caps a filter lets through, in the filter's order.
pub(crate) fn within(caps: gst::Caps, filter: Option<&gst::Caps>) -> gst::Caps {
    match filter {
        Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
        None => caps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_the_gpus_memory_and_offers_need_a_driver() {
        gst::init().unwrap();
        let template = with_device(&crate::frame::template_caps(), &[gst_video::VideoFormat::P01010le]);
        let on_device = |caps: &gst::CapsRef| {
            caps.iter_with_features().filter(|(_, f)| f.contains("memory:CUDAMemory")).count()
        };
        assert_eq!(on_device(&template), 1);
        let first = |preference| Place::of(&offered(&template, preference));
        if Place::Cuda.is_usable() {
            assert_eq!(first(Preference::Device), Place::Cuda);
            assert_eq!(first(Preference::Host), Place::Host);
        } else {
            assert_eq!(on_device(&offered(&template, Preference::Device)), 0);
            assert!(!offered(&template, Preference::Device).is_empty());
        }
    }

    #[test]
    fn the_place_stands_in_the_features() {
        gst::init().unwrap();
        let place = |text: &str| Place::of(&text.parse::<gst::Caps>().unwrap());
        assert_eq!(place("video/x-raw"), Place::Host);
        assert_eq!(place("video/x-raw(memory:CUDAMemory)"), Place::Cuda);
        assert_eq!(place("video/x-raw(memory:CUDAMemory, meta:GstVideoOverlayComposition)"), Place::Cuda);
        assert_eq!(place("video/x-raw(memory:GLMemory)"), Place::Host);
    }
}
