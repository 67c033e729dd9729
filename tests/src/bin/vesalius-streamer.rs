//! A scanner that streams H.264 over RTSP at `rtsp://127.0.0.1:PORT/scanner`, until it is killed: `vesalius-streamer PORT`.

use gst_rtsp_server::prelude::*;

const PICTURE: &str = "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
                       ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )";

fn main() {
    gst::init().expect("GStreamer starts");
    let port = std::env::args().nth(1).expect("a port");
    let server = gst_rtsp_server::RTSPServer::new();
    server.set_address("127.0.0.1");
    server.set_service(&port);
    let factory = gst_rtsp_server::RTSPMediaFactory::new();
    factory.set_launch(PICTURE);
    factory.set_shared(true);
    server.mount_points().expect("a server has mount points").add_factory("/scanner", factory);
    let _source = server.attach(None).expect("the port is free");
    gst::glib::MainLoop::new(None, false).run();
}
