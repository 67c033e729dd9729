//! A live job's settings as a file: what stands in a room is started the same way every time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use vesalius_draw::{Corner, NoKeepClear};
use vesalius_engine::{PrecisionChoice, ProviderChoice};

use super::error::LiveError;
use super::room::{RecordingRules, WhenFull};
use super::source::Source;
use super::{Alignment, Isolation, LiveOptions};

/// The profiles that come with the program.
const SHIPPED: [(&str, &str); 4] = [
    ("endoscopy-tower", include_str!("../../../../configs/live/endoscopy-tower.toml")),
    ("ultrasound-hdmi", include_str!("../../../../configs/live/ultrasound-hdmi.toml")),
    ("headless-cart", include_str!("../../../../configs/live/headless-cart.toml")),
    ("second-monitor", include_str!("../../../../configs/live/second-monitor.toml")),
];

/// Settings of a live job, each with a default where it is left out. The keys of the file are the names of the fields.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The source's name; see [`Source::parse`].
    pub source: Option<String>,
    /// Whether a recording begins anew at its end. Default: no.
    #[serde(rename = "loop")]
    pub again: Option<bool>,
    /// Engine by name or folder. Default: `fetal-head`.
    pub engine: Option<String>,
    /// Whether pictures are looked at from the start. Default: yes.
    pub ai: Option<bool>,
    /// The scale. Default: none.
    pub calibration: Option<String>,
    /// Whether a change of depth ends a scale that was stated as a number. Default: no.
    pub watch_depth: Option<bool>,
    /// Protocol by name or TOML file. Default: the engine's own.
    pub protocol: Option<String>,
    /// Milliseconds for which an object must be seen. Default: 0.
    pub confirm_ms: Option<u32>,
    /// Milliseconds after which a result is not shown. Default: 200.
    pub max_age_ms: Option<u32>,
    /// `lag`, `motion` or `delay`: where a result that is older than the picture is drawn. Default: `lag`.
    pub alignment: Option<AlignmentName>,
    /// With `alignment = "motion"`, milliseconds that a picture may be held up to find out how it moved. Default: 5.
    pub motion_within_ms: Option<u32>,
    /// With `alignment = "delay"`, milliseconds that every picture waits for what is found in it. Default: 100.
    pub delay_ms: Option<u32>,
    /// Milliseconds after which an engine without an answer is ended. Default: 1000.
    pub deadline_ms: Option<u32>,
    /// `process` or `thread`. Default: `process`.
    pub isolation: Option<IsolationName>,
    /// `raised` or `usual`: whether the picture's threads go before others, where the system permits it. Default: `raised`.
    pub priority: Option<PriorityName>,
    /// Threads for inference. Default: one a core.
    pub threads: Option<u32>,
    /// What runs the engine. Default: `auto`.
    pub provider: Option<String>,
    /// In which numbers. Default: `auto`.
    pub precision: Option<String>,
    /// libonnxruntime.so, where it is not to be looked for.
    pub runtime: Option<PathBuf>,
    /// Parts of the picture on which nothing is drawn, each `LEFT,TOP,WIDTH,HEIGHT` in parts of the picture. Default: none.
    pub keep_clear: Option<Vec<String>>,
    /// The corner of the list of values: `top-left`, `top-right`, `bottom-left` or `bottom-right`. Default: `bottom-left`.
    pub values_at: Option<CornerName>,
    /// Whether a window is opened. Default: no.
    pub window: Option<bool>,
    /// Whether a whole monitor shows the picture. Default: no.
    pub fullscreen: Option<bool>,
    /// With `fullscreen`, which, by its name. Default: the first.
    pub monitor: Option<String>,
    /// Other ways to show the picture, as gst-launch takes them.
    pub sinks: Option<Vec<String>>,
    /// Where the page is served. Default: nowhere.
    pub serve: Option<SocketAddr>,
    /// File with what others must know to be let in.
    pub token_file: Option<PathBuf>,
    /// Folder for recordings and snapshots.
    pub out: Option<PathBuf>,
    /// Whether it records from the start. Default: no.
    pub record: Option<bool>,
    /// Seconds before now that are kept in memory. Default: none.
    pub look_back_s: Option<u32>,
    /// Length of a recording's files, seconds. Default: 600.
    pub file_length_s: Option<u32>,
    /// What happens when there is no more room: `stop` or `oldest`. Default: `stop`.
    pub when_full: Option<WhenFullName>,
    /// Megabytes that stay free on the disk. Default: 64.
    pub keep_free_mb: Option<u64>,
    /// Most megabytes of recordings in the folder. Default: as many as fit.
    pub most_mb: Option<u64>,
    /// Whether pictures that are not known to show the inside of a body are blanked on recordings, snapshots and the page. Default: no.
    pub privacy_gate: Option<bool>,
    /// Seconds after which it ends by itself. Default: never.
    pub duration_s: Option<f64>,
}

