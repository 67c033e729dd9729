//! Where live pictures come from.

use std::path::PathBuf;

use gst::prelude::*;
use vesalius_phantom::scenes::SceneOptions;

use super::error::LiveError;

/// A source of pictures, as a person names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A camera or frame grabber of Video4Linux: `v4l2:///dev/video0`.
    Camera(String),
    /// An SDI or HDMI card of Blackmagic Design by its number: `decklink://0`.
    DeckLink(i32),
    /// `rtsp://…` or `rtsps://…`.
    Rtsp(String),
    /// `srt://…`.
    Srt(String),
    /// A text as gst-launch takes it, that ends in pictures or what can be decoded to them: `launch:videotestsrc`.
    Launch(String),
    /// A recording, at its own pace.
    File(PathBuf),
    /// A phantom at its own pace, over and over: `phantom:fetal-head`.
    Phantom(Box<SceneOptions>),
}

impl Source {
    /// Reads a source's name.
    ///
    /// # Errors
    ///
    /// [`LiveError::Source`] for a phantom that there is not, a card without a number, or a file that is not there.
    pub fn parse(text: &str) -> Result<Self, LiveError> {
        let wrong = |message: String| LiveError::Source { message };
        if let Some(device) = text.strip_prefix("v4l2://") {
            return Ok(Self::Camera(device.to_owned()));
        }
        if let Some(number) = text.strip_prefix("decklink://") {
            let number = number.parse().ok().filter(|&number| number >= 0);
            return number.map(Self::DeckLink).ok_or_else(|| {
                wrong(format!("{text}: a card is named by its number, such as decklink://0 for the first"))
            });
        }
        if text.starts_with("rtsp://") || text.starts_with("rtsps://") {
            return Ok(Self::Rtsp(text.to_owned()));
        }
        if text.starts_with("srt://") {
            return Ok(Self::Srt(text.to_owned()));
        }
        if let Some(launch) = text.strip_prefix("launch:") {
            return Ok(Self::Launch(launch.to_owned()));
        }
        if let Some(name) = text.strip_prefix("phantom:") {
            let options = SceneOptions::from_name(name).map_err(|e| wrong(e.to_string()))?;
            return Ok(Self::Phantom(Box::new(options)));
        }
        let path = PathBuf::from(text);
        if path.is_file() {
            return Ok(Self::File(path));
        }
        Err(wrong(format!(
            "{text}: there is no such file; other sources are v4l2:///dev/video0, decklink://0, rtsp://…, srt://…, launch:… and phantom:NAME"
        )))
    }

    /// What it is called on a page that others see: without credentials, paths and names of files, which may be patients'.
    pub fn label(&self) -> String {
        match self {
            Self::Camera(device) => device.rsplit('/').next().unwrap_or_default().to_owned(),
            Self::DeckLink(number) => format!("card {number}"),
            Self::Rtsp(_) => "RTSP stream".to_owned(),
            Self::Srt(_) => "SRT stream".to_owned(),
            Self::Launch(_) => "pipeline".to_owned(),
            Self::File(_) => "recording".to_owned(),
            Self::Phantom(options) => format!("phantom {}", options.info().name),
        }
    }

