// Moving clouds and matchings on canvases. Data comes from the JSON element written by the page; text
// is only ever set as text. Lengths are in units of the longest edge of the section's common box.
(function () {
"use strict";

const STEPS = 65535, SECONDS = 7, YAW = -0.6, PITCH = 0.3;
const data = JSON.parse(document.getElementById("gromov-data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const clamp = (x, a, b) => Math.min(b, Math.max(a, x));
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- data ----

function words(text) {
  const bytes = atob(text), out = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
  return out;
}

function coordinates(text, frame) {
  const q = words(text), out = new Float32Array(q.length);
  for (let i = 0; i < q.length; i++) out[i] = frame.span[i % frame.dim] * q[i] / STEPS;
  return out;
}

const radii = (text) => text ? Float32Array.from(words(text), (q) => q / STEPS) : null;
const origin = (frame) => frame.lo.map((x) => -x / frame.unit);

// R (p - o) + o for every row.
function turned(points, d, R, o) {
  if (!R) return points;
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += d)
    for (let a = 0; a < d; a++) {
      let s = o[a];
      for (let b = 0; b < d; b++) s += R[a * d + b] * (points[i + b] - o[b]);
      out[i + a] = s;
    }
  return out;
}

function extent(clouds, d) {
  const lo = new Array(d).fill(Infinity), hi = new Array(d).fill(-Infinity);
  for (const c of clouds)
    for (let i = 0; i < c.length; i++) {
      const k = i % d;
      if (c[i] < lo[k]) lo[k] = c[i];
      if (c[i] > hi[k]) hi[k] = c[i];
    }
  return { lo, hi, mid: lo.map((x, k) => (x + hi[k]) / 2) };
}

function farthest(clouds, d, mid) {
  let most = 0;
  for (const c of clouds)
    for (let i = 0; i < c.length; i += d) {
      let s = 0;
      for (let k = 0; k < d; k++) s += (c[i + k] - mid[k]) ** 2;
      if (s > most) most = s;
    }
  return Math.sqrt(most) || 0.5;
}

// ---- colours ----

function oklch(L, C, h) {
  const a = C * Math.cos(h), b = C * Math.sin(h);
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s].map((x) => {
    const y = clamp(x, 0, 1);
    return Math.round(255 * (y <= 0.0031308 ? 12.92 * y : 1.055 * y ** (1 / 2.4) - 0.055));
  });
}

// Colour of a place; u, v, w in [-1, 1] about the centre.
function colour(d, u, v, w) {
  if (d === 1) return oklch(dark.matches ? 0.76 : 0.6, 0.14, 4.9 - 2.1 * (u + 1));
  const h = Math.atan2(v, u) + 0.5;
  if (d === 3) return oklch((dark.matches ? 0.56 : 0.42) + 0.17 * (w + 1), 0.13, h);
  const r = clamp(Math.hypot(u, v), 0, 1);
  return oklch(dark.matches ? 0.9 - 0.16 * r : 0.48 + 0.2 * r, 0.02 + 0.14 * Math.sqrt(r), h);
}

const rgb = (c) => "rgb(" + c.join(",") + ")";

// Colours of a cloud by place, centre and radius given.
function paint(points, d, mid, radius) {
  const out = [];
  for (let i = 0; i < points.length; i += d) {
    const at = (k) => k < d ? (points[i + k] - mid[k]) / radius : 0;
    out.push(rgb(colour(d, at(0), at(1), clamp(at(2) * 1.3, -1, 1))));
  }
  return out;
}

function paintKey(canvas, d) {
  const g = canvas.getContext("2d"), n = canvas.width, image = g.createImageData(n, n);
  for (let j = 0; j < n; j++)
    for (let i = 0; i < n; i++) {
      const u = 2 * (i + 0.5) / n - 1, v = 1 - 2 * (j + 0.5) / n, r = Math.hypot(u, v);
      const c = d === 3 ? colour(3, Math.cos(Math.PI * u), Math.sin(Math.PI * u), v) : colour(d, u, v, 0);
      const alpha = d === 2 ? clamp((1 - r) * n / 2, 0, 1) : d === 1 ? (Math.abs(v) < 0.4 ? 1 : 0) : 1;
      image.data.set([c[0], c[1], c[2], 255 * alpha], 4 * (j * n + i));
    }
  g.putImageData(image, 0, 0);
}

// ---- one picture: canvases with a common scale and camera ----

function makeStage(el, frame, clouds) {
  const d = frame.dim, box = extent(clouds, d), o = origin(frame);
  const stage = {
    el, d, frame, o, box, yaw: YAW, pitch: PITCH, draw: null, queued: false,
    radius: farthest(clouds, d, box.mid),
    canvases: [...el.querySelectorAll("canvas.cloud")],
  };
  stage.request = function () {
    if (stage.queued) return;
    stage.queued = true;
    requestAnimationFrame(() => { stage.queued = false; stage.draw(); });
  };
  const size = box.hi.map((x, k) => x - box.lo[k]);
  stage.aspect = d === 1 ? 0 : d === 3 ? 0.84 : clamp(size[1] / (size[0] || 1e-9), 0.42, 0.95);
  if (d === 3) camera(stage);
  new ResizeObserver(stage.request).observe(el);
  return stage;
}

function camera(stage) {
  const turn = (dx, dy) => {
    stage.yaw += dx;
    stage.pitch = clamp(stage.pitch + dy, -1.5, 1.5);
    stage.request();
  };
  for (const c of stage.canvases) {
    let last = null;
    c.classList.add("turns");
    c.addEventListener("pointerdown", (e) => { last = [e.clientX, e.clientY]; c.setPointerCapture(e.pointerId); });
    c.addEventListener("pointermove", (e) => {
      if (!last) return;
      turn((e.clientX - last[0]) * 0.01, (e.clientY - last[1]) * 0.01);
      last = [e.clientX, e.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) c.addEventListener(end, () => { last = null; });
    c.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] }[e.key];
      if (step) { turn(...step); e.preventDefault(); }
    });
  }
  stage.el.querySelector(".reset").addEventListener("click", () => {
    stage.yaw = YAW;
    stage.pitch = PITCH;
    stage.request();
  });
  const spin = stage.el.querySelector(".spin");
  let before = 0;
  const tick = (now) => {
    if (!spin.checked) { before = 0; return; }
    if (before) turn(0.35 * Math.min(0.1, (now - before) / 1000), 0);
    before = now;
    requestAnimationFrame(tick);
  };
  spin.addEventListener("change", () => requestAnimationFrame(tick));
}

