//! A whole monitor for the picture: of a Wayland compositor, of an X server, or of the kernel where there is no desktop.
#![allow(unsafe_code)] // A window is handed to GStreamer by its number, and libX11 is told not to end the program.

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gst::prelude::*;
use gst_video::prelude::*;
use libloading::Library;
use x11rb::connection::Connection;
use x11rb::properties::{WmSizeHints, WmSizeHintsSpecification};
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, CreateWindowAux, PropMode, Window, WindowClass};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Where the kernel tells of its displays.
const KERNEL: &str = "/sys/class/drm";

/// Where the kernel tells who listens on what.
const SOCKETS: &str = "/proc/net/unix";
/// The flags of a socket there that listens.
const LISTENS: &str = "00010000";

/// What shows a picture on a whole monitor.
pub(crate) struct Whole {
    /// As gst-launch takes it.
    pub(crate) text: String,
    /// The window that it draws in, where it does not make its own.
    pub(crate) window: Option<XWindow>,
}

/// Who has monitors here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Wayland,
    X11,
    Kernel,
}

fn system() -> System {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match () {
        () if is_set("WAYLAND_DISPLAY") => System::Wayland,
        () if is_set("DISPLAY") => System::X11,
        () => System::Kernel,
    }
}

/// Takes a monitor by its name, or the first.
///
/// # Errors
///
/// One line: there is none, or none of that name; it says which there are.
pub(crate) fn take(name: Option<&str>) -> Result<Whole, String> {
    match system() {
        System::Wayland => wayland(name),
        System::X11 => {
            survive();
            let (connection, screen) = connect()?;
            let monitors = x_monitors(&connection, screen)?;
            let monitor = choose(&monitors, name, |monitor| &monitor.name)?;
            let window = XWindow::open(connection, screen, monitor)?;
            // What draws does not scale.
            let text = format!(
                "videoscale add-borders=true ! video/x-raw,width={},height={},pixel-aspect-ratio=1/1 ! videoconvert ! ximagesink",
                monitor.width, monitor.height
            );
            Ok(Whole { text, window: Some(window) })
        }
        System::Kernel => {
            let connectors = kernel_connectors(Path::new(KERNEL));
            let connector = choose(&connectors, name, |connector| &connector.0)?;
            let id = connector.1.map_or_else(String::new, |id| format!(" connector-id={id}"));
            Ok(Whole { text: format!("kmssink{id}"), window: None })
        }
    }
}

/// What shows a picture in a window of the desktop, as gst-launch takes it.
///
/// # Errors
///
/// One line: there is no desktop, or it does not answer. It is asked first, for what looks for a screen by itself goes on to those of
/// which some take the program with them, and to text and nothing at all.
pub(crate) fn desktop() -> Result<&'static str, String> {
    match system() {
        System::Wayland => {
            ask_compositor()?;
            Ok("waylandsink")
        }
        System::X11 => {
            survive();
            connect()?;
            Ok("autovideosink")
        }
        System::Kernel => {
            Err("neither DISPLAY nor WAYLAND_DISPLAY is set: start it within a desktop, use --fullscreen where there is none, or --serve"
                .to_owned())
        }
    }
}

/// Names and sizes of the monitors that there are, for people.
///
/// # Errors
///
/// One line: they cannot be asked for.
pub fn monitors() -> Result<Vec<String>, String> {
    match system() {
        System::Wayland => Ok(vec!["those of the Wayland compositor, which places the window".to_owned()]),
        System::X11 => {
            let (connection, screen) = connect()?;
            let monitors = x_monitors(&connection, screen)?.into_iter();
            Ok(monitors
                .map(|monitor| format!("{} {}x{}", monitor.name, monitor.width, monitor.height))
                .collect())
        }
        System::Kernel => {
            Ok(kernel_connectors(Path::new(KERNEL)).into_iter().map(|(name, _)| name).collect())
        }
    }
}

fn choose<'a, T>(all: &'a [T], name: Option<&str>, name_of: impl Fn(&T) -> &str) -> Result<&'a T, String> {
    let Some(name) = name else { return all.first().ok_or_else(|| "no monitor is connected".to_owned()) };
    all.iter().find(|one| name_of(one) == name).ok_or_else(|| {
        let names = all.iter().map(name_of).collect::<Vec<_>>().join(", ");
        format!(
            "no monitor is called '{name}'; there are: {}",
            if names.is_empty() { "none" } else { &names }
        )
    })
}

/// Where the Wayland compositor listens.
fn compositor() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).unwrap_or_default();
    // A name without a folder is one of the runtime folder's, an absolute one stays as it is.
    Path::new(&of("XDG_RUNTIME_DIR")).join(of("WAYLAND_DISPLAY"))
}

