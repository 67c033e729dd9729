"use strict";
// The page of a live picture. It shows what it is told, says so when it is told nothing, and keeps nothing.

const SILENT_MS = 3000;       // without word for longer, what is shown is not now
const PLOT_MS = 60000;        // time that a plot spans
const ARMED_MS = 3000;        // a second press within this does it

const $ = (id) => document.getElementById(id);
const history = new Map();    // value -> [[time, number], …]
let status = null;
let heardAt = 0;

// ---- picture ----------------------------------------------------------------------------------------------------

async function startPicture() {
  try {
    await startWebRtc();
  } catch {
    startPictures();
  }
}

async function startWebRtc() {
  if (!window.RTCPeerConnection) throw new Error("no WebRTC here");
  const peer = new RTCPeerConnection();
  try {
    peer.addTransceiver("video", { direction: "recvonly" });
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise((done) => {
      if (peer.iceGatheringState === "complete") return done();
      peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done());
      setTimeout(done, 1000);
    });
    const answer = await post("/api/webrtc", { sdp: peer.localDescription.sdp });
    const flowing = new Promise((done, fail) => {
      peer.addEventListener("track", (event) => {
        const video = $("video");
        // Now is better than smooth: nothing is kept back for the sake of an even pace.
        if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
        else if ("playoutDelayHint" in event.receiver) event.receiver.playoutDelayHint = 0;
        video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
        video.addEventListener("playing", done, { once: true });
      });
      setTimeout(() => fail(new Error("no picture")), 5000);
    });
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await flowing;
  } catch (error) {
    peer.close();
    throw error;
  }
  $("video").hidden = false;
  $("picture").hidden = true;
  peer.addEventListener("connectionstatechange", () => {
    if (["failed", "closed", "disconnected"].includes(peer.connectionState)) {
      peer.close();
      startPictures();
    }
  });
}

function startPictures() {
  $("video").hidden = true;
  const picture = $("picture");
  picture.hidden = false;
  picture.onerror = () => setTimeout(() => { picture.src = "/picture.mjpeg?" + Date.now(); }, 1000);
  picture.src = "/picture.mjpeg?" + Date.now();
}

// ---- status -----------------------------------------------------------------------------------------------------

function listen() {
  const source = new EventSource("/api/events");
  source.onmessage = (event) => {
    status = JSON.parse(event.data);
    heardAt = Date.now();
    remember(status.values);
    show();
  };
  // Without a change of status nothing comes: so it is asked, now and then, whether anybody is there.
  setInterval(async () => {
    if (Date.now() - heardAt > SILENT_MS / 2) {
      try {
        const answer = await fetch("/api/status");
        if (answer.ok) { status = await answer.json(); heardAt = Date.now(); show(); }
      } catch { /* said below */ }
    }
    const lost = Date.now() - heardAt > SILENT_MS;
    $("link").hidden = !lost;
    document.body.classList.toggle("lost", lost);
    if (lost) forgetValues();
  }, 1000);
}

function remember(values) {
  const now = Date.now();
  for (const v of values) {
    if (v.value === null) continue;
    const key = v.structure + "/" + v.name;
    const line = history.get(key) ?? [];
    line.push([now, v.value]);
    while (line.length && now - line[0][0] > PLOT_MS) line.shift();
    history.set(key, line);
  }
}

function badge(id, text, kind) {
  const element = $(id);
  element.textContent = text;
  element.className = "badge " + kind;
}

