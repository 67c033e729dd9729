//! The picture on monitors of an X server and of a Wayland compositor that nobody looks at.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use vesalius_tests::job::{free_address, status};
use vesalius_tests::program::{Running, run, vesalius};
use vesalius_tests::{engine, wait_until};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};
use x11rb::rust_connection::RustConnection;

/// One screen of 1280x480 with two monitors side by side, `left` and `right`.
struct Desk {
    server: Child,
    display: String,
    connection: RustConnection,
    root: u32,
}

impl Desk {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x480x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts: scripts/setup.sh installs it");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        let (connection, screen) = x11rb::connect(Some(&display)).unwrap();
        let screen = &connection.setup().roots[screen];
        let root = screen.root;
        let outputs = connection.randr_get_screen_resources_current(root).unwrap().reply().unwrap().outputs;
        for (name, x, outputs) in [("left", 0, outputs), ("right", 640, Vec::new())] {
            let name = connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
            let monitor = MonitorInfo {
                name,
                primary: x == 0,
                automatic: false,
                x,
                y: 0,
                width: 640,
                height: 480,
                width_in_millimeters: 160,
                height_in_millimeters: 120,
                outputs,
            };
            connection.randr_set_monitor(root, monitor).unwrap().check().unwrap();
        }
        Self { server, display, connection, root }
    }

    fn program(&self) -> Command {
        let mut command = vesalius();
        command.env("DISPLAY", &self.display).env_remove("WAYLAND_DISPLAY");
        command
    }

    /// Red, green and blue of a point.
    fn colour(&self, x: i16, y: i16) -> [u8; 3] {
        let all = self.connection.get_image(ImageFormat::Z_PIXMAP, self.root, x, y, 1, 1, !0).unwrap();
        let pixel = all.reply().unwrap().data;
        [pixel[2], pixel[1], pixel[0]]
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A Wayland compositor with one monitor of 640x480.
struct Compositor {
    folder: tempfile::TempDir,
    server: Child,
}

const SOCKET: &str = "wayland-of-a-test";

impl Compositor {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self::serve(folder.path());
        Self { folder, server }
    }

    fn serve(folder: &Path) -> Child {
        let mut weston = Command::new("weston");
        weston.env("XDG_RUNTIME_DIR", folder).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        // With `--debug` it lets pictures of itself be taken.
        weston.args(["--debug", "--no-config", "--backend=headless-backend.so", "--use-pixman"]);
        weston.args(["--width=640", "--height=480", "--socket", SOCKET]);
        let server = weston.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = server.expect("weston starts: scripts/setup.sh installs it");
        wait_until("the compositor listens", || UnixStream::connect(folder.join(SOCKET)).is_ok());
        server
    }

    /// Ends it as a crash does.
    fn crash(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    fn within(&self, mut command: Command) -> Command {
        command.env_remove("DISPLAY").env("WAYLAND_DISPLAY", SOCKET);
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        command
    }

    /// Red, green and blue of a point; nothing where no picture of it can be taken.
    fn colour(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        let into = tempfile::tempdir().unwrap();
        let mut command = self.within(Command::new("weston-screenshooter"));
        command.env("XDG_PICTURES_DIR", into.path()).current_dir(into.path());
        if !command.output().ok()?.status.success() {
            return None;
        }
        let file = std::fs::read_dir(into.path()).ok()?.flatten().next()?.path();
        let [r, g, b, _] = image::open(file).ok()?.to_rgba8().get_pixel_checked(x, y)?.0;
        Some([r, g, b])
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// One colour all over, of a shape that leaves the monitor's upper and lower edge free.
const ORANGE: &str = "launch:videotestsrc is-live=true pattern=solid-color foreground-color=0xffe06010 ! \
                      video/x-raw,format=I420,width=320,height=180,framerate=25/1";

fn is_orange([r, g, b]: [u8; 3]) -> bool {
    r > 190 && (70..130).contains(&g) && b < 50
}

#[test]
fn a_wayland_monitor_shows_the_picture_and_shows_it_again_after_the_compositors_crash() {
    let mut desk = Compositor::start();
    let mut command = desk.within(vesalius());
    command.args(["live", ORANGE, "--ai", "off", "--fullscreen", "--engine"]).arg(engine("threshold"));
    let mut program = Running::start(&mut command);
    let shows = |desk: &Compositor| desk.colour(320, 240).is_some_and(is_orange);
    wait_until("the picture is there", || shows(&desk));
    assert!(desk.colour(320, 20).is_some_and(|edge| !is_orange(edge)), "it keeps its shape");
    desk.crash();
    desk.server = Compositor::serve(desk.folder.path());
    wait_until("the picture is there again", || shows(&desk));
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_monitor_that_is_named_shows_the_picture_and_no_other() {
    let desk = Desk::start();
    let said = run(desk.program().args(["doctor", "--live", "--engine"]).arg(engine("threshold"))).out;
    assert!(said.contains("left 640x480, right 640x480"), "{said}");
    let wrong =
        desk.program().args(["live", "phantom:lv", "--fullscreen", "--monitor", "middle"]).output().unwrap();
    let wrong = String::from_utf8_lossy(&wrong.stderr).trim().to_owned();
    assert!(
        wrong.contains("'middle'") && wrong.contains("left, right") && wrong.lines().count() == 1,
        "{wrong}"
    );

    // Wider than the monitor: black above and below.
    let mut command = desk.program();
    command.args(["live", ORANGE, "--ai", "off", "--fullscreen", "--monitor", "right", "--engine"]);
    let mut program = Running::start(command.arg(engine("threshold")));
    wait_until("the picture is there", || is_orange(desk.colour(960, 240)));
    for (x, y, is_picture) in
        [(650, 70, true), (1270, 240, true), (960, 20, false), (630, 240, false), (320, 240, false)]
    {
        assert_eq!(is_orange(desk.colour(x, y)), is_picture, "{x},{y}: {:?}", desk.colour(x, y));
    }
    // Somebody takes the window away: it comes back.
    let tree = desk.connection.query_tree(desk.root).unwrap().reply().unwrap();
    for window in tree.children {
        desk.connection.kill_client(window).unwrap();
    }
    desk.connection.flush().unwrap();
    wait_until("the picture is gone", || !is_orange(desk.colour(960, 240)));
    wait_until("the picture is there again", || is_orange(desk.colour(960, 240)));
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    wait_until("the window is gone", || !is_orange(desk.colour(960, 240)));
}

#[test]
fn the_end_of_the_desktop_is_not_the_end_of_the_picture() {
    let mut desk = Desk::start();
    let address = free_address();
    let mut command = desk.program();
    command.args([
        "live",
        "phantom:lv",
        "--ai",
        "off",
        "--fullscreen",
        "--window",
        "--serve",
        &address.to_string(),
    ]);
    let mut program = Running::start(command.arg("--engine").arg(engine("threshold")));
    let frames = || status(address)["signal"]["frames"].as_u64().unwrap_or(0);
    wait_until("it serves", || std::net::TcpStream::connect(address).is_ok());
    wait_until("pictures pass", || frames() > 10);
    desk.server.kill().unwrap();
    desk.server.wait().unwrap();
    let so_far = frames();
    wait_until("pictures go on", || frames() > so_far + 60);
    let id = program.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_desktop_that_is_not_there_is_said_in_one_line() {
    let none = tempfile::tempdir().unwrap();
    for (display, wayland, words) in [
        (None, None, "--serve"),
        (Some(":987"), None, "X server"),
        (None, Some("no-such"), "Wayland"),
        (Some(":987"), Some("no-such"), "Wayland"),
    ] {
        let mut command = vesalius();
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("XDG_RUNTIME_DIR", none.path());
        command.envs(display.map(|display| ("DISPLAY", display)));
        command.envs(wayland.map(|wayland| ("WAYLAND_DISPLAY", wayland)));
        command
            .args(["live", "phantom:lv", "--window", "--duration", "2", "--engine"])
            .arg(engine("threshold"));
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        assert_eq!(ran.status.code(), Some(1), "{display:?} {wayland:?}: {said}");
        assert!(said.lines().count() == 1 && said.contains(words), "{said}");
    }
}