/// Where a result that is older than the picture is drawn, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlignmentName {
    /// Where it was found.
    Lag,
    /// Where the picture has moved to since.
    Motion,
    /// On the picture that it is of, which waits.
    Delay,
}

/// A corner of the picture, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CornerName {
    /// Top left.
    TopLeft,
    /// Top right.
    TopRight,
    /// Bottom left.
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

impl From<CornerName> for Corner {
    fn from(name: CornerName) -> Self {
        match name {
            CornerName::TopLeft => Self::TopLeft,
            CornerName::TopRight => Self::TopRight,
            CornerName::BottomLeft => Self::BottomLeft,
            CornerName::BottomRight => Self::BottomRight,
        }
    }
}

/// Where the engine runs, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationName {
    /// In a process of its own.
    Process,
    /// In a thread of this one.
    Thread,
}

/// How urgent the picture's threads are, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriorityName {
    /// They go before others.
    Raised,
    /// They are as any other program's.
    Usual,
}

/// What happens when there is no more room, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenFullName {
    /// Recording ends.
    Stop,
    /// The oldest recordings go.
    Oldest,
}

impl Profile {
    /// Names of the profiles that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.into_iter().map(|(name, _)| name)
    }

    /// Reads a profile: a name, or a TOML file.
    ///
    /// # Errors
    ///
    /// [`LiveError::Settings`] in one line that names the key that is wrong.
    pub fn read(name_or_file: &str) -> Result<Self, LiveError> {
        let wrong = |message: String| LiveError::Settings { message };
        if let Some((_, text)) = SHIPPED.into_iter().find(|(name, _)| *name == name_or_file) {
            return Self::parse(text).map_err(|e| wrong(format!("profile '{name_or_file}': {e}")));
        }
        let path = Path::new(name_or_file);
        if !name_or_file.ends_with(".toml") {
            let names = Self::names().collect::<Vec<_>>().join(", ");
            let text = format!(
                "there is no profile '{name_or_file}'; give a file that ends in .toml, or one of: {names}"
            );
            return Err(wrong(text));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|e| wrong(format!("the profile '{name_or_file}' cannot be read: {e}")))?;
        Self::parse(&text).map_err(|e| wrong(format!("'{name_or_file}': {e}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line =
                error.span().map(|span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            format!("{place}{}", error.message().lines().collect::<Vec<_>>().join(" "))
        })
    }

    /// These settings, and those of `base` where they leave something open.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            source: self.source.or(base.source),
            again: self.again.or(base.again),
            engine: self.engine.or(base.engine),
            ai: self.ai.or(base.ai),
            calibration: self.calibration.or(base.calibration),
            watch_depth: self.watch_depth.or(base.watch_depth),
            protocol: self.protocol.or(base.protocol),
            confirm_ms: self.confirm_ms.or(base.confirm_ms),
            max_age_ms: self.max_age_ms.or(base.max_age_ms),
            alignment: self.alignment.or(base.alignment),
            motion_within_ms: self.motion_within_ms.or(base.motion_within_ms),
            delay_ms: self.delay_ms.or(base.delay_ms),
            deadline_ms: self.deadline_ms.or(base.deadline_ms),
            isolation: self.isolation.or(base.isolation),
            priority: self.priority.or(base.priority),
            threads: self.threads.or(base.threads),
            provider: self.provider.or(base.provider),
            precision: self.precision.or(base.precision),
            runtime: self.runtime.or(base.runtime),
            keep_clear: self.keep_clear.or(base.keep_clear),
            values_at: self.values_at.or(base.values_at),
            window: self.window.or(base.window),
            fullscreen: self.fullscreen.or(base.fullscreen),
            monitor: self.monitor.or(base.monitor),
            sinks: self.sinks.or(base.sinks),
            serve: self.serve.or(base.serve),
            token_file: self.token_file.or(base.token_file),
            out: self.out.or(base.out),
            record: self.record.or(base.record),
            look_back_s: self.look_back_s.or(base.look_back_s),
            file_length_s: self.file_length_s.or(base.file_length_s),
            when_full: self.when_full.or(base.when_full),
            keep_free_mb: self.keep_free_mb.or(base.keep_free_mb),
            most_mb: self.most_mb.or(base.most_mb),
            privacy_gate: self.privacy_gate.or(base.privacy_gate),
            duration_s: self.duration_s.or(base.duration_s),
        }
    }

    /// The job that they describe.
    ///
    /// # Errors
    ///
    /// [`LiveError`]: there is no source, or a setting is out of its range.
    pub fn options(self) -> Result<LiveOptions, LiveError> {
        let wrong = |message: String| LiveError::Settings { message };
        let source = self
            .source
            .as_deref()
            .ok_or_else(|| wrong("no source is named: give one, or a profile that has one".to_owned()))?;
        let within = |name: &str, value: Option<u32>, default: u32, low: u32, high: u32| match value {
            Some(value) if !(low..=high).contains(&value) => {
                Err(wrong(format!("{name} is {value}: it must be {low} to {high}")))
            }
            value => Ok(value.unwrap_or(default)),
        };
        let ms = |value: u32| Duration::from_millis(value.into());
        let serve = self.serve.map(|address| serve(address, self.token_file.as_deref())).transpose()?;
        if self.record == Some(true) && self.out.is_none() {
            return Err(wrong("it is to record, but no folder is named".to_owned()));
        }
        // With another screen named instead it is not asked for any more.
        if self.monitor.is_some() && self.fullscreen.is_none() {
            return Err(wrong(
                "a monitor is named, but nothing is to be shown on a whole one (--fullscreen)".to_owned(),
            ));
        }
        let recording = RecordingRules {
            file_length: Duration::from_secs(
                within("file_length_s", self.file_length_s, 600, 1, 86_400)?.into(),
            ),
            when_full: match self.when_full {
                Some(WhenFullName::Oldest) => WhenFull::Oldest,
                Some(WhenFullName::Stop) | None => WhenFull::Stop,
            },
            least_free: self.keep_free_mb.map_or(64 << 20, |mb| mb.saturating_mul(1_000_000)),
            most: self.most_mb.map(|mb| mb.saturating_mul(1_000_000)),
        };
        let duration = match self.duration_s {
            Some(seconds) if !(0.1..=1e7).contains(&seconds) => {
                return Err(wrong(format!("duration_s is {seconds}: it must be 0.1 to 10000000")));
            }
            seconds => seconds.map(Duration::from_secs_f64),
        };
        let look_back = match self.look_back_s {
            Some(_) => Some(within("look_back_s", self.look_back_s, 30, 1, 600)?),
            None => None,
        };
        let clear = self.keep_clear.unwrap_or_default().into_iter();
        let clear = clear
            .map(|text| text.parse().map_err(|error: NoKeepClear| wrong(format!("keep_clear: {error}"))));
        let engine = self.engine.as_deref().unwrap_or("fetal-head");
        Ok(LiveOptions {
            again: self.again.unwrap_or(false),
            ai: self.ai.unwrap_or(true),
            calibration: self.calibration.unwrap_or_default(),
            watch_depth: self.watch_depth.unwrap_or(false),
            protocol: self.protocol,
            confirm_ms: within("confirm_ms", self.confirm_ms, 0, 0, 60_000)?,
            max_age: ms(within("max_age_ms", self.max_age_ms, 200, 1, 10_000)?),
            alignment: match self.alignment {
                Some(AlignmentName::Motion) => Alignment::Motion,
                Some(AlignmentName::Delay) => Alignment::Delay,
                Some(AlignmentName::Lag) | None => Alignment::Lag,
            },
            motion_within: ms(within("motion_within_ms", self.motion_within_ms, 5, 1, 1000)?),
            delay: ms(within("delay_ms", self.delay_ms, 100, 1, 10_000)?),
            deadline: ms(within("deadline_ms", self.deadline_ms, 1000, 10, 600_000)?),
            keep_clear: clear.collect::<Result<_, _>>()?,
            values_at: self.values_at.map(Corner::from).unwrap_or_default(),
            window: self.window.unwrap_or(false),
            fullscreen: self.fullscreen.unwrap_or(false),
            monitor: self.monitor,
            sinks: self.sinks.unwrap_or_default(),
            serve,
            folder: self.out,
            record: self.record.unwrap_or(false),
            recording,
            look_back: look_back.map(|seconds| Duration::from_secs(seconds.into())),
            privacy_gate: self.privacy_gate.unwrap_or(false),
            duration,
            isolation: match self.isolation {
                Some(IsolationName::Thread) => Isolation::Thread,
                Some(IsolationName::Process) | None => Isolation::Process,
            },
            goes_first: self.priority != Some(PriorityName::Usual),
            threads: within("threads", self.threads, 0, 0, 256)?,
            runtime: self.runtime,
            provider: choice::<ProviderChoice>("provider", self.provider)?,
            precision: choice::<PrecisionChoice>("precision", self.precision)?,
            ..LiveOptions::new(Source::parse(source)?, engine)
        })
    }
}