/// Which desktop there is, where what draws on it does not say that it is gone: a number that another one, or the same after a crash,
/// does not have. `None` where there is none.
///
/// The kernel knows who listens; a compositor that hangs could not be asked without waiting for it.
pub(crate) fn desktop_id() -> Option<u64> {
    let path = compositor();
    if system() != System::Wayland {
        return Some(0);
    }
    let sockets = std::fs::read_to_string(SOCKETS).ok()?;
    // proc_net_unix(5): number, references, protocol, flags, type, state, inode and path; connections to it have its path, too.
    let mut fields = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens =
        fields.find(|of| of.get(3) == Some(&LISTENS) && of.get(7).is_some_and(|at| Path::new(at) == path));
    listens?.get(6)?.parse().ok()
}

/// Whether the Wayland compositor is there: `waylandsink` does not say.
fn ask_compositor() -> Result<(), String> {
    let asked = std::os::unix::net::UnixStream::connect(compositor());
    asked
        .map(drop)
        .map_err(|error| format!("the Wayland compositor of WAYLAND_DISPLAY does not answer: {error}"))
}

fn wayland(name: Option<&str>) -> Result<Whole, String> {
    ask_compositor()?;
    let mut text = "waylandsink fullscreen=true".to_owned();
    if let Some(name) = name {
        let sink = gst::ElementFactory::make("waylandsink").build();
        let sink = sink.map_err(|_| "waylandsink is missing: install gstreamer1.0-plugins-bad".to_owned())?;
        if sink.find_property("fullscreen-output").is_none() {
            return Err(format!(
                "the monitor '{name}' cannot be chosen: waylandsink of this GStreamer leaves that to the compositor; leave the name out"
            ));
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err(format!("'{name}' is no name of a monitor"));
        }
        text += &format!(" fullscreen-output={name}");
    }
    Ok(Whole { text, window: None })
}

/// The connectors with something plugged in, by name (`HDMI-A-1`), and their numbers where the kernel tells them.
fn kernel_connectors(folder: &Path) -> Vec<(String, Option<u32>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<(String, Option<u32>)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (_, connector) = name.strip_prefix("card")?.split_once('-')?;
            let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).ok();
            let id = read("connector_id").and_then(|id| id.trim().parse().ok());
            (read("status")?.trim() == "connected").then(|| (connector.to_owned(), id))
        })
        .collect();
    all.sort();
    all
}

struct XMonitor {
    name: String,
    x: i16,
    y: i16,
    width: u16,
    height: u16,
}

fn connect() -> Result<(RustConnection, usize), String> {
    x11rb::connect(None).map_err(|error| format!("the X server of DISPLAY does not answer: {error}"))
}

fn x_monitors(connection: &RustConnection, screen: usize) -> Result<Vec<XMonitor>, String> {
    let said = |error: &dyn std::fmt::Display| format!("the X server does not tell its monitors: {error}");
    let root = connection.setup().roots.get(screen).map_or(0, |screen| screen.root);
    let reply =
        connection.randr_get_monitors(root, true).map_err(|e| said(&e))?.reply().map_err(|e| said(&e))?;
    let mut monitors = reply.monitors;
    monitors.sort_by_key(|monitor| (!monitor.primary, monitor.x, monitor.y));
    monitors
        .into_iter()
        .map(|monitor| {
            let name = connection
                .get_atom_name(monitor.name)
                .map_err(|e| said(&e))?
                .reply()
                .map_err(|e| said(&e))?;
            let name = String::from_utf8_lossy(&name.name).into_owned();
            Ok(XMonitor { name, x: monitor.x, y: monitor.y, width: monitor.width, height: monitor.height })
        })
        .collect()
}

/// Lets this process live when an X server ends or a window is taken away: by itself the library that GStreamer's windows use ends
/// the whole program then, with the picture on other screens and the recording. A thread that meets the end of a server stands still
/// for ever, for the library has no other way out; whoever looks after the screen leaves it behind.
pub(crate) fn survive() {
    type OnError = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
    type OnEnd = unsafe extern "C" fn(*mut c_void) -> c_int;
    unsafe extern "C" fn go_on(_display: *mut c_void, _error: *mut c_void) -> c_int {
        0
    }
    unsafe extern "C" fn stand_still(_display: *mut c_void) -> c_int {
        loop {
            std::thread::park();
        }
    }
    static X11: LazyLock<Option<Library>> = LazyLock::new(|| {
        // SAFETY: what the library does when it is loaded it does for GStreamer's windows, too.
        unsafe { Library::new("libX11.so.6") }.ok()
    });
    let Some(library) = &*X11 else { return };
    // SAFETY: XSetErrorHandler(3) and XSetIOErrorHandler(3) have these types; the handlers touch nothing and live for ever, as the
    // library does.
    unsafe {
        if let Ok(set) = library.get::<unsafe extern "C" fn(OnError) -> *mut c_void>(b"XSetErrorHandler\0") {
            set(go_on);
        }
        if let Ok(set) = library.get::<unsafe extern "C" fn(OnEnd) -> *mut c_void>(b"XSetIOErrorHandler\0") {
            set(stand_still);
        }
    }
}