// Sizes a canvas for the screen; returns its context, size and projection.
function open(stage, canvas) {
  const W = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  // the pictures and their controls fit on one screen, also when they are one above the other
  const tallest = Math.max(220, innerHeight * (stage.canvases.length > 1 && innerWidth <= 640 ? 0.34 : 0.48));
  const H = stage.d === 1 ? 132 : Math.round(Math.min(W * stage.aspect, tallest));
  if (canvas.width !== Math.round(W * ratio) || canvas.height !== Math.round(H * ratio)) {
    canvas.width = Math.round(W * ratio);
    canvas.height = Math.round(H * ratio);
    canvas.style.height = H + "px";
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, W, H);
  return { g, W, H, project: projection(stage, W, H) };
}

// (points, index) -> [x, y, depth in -1..1, towards the reader].
function projection(stage, W, H) {
  const { d, box } = stage, pad = 0.06 * W + 4;
  const size = box.hi.map((x, k) => Math.max(x - box.lo[k], 1e-9));
  if (d < 3) {
    const s = Math.min((W - 2 * pad) / size[0], d === 2 ? (H - 2 * pad) / size[1] : Infinity);
    const far = Math.max(...size) > 1e-8 ? s : 1;
    const map = (p, i) => [W / 2 + far * (p[i] - box.mid[0]), d === 1 ? H / 2 : H / 2 - far * (p[i + 1] - box.mid[1]), 1];
    map.scale = far;
    return map;
  }
  const s = (Math.min(W, H) / 2 - 10) / stage.radius;
  const [cy, sy, cp, sp] = [Math.cos(stage.yaw), Math.sin(stage.yaw), Math.cos(stage.pitch), Math.sin(stage.pitch)];
  return (p, i) => {
    const a = p[i] - box.mid[0], b = p[i + 1] - box.mid[1], c = p[i + 2] - box.mid[2];
    const x = cy * a - sy * b, y = sy * a + cy * b;
    const depth = (sp * c - cp * y) / stage.radius, near = s / (1 - 0.16 * depth);
    return [W / 2 + near * x, H / 2 - near * (cp * c + sp * y), clamp(depth, -1, 1)];
  };
}