const seconds = (s) => s < 90 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`;

function show() {
  const { signal, ai, recording, privacy } = status;
  $("source").textContent = status.source || "Vesalius";
  $("notice").textContent = status.notice;
  const live = signal.state === "LIVE";
  badge("signal", live ? (signal.why ? "LIVE, see below" : "LIVE") : `${signal.state} for ${seconds(signal.for_s)}`, live ? (signal.why ? "warn" : "good") : "bad");
  $("signal").title = signal.why;
  const kinds = { RUNNING: "good", LOADING: "warn", DEGRADED: "warn", FAULT: "bad", OFF: "" };
  const found = status.values.some((v) => v.value !== null);
  const words = { RUNNING: found ? "AI RUNNING" : "AI RUNNING, nothing found", OFF: "AI OFF", LOADING: "AI LOADING", DEGRADED: "AI DEGRADED", FAULT: "AI FAULT" };
  badge("ai-state", words[ai.state] ?? ai.state, kinds[ai.state] ?? "");
  $("ai-state").title = ai.why;
  badge("calibration", status.calibration || "NO CALIBRATION", status.calibration ? "" : "warn");
  $("recording").hidden = !recording.on && !recording.why;
  badge("recording", recording.on ? `REC ${seconds(recording.for_s)}` : recording.why, recording.why ? "bad" : "good");
  $("privacy").hidden = !privacy.gate;
  badge("privacy", privacy.blanked ? `BLANKED: ${privacy.why}` : "PRIVACY GATE OPEN", privacy.blanked ? "warn" : "good");
  $("privacy").title = "Pictures that are not known to show the inside of a body do not leave the room";

  press("ai", ai.on, ai.on ? "Turn AI off" : "Turn AI on");
  press("record", recording.on, recording.on ? "Stop recording" : "Record");
  const select = $("engine");
  const wanted = status.engines.join("\n");
  if (select.dataset.engines !== wanted) {
    select.dataset.engines = wanted;
    select.replaceChildren(...status.engines.map((name) => new Option(name, name)));
  }
  if (document.activeElement !== select) select.value = ai.engine;

  showValues();
  const figures = [
    ["Picture", `${signal.width}×${signal.height}, ${signal.rate_hz.toFixed(1)}/s`],
    ["Frames lost", `${signal.lost} of ${signal.frames}`],
    ["Picture delay (p99.9)", `${signal.delay_ms.toFixed(1)} ms`],
    ["Results", `${ai.rate_hz.toFixed(1)}/s`],
    ["Age of what is drawn", ai.age_ms === null ? "nothing is drawn" : `${Math.round(ai.age_ms)} ms${ai.carried ? ", carried" : ""}`],
    ["Engine", `${ai.engine} ${ai.sha256}`],
    ["Runs in", ai.place],
    ["Version", status.version],
  ];
  if (signal.why) figures.unshift(["What comes", signal.why]);
  if (ai.why) figures.unshift(["AI", ai.why]);
  $("figures").replaceChildren(...figures.flatMap(([name, text]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = text;
    return [dt, dd];
  }));
}

function press(id, on, text) {
  $(id).setAttribute("aria-pressed", String(on));
  $(id).textContent = text;
}

function showValues() {
  const body = $("values").tBodies[0];
  const rows = status.values.map((v) => {
    const row = document.createElement("tr");
    const name = row.insertCell(), value = row.insertCell(), plot = row.insertCell();
    name.className = "name";
    name.textContent = `${v.structure.replaceAll("_", " ")}: ${v.name.replaceAll("_", " ")}`;
    value.className = v.value === null || v.validity !== "VALID" ? "value doubt" : "value";
    value.textContent = v.text;
    plot.className = "plot";
    const line = history.get(v.structure + "/" + v.name);
    if (line && line.length > 1) plot.append(draw(line));
    return row;
  });
  body.replaceChildren(...rows);
  $("nothing").textContent = rows.length ? "" : (status.ai.on ? "No values." : "AI is off.");
}

function forgetValues() {
  $("values").tBodies[0].replaceChildren();
  $("nothing").textContent = "No connection: nothing here is now.";
  badge("signal", "UNKNOWN", "bad");
  badge("ai-state", "UNKNOWN", "bad");
}

function draw(line) {
  const canvas = document.createElement("canvas");
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [64, 24];
  canvas.width = width * scale; canvas.height = height * scale;
  const numbers = line.map(([, v]) => v);
  const low = Math.min(...numbers), high = Math.max(...numbers);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `last minute, from ${low.toPrecision(3)} to ${high.toPrecision(3)}`);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("color");
  pen.lineWidth = 1.25;
  const now = Date.now();
  pen.beginPath();
  for (const [at, v] of line) {
    const x = width - 1 - (now - at) / PLOT_MS * (width - 2);
    const y = high > low ? height - 2 - (v - low) / (high - low) * (height - 4) : height / 2;
    pen.lineTo(x, y);
  }
  pen.stroke();
  return canvas;
}

// ---- control ----------------------------------------------------------------------------------------------------

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
  if (!answer.ok) throw new Error(said.error);
  return said;
}

async function act(path, body, done) {
  const said = $("said");
  try {
    const answer = await post(path, body);
    said.className = "";
    said.textContent = answer.file ? `${done}: ${answer.file}` : done;
  } catch (error) {
    said.className = "bad";
    said.textContent = error.message || "no answer";
  }
}

const actions = {
  ai: () => act("/api/ai", { on: !status?.ai.on }, status?.ai.on ? "AI is off" : "AI is on"),
  record: () => act("/api/record", { on: !status?.recording.on }, status?.recording.on ? "Recording stopped" : "Recording"),
  "look-back": () => act("/api/look-back", {}, "Kept"),
  snapshot: () => act("/api/snapshot", {}, "Kept"),
  "new-patient": () => {
    // What it throws away cannot be had back, so it takes two presses.
    const button = $("new-patient");
    if (button.classList.contains("armed")) {
      button.classList.remove("armed");
      button.textContent = "New patient";
      history.clear();
      return act("/api/new-patient", {}, "New patient: everything begins anew");
    }
    button.classList.add("armed");
    button.textContent = "Press again";
    setTimeout(() => { button.classList.remove("armed"); button.textContent = "New patient"; }, ARMED_MS);
  },
};

for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
$("engine").addEventListener("change", (event) =>
  act("/api/engine", { name: event.target.value }, `${event.target.value} is being loaded`));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target.tagName === "SELECT") return;
  const id = { a: "ai", r: "record", l: "look-back", s: "snapshot", n: "new-patient" }[event.key.toLowerCase()];
  if (id) { event.preventDefault(); actions[id](); }
});

listen();
startPicture();