/// A window over a whole monitor; gone when dropped.
pub(crate) struct XWindow {
    connection: RustConnection,
    window: Window,
}

impl XWindow {
    fn open(connection: RustConnection, screen: usize, monitor: &XMonitor) -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("the X server gives no window: {error}");
        let root = connection.setup().roots.get(screen).map_or(0, |screen| screen.root);
        let window = connection.generate_id().map_err(|e| said(&e))?;
        let XMonitor { x, y, width, height, .. } = *monitor;
        let black = CreateWindowAux::new().background_pixel(0);
        let make = || -> Result<(), x11rb::errors::ReplyOrIdError> {
            connection
                .create_window(
                    x11rb::COPY_DEPTH_FROM_PARENT,
                    window,
                    root,
                    x,
                    y,
                    width,
                    height,
                    0,
                    WindowClass::INPUT_OUTPUT,
                    x11rb::COPY_FROM_PARENT,
                    &black,
                )?
                .check()?;
            connection.change_property8(
                PropMode::REPLACE,
                window,
                AtomEnum::WM_NAME,
                AtomEnum::STRING,
                b"Vesalius",
            )?;
            // A window manager puts a window of this kind over the monitor that it begins on.
            let place = (WmSizeHintsSpecification::UserSpecified, i32::from(x), i32::from(y));
            WmSizeHints { position: Some(place), ..WmSizeHints::default() }
                .set_normal_hints(&connection, window)?;
            let state = connection.intern_atom(false, b"_NET_WM_STATE")?.reply()?.atom;
            let full = connection.intern_atom(false, b"_NET_WM_STATE_FULLSCREEN")?.reply()?.atom;
            connection.change_property32(PropMode::REPLACE, window, state, AtomEnum::ATOM, &[full])?;
            // Nobody points at this picture.
            if connection.xfixes_query_version(5, 0)?.reply().is_ok() {
                connection.xfixes_hide_cursor(window)?;
            }
            connection.map_window(window)?.check()?;
            Ok(())
        };
        make().map_err(|e| said(&e))?;
        connection.flush().map_err(|e| said(&e))?;
        Ok(Self { connection, window })
    }

    /// Whether the server still has it.
    pub(crate) fn is_there(&self) -> bool {
        self.connection.get_geometry(self.window).is_ok_and(|asked| asked.reply().is_ok())
    }

    /// Lets what shows pictures at the end of a bin draw in it.
    ///
    /// # Errors
    ///
    /// One line: nothing there draws in windows of others.
    pub(crate) fn lend(&self, bin: &gst::Bin) -> Result<(), String> {
        let sink = bin
            .iterate_sinks()
            .into_iter()
            .flatten()
            .find_map(|e| e.dynamic_cast::<gst_video::VideoOverlay>().ok());
        let sink = sink.ok_or("what shows the picture takes no window")?;
        // SAFETY: the number is a window of the server that the sink draws on too, for both ask DISPLAY, and whoever has this window
        // ends the sink before it drops the window.
        unsafe { sink.set_window_handle(self.window as usize) };
        Ok(())
    }
}

impl Drop for XWindow {
    fn drop(&mut self) {
        let _ = self.connection.destroy_window(self.window);
        let _ = self.connection.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_connectors_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, status, id) in [
            ("card0-HDMI-A-1", "connected\n", Some("77\n")),
            ("card0-HDMI-A-2", "disconnected\n", Some("78\n")),
            ("card1-DP-1", "connected\n", None),
            ("card0", "connected\n", None),
            ("renderD128", "connected\n", None),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("status"), status).unwrap();
            if let Some(id) = id {
                std::fs::write(path.join("connector_id"), id).unwrap();
            }
        }
        let all = kernel_connectors(folder.path());
        assert_eq!(all, [("DP-1".to_owned(), None), ("HDMI-A-1".to_owned(), Some(77))]);
        assert_eq!(choose(&all, Some("HDMI-A-1"), |c| &c.0).unwrap().1, Some(77));
        assert_eq!(choose(&all, None, |c| &c.0).unwrap().0, "DP-1");
        let said = choose(&all, Some("HDMI-A-2"), |c| &c.0).unwrap_err();
        assert!(said.contains("'HDMI-A-2'") && said.contains("DP-1, HDMI-A-1"), "{said}");
        assert!(kernel_connectors(&folder.path().join("none")).is_empty());
    }
}