// Dots (or rings) of one cloud; in 3-D from far to near.
function dots(view, points, d, colours, radii, opt) {
  const { g, W, H, project } = view, n = points.length / d;
  const fill = (d === 3 ? 0.29 : 0.175) * Math.sqrt(W * Math.max(H, 0.5 * W) / n);
  const base = clamp(fill, 1.3, 4.2) * (opt.size || 1) * (radii ? 1.5 : 1);
  const places = new Array(n), order = new Array(n);
  for (let i = 0; i < n; i++) { places[i] = project(points, i * d); order[i] = i; }
  if (d === 3) order.sort((i, j) => places[i][2] - places[j][2]);
  g.lineWidth = d === 1 ? 1.5 : 1.2;
  for (const i of order) {
    const [x, y, depth] = places[i], near = d === 3 ? (depth + 1) / 2 : 1;
    const c = typeof colours === "string" ? colours : colours[i];
    const r = base * (0.65 + 0.35 * near) * (radii ? Math.max(radii[i], 0.12) : 1);
    g.globalAlpha = (opt.alpha || 0.92) * (d === 3 ? 0.1 + 0.9 * near : 1);
    g.beginPath();
    if (d === 1) {
      g.moveTo(x, y + (opt.below ? 5 : -5));
      g.lineTo(x, y + (opt.below ? 34 : -34) * (radii ? Math.max(radii[i], 0.12) : 1));
    } else g.arc(x, y, opt.ring ? r + 0.8 : r, 0, 2 * Math.PI);
    if (opt.ring || d === 1) { g.strokeStyle = c; g.stroke(); } else { g.fillStyle = c; g.fill(); }
  }
  g.globalAlpha = 1;
}

// A cross at the origin, if it is in the picture.
function cross(stage, view) {
  const { g, W, H, project } = view, [x, y] = project(stage.o, 0), r = 6;
  if (stage.d === 3 || !(x > r && x < W - r && y > r && y < H - r)) return false;
  g.lineCap = "round";
  for (const [width, ink] of [[4.5, "--panel"], [1.6, "--ink"]]) {
    g.lineWidth = width;
    g.strokeStyle = css(ink);
    g.beginPath(); g.moveTo(x - r, y); g.lineTo(x + r, y); g.moveTo(x, y - r); g.lineTo(x, y + r); g.stroke();
  }
  g.lineCap = "butt";
  return true;
}

// Axis of a line, and a length for scale.
function furniture(stage, view) {
  const { g, W, H, project } = view;
  g.strokeStyle = g.fillStyle = css("--faint");
  g.lineWidth = 1;
  g.beginPath();
  if (stage.d === 1) { g.moveTo(12, H / 2); g.lineTo(W - 12, H / 2); }
  if (stage.d < 3) {
    const want = 0.16 * W / project.scale * stage.frame.unit, unit = 10 ** Math.floor(Math.log10(want));
    const length = (want >= 5 * unit ? 5 : want >= 2 * unit ? 2 : 1) * unit, px = length / stage.frame.unit * project.scale;
    if (isFinite(px) && px > 4 && px < W / 2) {
      g.moveTo(14, H - 14.5); g.lineTo(14 + px, H - 14.5);
      g.font = "12px system-ui, sans-serif";
      g.fillStyle = css("--soft");
      g.fillText(length >= 1e5 || length < 1e-4 ? length.toExponential(0) : String(+length.toPrecision(1)), 14, H - 20);
    }
  }
  g.stroke();
}

// ---- players ----

function makePlayer(p, frame, figure) {
  const d = frame.dim, frames = coordinates(p.frames, frame), size = p.n * d;
  const backdrop = coordinates(p.backdrop, frame), o = origin(frame);
  const box = figure.querySelector(".switch"), player = {
    label: p.label, times: p.times, first: frames.subarray(0, size), now: frames.slice(0, size), on: p.on,
    all: [frames, backdrop, turned(frames, d, p.rotation, o), turned(backdrop, d, p.rotation, o)],
    radii: radii(p.radii), backdropRadii: radii(p.backdrop_radii), colours: [], caption: "", box,
    canvas: figure.querySelector("canvas"),
  };
  player.behind = () => player.on ? player.all[3] : backdrop;
  player.seek = function (t) {
    const k = p.times.length;
    let j = 0;
    while (j < k - 2 && p.times[j + 1] <= t) j++;
    const gap = k > 1 ? p.times[j + 1] - p.times[j] : 0;
    const a = gap > 0 ? clamp((t - p.times[j]) / gap, 0, 1) : k > 1 && t >= p.times[j + 1] ? 1 : 0;
    const next = Math.min(j + 1, k - 1), now = new Float32Array(size);
    for (let i = 0; i < size; i++) now[i] = (1 - a) * frames[j * size + i] + a * frames[next * size + i];
    player.now = player.on ? turned(now, d, p.rotation, o) : now;
    player.caption = p.captions[a > 0.5 ? next : j] || "";
    figure.querySelector(".caption").textContent = player.caption;
  };
  return player;
}