fn choice<T: std::str::FromStr + Default>(name: &str, text: Option<String>) -> Result<T, LiveError>
where
    T::Err: std::fmt::Display,
{
    let Some(text) = text else { return Ok(T::default()) };
    text.parse().map_err(|error| LiveError::Settings { message: format!("{name}: {error}") })
}

fn serve(address: SocketAddr, token_file: Option<&Path>) -> Result<vesalius_serve::Options, LiveError> {
    let token = token_file.map(|path| {
        std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| {
            LiveError::Settings { message: format!("{}: the token cannot be read: {error}", path.display()) }
        })
    });
    Ok(vesalius_serve::Options { address, token: token.transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_are_whole() {
        for name in Profile::names() {
            let profile = Profile::read(name).unwrap();
            assert!(profile.source.is_some() && profile.engine.is_some(), "{name}");
            // The token's file is made by whoever sets the machine up.
            let options = Profile { token_file: None, ..profile }.options().unwrap();
            assert!(
                options.window || options.fullscreen || !options.sinks.is_empty() || options.serve.is_some(),
                "{name} shows nothing"
            );
        }
    }

    #[test]
    fn what_is_said_comes_before_what_the_profile_says() {
        let base = Profile::parse("source = \"phantom:lv\"\nmax_age_ms = 150\nai = false").unwrap();
        let said = Profile { max_age_ms: Some(120), ..Profile::default() };
        let options = said.over(base).options().unwrap();
        assert_eq!((options.max_age, options.ai), (Duration::from_millis(120), false));
        assert_eq!(options.recording, RecordingRules::default());
        assert_eq!(options.isolation, Isolation::Process);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (text, words) in [
            ("source = \"phantom:lv\"\nmax_age = 3", vec!["line 2", "max_age"]),
            ("source = 3", vec!["line 1", "string"]),
            ("when_full = \"never\"", vec!["never"]),
        ] {
            let said = Profile::parse(text).unwrap_err();
            assert!(!said.contains('\n') && words.iter().all(|word| said.contains(word)), "{said}");
        }
        for (text, words) in [
            ("ai = true", "no source"),
            ("source = \"phantom:lv\"\nmax_age_ms = 0", "max_age_ms is 0"),
            ("source = \"phantom:lv\"\nrecord = true", "no folder"),
            ("source = \"phantom:lv\"\nmonitor = \"HDMI-1\"", "--fullscreen"),
            ("source = \"phantom:lv\"\nprovider = \"abacus\"", "abacus"),
            ("source = \"phantom:lv\"\nduration_s = nan", "duration_s"),
            ("source = \"phantom:lv\"\nkeep_clear = [\"0,0,1,0.1\", \"0,0,5,5\"]", "keep_clear: '0,0,5,5'"),
            ("source = \"phantom:lv\"\nserve = \"127.0.0.1:1\"\ntoken_file = \"/no/such\"", "/no/such"),
        ] {
            let said = Profile::parse(text).unwrap().options().unwrap_err().to_string();
            assert!(!said.contains('\n') && said.contains(words), "{said}");
        }
        let none = Profile::read("tricorder").unwrap_err().to_string();
        assert!(none.contains("tricorder") && none.contains("headless-cart"), "{none}");
    }
}