    /// Whether it has an end.
    pub(crate) fn ends(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// A pipeline that ends in `sink`, an appsink of the formats that the elements take.
    ///
    /// # Errors
    ///
    /// One line: an element is missing, or a text is none.
    pub(crate) fn pipeline(&self) -> Result<Parts, String> {
        // Of two fields one is taken, without waiting for the next: outlines of a comb are those of no moment. Frames pass as
        // they are.
        let decode = "decodebin name=decode ! videoconvert ! deinterlace mode=auto method=linear fields=top";
        // Names and addresses are set as properties: nothing in them is read as a pipeline.
        let text = match self {
            Self::Camera(_) => format!("v4l2src name=source ! {decode}"),
            // Frames that the card makes up while nothing is plugged in are none: NO SIGNAL is said by what is missing.
            Self::DeckLink(_) => {
                format!("decklinkvideosrc name=source mode=auto drop-no-signal-frames=true ! {decode}")
            }
            Self::Rtsp(_) => format!("rtspsrc name=source latency=50 drop-on-latency=true ! {decode}"),
            Self::Srt(_) => format!("srtsrc name=source ! {decode}"),
            Self::Launch(text) => format!("{text} ! {decode}"),
            Self::File(_) => format!("filesrc name=source ! {decode}"),
            Self::Phantom(_) => "appsrc name=source ! videoconvert".to_owned(),
        };
        let pipeline =
            gst::parse::launch(&format!("{text} name=last")).map_err(|e| e.message().to_owned())?;
        let pipeline =
            pipeline.downcast::<gst::Pipeline>().map_err(|_| "the text is no pipeline".to_owned())?;
        if let Some(source) = pipeline.by_name("source") {
            match self {
                Self::Camera(device) => source.set_property("device", device),
                Self::DeckLink(number) => source.set_property("device-number", number),
                Self::Rtsp(url) => source.set_property("location", url),
                Self::Srt(url) => source.set_property("uri", url),
                Self::File(path) => source.set_property("location", path.to_string_lossy().as_ref()),
                _ => {}
            }
        }
        let caps = gst_video::VideoCapsBuilder::new().format_list(gstvesalius::FORMATS).build();
        let sink = gst_app::AppSink::builder()
            .caps(&caps)
            .max_buffers(2)
            .drop(true)
            // What sends at its own pace is not held back here; `Front` looks which does.
            .sync(true)
            .build();
        sink.set_property("enable-last-sample", false);
        let last = pipeline.by_name("last").ok_or("the text ends in nothing")?;
        pipeline.add(&sink).map_err(|e| e.to_string())?;
        last.link(&sink).map_err(|e| e.to_string())?;
        let feed = match self {
            Self::Phantom(_) => pipeline.by_name("source").and_then(|s| s.downcast::<gst_app::AppSrc>().ok()),
            _ => None,
        };
        Ok(Parts { pipeline, sink, feed })
    }
}

/// A source's pipeline.
pub(crate) struct Parts {
    pub(crate) pipeline: gst::Pipeline,
    pub(crate) sink: gst_app::AppSink,
    /// Where a phantom's pictures go in.
    pub(crate) feed: Option<gst_app::AppSrc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources() {
        let camera = Source::parse("v4l2:///dev/video2").unwrap();
        assert_eq!((camera.label(), &camera), ("video2".to_owned(), &Source::Camera("/dev/video2".into())));
        let card = Source::parse("decklink://1").unwrap();
        assert_eq!((card.label().as_str(), &card), ("card 1", &Source::DeckLink(1)));
        for wrong in ["decklink://", "decklink://-1", "decklink://sdi"] {
            assert!(Source::parse(wrong).unwrap_err().to_string().contains("decklink://0"));
        }
        let rtsp = Source::parse("rtsp://user:secret@host/path").unwrap();
        assert!(!rtsp.label().contains("secret"));
        assert!(
            matches!(Source::parse("launch:videotestsrc"), Ok(Source::Launch(text)) if text == "videotestsrc")
        );
        assert_eq!(Source::parse("phantom:lv").unwrap().label(), "phantom lv");
        let wrong = Source::parse("phantom:unicorn").unwrap_err().to_string();
        assert!(wrong.contains("unicorn") && wrong.contains("fetal-head"), "{wrong}");
        let missing = Source::parse("/no/such.mp4").unwrap_err().to_string();
        assert!(missing.contains("no such file") && missing.contains("v4l2://"), "{missing}");
    }

    #[test]
    fn of_two_fields_one_is_taken_and_frames_pass() {
        gst::init().unwrap();
        for (mode, height) in [("interleaved", 576), ("progressive", 480)] {
            let text = format!(
                "videotestsrc num-buffers=3 ! video/x-raw,width=720,height={height},framerate=25/1,interlace-mode={mode}"
            );
            let parts = Source::Launch(text).pipeline().unwrap();
            parts.pipeline.set_state(gst::State::Playing).unwrap();
            let caps = parts.sink.pull_sample().unwrap().caps().unwrap().to_owned();
            parts.pipeline.set_state(gst::State::Null).unwrap();
            let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
            assert_eq!(info.interlace_mode(), gst_video::VideoInterlaceMode::Progressive, "{mode}");
            assert_eq!((info.width(), info.height(), info.fps()), (720, height, gst::Fraction::new(25, 1)));
        }
    }
}