function makePlayers(section, el, s) {
  const frame = s.frame, d = frame.dim, figures = el.querySelectorAll(".player");
  const players = s.players.map((p, i) => makePlayer(p, frame, figures[i]));
  const stage = makeStage(el, frame, players.flatMap((p) => p.all));
  const firsts = players.map((p) => p.first), mid = extent(firsts, d).mid, reach = farthest(firsts, d, mid);
  const colour = () => {
    for (const p of players) p.colours = paint(p.first, d, mid, reach);
    paintKey(el.querySelector(".wheel"), d);
  };
  stage.draw = function () {
    let crossed = false;
    for (const p of players) {
      const view = open(stage, p.canvas), behind = p.behind();
      furniture(stage, view);
      if (behind.length) dots(view, behind, d, css("--ghost"), p.backdropRadii, { alpha: 0.55, below: true, size: 0.9 });
      dots(view, p.now, d, p.colours, p.radii, {});
      crossed = cross(stage, view) || crossed;
    }
    el.querySelector(".origin-key").hidden = !crossed;
  };
  for (const p of players)
    if (p.box) {
      p.on = p.box.checked;
      p.box.addEventListener("change", () => { p.on = p.box.checked; section.seek(section.time); });
    }
  colour();
  dark.addEventListener("change", () => { colour(); stage.request(); });
  section.players = players;
  section.stage = stage;
  transport(section, el, s);
}

// Play, slider, speed, keys, and the markers on charts.
function transport(section, el, s) {
  const slider = el.querySelector(".time"), button = el.querySelector(".play"), out = el.querySelector(".now");
  const times = s.players.flatMap((p) => p.times).sort((a, b) => a - b);
  const from = times[0], to = times[times.length - 1], range = to - from;
  const keys = times.filter((t, i) => i === 0 || t > times[i - 1] + 1e-9 * range);
  const plain = range >= 1e-3 && Math.abs(to) < 1e5 && Math.abs(from) < 1e5;
  const digits = plain ? clamp(2 - Math.floor(Math.log10(range)), 0, 6) : 0;
  const say = (t) => s.time_label + " = " + (plain ? t.toFixed(digits) : t.toPrecision(4)).replace("-", "−");
  const marks = [...section.el.querySelectorAll("svg[data-time]")].map(marker);
  let before = 0, wait = 0;
  section.playing = false;
  section.seek = function (t) {
    section.time = clamp(t, from, to);
    for (const p of section.players) p.seek(section.time);
    if (slider) {
      slider.value = String(range > 0 ? Math.round(1000 * (section.time - from) / range) : 0);
      slider.setAttribute("aria-valuetext", say(section.time));
      out.textContent = say(section.time);
    }
    for (const mark of marks) mark(section.time);
    section.stage.request();
  };
  section.pause = function () {
    section.playing = false;
    if (button) { button.setAttribute("aria-pressed", "false"); button.setAttribute("aria-label", "Play"); }
  };
  section.play = function () {
    if (!(range > 0) || section.playing) return;
    if (section.time >= to) section.seek(from);
    section.playing = true;
    button.setAttribute("aria-pressed", "true");
    button.setAttribute("aria-label", "Pause");
    before = wait = 0;
    requestAnimationFrame(tick);
  };
  // With reduced motion the player steps from key frame to key frame.
  function tick(now) {
    if (!section.playing) return;
    const passed = before ? Math.min(0.1, (now - before) / 1000) : 0;
    before = now;
    const step = passed * Number(el.querySelector(".speed").value) / SECONDS;
    wait += step;
    if (!still.matches) section.seek(section.time + step * range);
    else if (wait >= Math.min(1 / keys.length, 0.6 / SECONDS)) {
      wait = 0;
      section.seek(keys.find((t) => t > section.time + 1e-9 * range) ?? to);
    }
    if (section.time >= to) section.pause(); else requestAnimationFrame(tick);
  }
  section.toggle = () => section.playing ? section.pause() : section.play();
  section.value = () => slider ? Number(slider.value) : 0;
  if (slider) {
    button.addEventListener("click", section.toggle);
    slider.addEventListener("input", () => { section.pause(); section.seek(from + range * Number(slider.value) / 1000); });
    el.addEventListener("keydown", (e) => {
      const onCanvas = e.target.tagName === "CANVAS";
      if (e.key === " " && (onCanvas || e.target === slider)) { section.toggle(); e.preventDefault(); }
      const way = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[e.key];
      if (way && onCanvas && s.frame.dim < 3) {
        section.pause();
        section.seek(section.time + way * range / 40);
        e.preventDefault();
      }
    });
  }
  section.seek(s.start ?? from);
}

function marker(svg) {
  const [lo, hi, log, left, right, top, bottom] = svg.dataset.time.split(" ").map(Number);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "marker");
  line.setAttribute("y1", top);
  line.setAttribute("y2", bottom);
  svg.appendChild(line);
  return (t) => {
    const share = ((log ? Math.log10(t) : t) - lo) / (hi - lo), x = left + (right - left) * share;
    const inside = share >= -1e-9 && share <= 1 + 1e-9;
    line.setAttribute("visibility", inside ? "visible" : "hidden");
    if (inside) for (const a of ["x1", "x2"]) line.setAttribute(a, x.toFixed(1));
  };
}

// ---- matchings ----

function makeMatching(section, el, m) {
  const frame = m.frame, d = frame.dim, x = coordinates(m.x, frame), y = coordinates(m.y, frame);
  const stage = makeStage(el, frame, [x, y]), show = el.querySelector(".lines");
  const mid = extent([x], d).mid, reach = farthest([x], d, mid), rx = radii(m.x_radii), ry = radii(m.y_radii);
  let cx = [], cy = [];
  const colour = () => {
    cx = paint(x, d, mid, reach);
    cy = m.source.map((i) => i < 0 ? css("--faint") : cx[i]);
    paintKey(el.querySelector(".wheel"), d);
  };
  stage.draw = function () {
    const view = open(stage, stage.canvases[0]), g = view.g, drop = d === 1 ? 20 : 0;
    g.lineWidth = 0.8;
    for (let l = 0; show.checked && l < m.lines.length; l += 3) {
      const a = view.project(x, m.lines[l] * d), b = view.project(y, m.lines[l + 1] * d);
      g.globalAlpha = 0.06 + 0.3 * m.lines[l + 2] / 255;
      g.strokeStyle = cx[m.lines[l]];
      g.beginPath(); g.moveTo(a[0], a[1] - drop); g.lineTo(b[0], b[1] + drop); g.stroke();
    }
    g.globalAlpha = 1;
    dots(view, x, d, cx, rx, { size: 0.8 });
    dots(view, y, d, cy, ry, { size: 0.6, ring: true, below: true });
  };
  show.addEventListener("change", stage.request);
  colour();
  dark.addEventListener("change", () => { colour(); stage.request(); });
  section.matching = stage;
  stage.request();
}

// ---- start ----

const sections = data.map((s, i) => {
  const el = document.querySelector('[data-section="' + i + '"]');
  const section = { el, players: [], stage: null, matching: null, time: 0, playing: false, value: () => 0 };
  if (s.frame) makePlayers(section, el.querySelector('[data-stage="players"]'), s);
  if (s.matching) makeMatching(section, el.querySelector('[data-stage="matching"]'), s.matching);
  // What is drawn, in data units: for tests.
  section.state = () => ({
    value: section.value(), time: section.time, playing: section.playing,
    camera: section.stage && [section.stage.yaw, section.stage.pitch],
    players: section.players.map((p) => ({
      label: p.label, caption: p.caption, switched: Boolean(p.on),
      points: Array.from(p.now, (v, k) => s.frame.lo[k % s.frame.dim] + s.frame.unit * v),
    })),
  });
  return section;
});
addEventListener("resize", () => {
  for (const s of sections) for (const stage of [s.stage, s.matching]) if (stage) stage.request();
});
window.gromov = {
  sections: sections.map((s) => ({ state: s.state, seek: s.seek, play: s.play, pause: s.pause })),
};
})();
