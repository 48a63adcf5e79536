// The live page: shows what comes over /watch, and says so when nothing comes.
// Binary messages are JPEGs, text messages the figures as JSON, one a second.
// What messages say becomes text or a colour, never HTML.

const FIRST_PAUSE = 500; // ms until a lost connection is tried again, twice as long each time
const LONGEST_PAUSE = 5000;
const SILENCE = 6000; // ms without figures; then the connection is dead, whatever the browser thinks
const HIDDEN = 20000; // ms in the background until a tab lets its place go
const SAY_EVERY = 15000; // ms between two sentences for screen readers
const NO_PLACE = 4008, NO_TOKEN = 4001; // codes with which the server closes
const GREY = "#868c96"; // of people with no emotion yet
const LABEL_SHARE = 9; // percent; a thinner band of the chart has no room for its name

const page = document.body;
const $ = (id) => document.getElementById(id);

let socket = null;
let failures = 0; // since figures last came
let closedWith = null; // the code of the last close, until figures come again
let figures = null; // the last ones
let figuresAt = 0; // performance.now() of them
let pictureAt = performance.now(); // of the last picture, or of the start
let paused = false;
let retryTimer, hiddenTimer;

// ---- the connection ----

function connect() {
  clearTimeout(retryTimer);
  if (socket || document.hidden) return; // a hidden tab connects when it is looked at
  const url = new URL("watch", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = url.hash = "";
  const mine = (socket = new WebSocket(url));
  mine.binaryType = "blob";
  figuresAt = performance.now();
  mine.onmessage = ({ data }) => {
    if (mine !== socket) return;
    if (typeof data === "string") receive(JSON.parse(data));
    else show(data);
  };
  mine.onclose = ({ code }) => {
    if (mine === socket) lose(code);
  };
}

function lose(code) {
  disconnect();
  closedWith = code;
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++);
  retryTimer = setTimeout(connect, pause * (0.75 + Math.random() / 4)); // not all pages at once
  render();
}

function disconnect() {
  const mine = socket;
  socket = null;
  clearTimeout(retryTimer);
  mine?.close();
}

function receive(message) {
  const first = failures > 0 || !figures;
  figures = message;
  figuresAt = performance.now();
  failures = 0;
  closedWith = null;
  if (first) loadPlotly();
  render();
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, HIDDEN);
  else {
    pictureAt = performance.now();
    draw();
    connect();
    render();
  }
});
addEventListener("online", connect);
addEventListener("pagehide", disconnect);
addEventListener("pageshow", connect);

// ---- the picture ----

const picture = $("picture");
let newest = null; // a JPEG that is not drawn yet
let drawing = ""; // the blob URL of the one that the browser decodes

function show(jpeg) {
  pictureAt = performance.now();
  newest = jpeg;
  draw();
}

function draw() {
  if (!newest || drawing || paused || document.hidden) return;
  drawing = URL.createObjectURL(newest);
  newest = null;
  picture.src = drawing;
}

function drawn() {
  URL.revokeObjectURL(drawing);
  drawing = "";
  draw();
}

picture.onload = () => {
  $("frame").style.aspectRatio = `${picture.naturalWidth} / ${picture.naturalHeight}`;
  picture.hidden = false;
  $("no-picture").hidden = true;
  drawn();
};
picture.onerror = drawn; // a damaged one: the next is not far

$("pause").onclick = () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
  draw();
  render();
};

// ---- words ----

const number = (value) => (value ?? 0).toLocaleString("en");
const plural = (count, noun) => `${number(count)} ${count === 1 ? noun : noun === "person" ? "people" : noun + "s"}`;
const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)}%`);

function headline({ now, so_far, things, state, moods = [] }) {
  if (state === "ended") return so_far || !things ? `It is over: ${plural(so_far, "person")} came` : `It is over: ${plural(things, "thing")} came`;
  if (!so_far && things) return `${plural(things, "thing")} so far`;
  if (!now) return "Nobody in view";
  const [most] = moods;
  if (!most) return `${plural(now, "person")} in view`;
  if (most.people >= now) return `${plural(now, "person")} in view, ${now > 1 ? "all " : ""}${most.word}`;
  if (most.people * 2 > now) return `${plural(now, "person")} in view, mostly ${most.word}`;
  return `${plural(now, "person")} in view: ${moods.slice(0, 3).map((m) => `${m.people} ${m.word}`).join(", ")}`;
}

// What is wrong: a word for the badge, a sentence, and what of it changes from second to second.
function wrong() {
  const waited = Math.round((performance.now() - pictureAt) / 1000);
  if (figures?.state === "ended") return ["ended", "It has ended. If it begins again, so does this page.", ""];
  if (closedWith === NO_TOKEN) return ["no token", "This page needs its token: open the link that has it", ""];
  if (closedWith === NO_PLACE) return ["no place", "All places are taken; trying again", ""];
  if (closedWith !== null) return ["no connection", "Connection lost; trying again", ""];
  if (figures?.state === "waiting") {
    const why = figures.trouble ? `. The last error: ${figures.trouble}` : "; it is tried again and again";
    return ["waiting", `No picture: the camera gives none${why}`, ` for ${Math.max(waited, 3)} s`];
  }
  return null;
}

let sentence = ""; // what a screen reader was told last
let saidAt = -Infinity;

function say(text, now) {
  if (text === sentence || (!now && performance.now() - saidAt < SAY_EVERY)) return;
  sentence = text;
  saidAt = performance.now();
  $("said").textContent = text;
}

// ---- everything else ----

function text(id, value) {
  if ($(id).textContent !== value) $(id).textContent = value;
}

function element(tag, className = "", content = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

function dot(colour) {
  const made = element("span", "dot");
  made.style.background = colour;
  return made;
}

function legend(list, entries) {
  while (list.children.length > entries.length) list.lastChild.remove();
  entries.forEach(([colour, words], index) => {
    const item = list.children[index] ?? list.appendChild(element("li"));
    if (item.textContent === words && item.dataset.colour === colour) return;
    item.dataset.colour = colour;
    item.replaceChildren(dot(colour), words);
  });
}

function renderMoods({ now, moods = [] }) {
  const scored = moods.reduce((sum, mood) => sum + mood.people, 0);
  const parts = moods.map((mood) => [mood.colour, mood.word, mood.people]);
  if (now > scored) parts.push([GREY, "not scored yet", now - scored]);
  const bar = $("moods");
  while (bar.children.length > parts.length) bar.lastChild.remove();
  parts.forEach(([colour, , people], index) => {
    const part = bar.children[index] ?? bar.appendChild(element("span"));
    part.style.background = colour;
    part.style.flex = people;
  });
  const words = parts.map(([, word, people]) => `${word} ${people}`);
  bar.setAttribute("aria-label", words.length ? `People in view: ${words.join(", ")}` : "Nobody in view");
  legend($("moods-legend"), parts.length ? parts.map(([colour], i) => [colour, words[i]]) : [[GREY, "nobody in view"]]);
}

function renderCrops({ crops = [] }) {
  $("no-crops").hidden = crops.length > 0;
  const list = $("crops");
  const old = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = crops.map((crop) => {
    const item = old.get(String(crop.id)) ?? newCrop(crop);
    old.delete(item.dataset.id);
    const mood = item.querySelector(".mood");
    if (mood.textContent !== crop.word) mood.replaceChildren(...(crop.word ? [dot(crop.colour), crop.word] : []));
    item.querySelector("img").alt = `The face of ${crop.title}${crop.word ? `, who looks ${crop.word}` : ""}`;
    return item;
  });
  for (const gone of old.values()) gone.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

function newCrop(crop) {
  const item = element("li", "crop");
  item.dataset.id = crop.id;
  const face = document.createElement("img");
  face.src = new URL(`crops/${encodeURIComponent(crop.id)}.jpg`, document.baseURI);
  const about = element("div");
  about.append(element("h3", "", crop.title), element("p", "mood"), element("p", "", crop.time));
  item.append(face, about);
  return item;
}

function renderFigures() {
  const { now, so_far, things, fps, spool, viewers, camera, blurred, trouble, emotions } = figures;
  page.dataset.emotions = emotions ? "yes" : "no";
  text("now", number(now));
  text("so-far", number(so_far));
  text("things", number(things));
  $("things-tile").hidden = !things;
  text("fps", (fps ?? 0).toFixed(1));
  text("spool", number(spool));
  text("about-spool", spool ? "for the network; none is lost" : "the network keeps up");
  text("camera", camera);
  text("about-boxes", blurred ? "Faces are blurred before they are shown." : "Boxes carry the number of each person.");
  text("trouble", trouble ? `The last error: ${trouble}.` : "");
  text("viewers", `${plural(viewers, "viewer")}.`);
  $("moods-card").hidden = !emotions;
  renderMoods(figures);
  renderCrops(figures);
  renderCurve();
}

function render() {
  const problem = wrong();
  const stale = problem !== null;
  page.toggleAttribute("data-stale", stale);
  page.dataset.link = problem ? "wrong" : paused ? "paused" : figures ? "live" : "connecting";
  text("pill", problem ? problem[0] : page.dataset.link);
  $("banner").hidden = !stale;
  $("reload").hidden = closedWith !== NO_TOKEN;
  if (problem) {
    const [, words, counting] = problem;
    text("banner-text", words.replace(/^No picture/, `No picture${counting}`));
    say(words, true);
  }
  if (!figures) return;
  const line = headline(figures);
  const seen = `${line}. Each is marked by a box with a number.`;
  const when = stale ? "The last picture of" : paused ? "Paused picture of" : "Live picture of";
  if (!picture.hidden && !(paused && !stale && picture.alt.startsWith("Paused"))) picture.alt = `${when} ${figures.camera}: ${seen}`;
  if (paused) return; // nothing moves but what is wrong
  text("headline", line);
  document.title = `${line} · facepipe live`;
  renderFigures();
  if (!problem) say(line, false);
}

let tickedAt = performance.now();
setInterval(() => {
  const late = performance.now() - tickedAt - 1000;
  tickedAt = performance.now();
  // A tab that was held up has messages that it has not looked at yet.
  if (late > 1000) figuresAt += late;
  if (socket && performance.now() - figuresAt > SILENCE) lose(0);
  else if (figures) render(); // for what counts seconds, and for what a screen reader is told late
}, 1000);

// ---- the chart ----

const chart = $("chart");
const order = []; // types in the order in which they first came, so that bands keep their places
const kinds = Object.create(null); // type to its word and colour
let drawnFor = null; // the figures that the chart shows

function loadPlotly() {
  if (window.Plotly || chart.dataset.loading) return;
  chart.dataset.loading = "yes";
  const script = document.createElement("script");
  script.src = chart.dataset.plotly;
  script.onload = () => {
    drawnFor = null;
    render();
  };
  script.onerror = async () => {
    // A server of another version has it elsewhere, which its page tells.
    script.remove();
    const answer = await fetch(document.baseURI, { cache: "no-store" }).catch(() => null);
    const other = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
    chart.dataset.plotly = (other && other.getElementById("chart")?.dataset.plotly) || chart.dataset.plotly;
    setTimeout(() => {
      delete chart.dataset.loading;
      if (socket) loadPlotly();
    }, LONGEST_PAUSE);
  };
  document.head.append(script);
}

// The value at so many seconds before now; null where there is none.
function at(curve, values, seconds) {
  let best = -1;
  curve.seconds.forEach((moment, i) => {
    if (best < 0 || Math.abs(moment - seconds) < Math.abs(curve.seconds[best] - seconds)) best = i;
  });
  return values[best] ?? null;
}

function mean(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

function rows(emotions, curve) {
  if (!emotions) {
    const people = (value) => (value === null ? "–" : (Math.round(value * 10) / 10).toLocaleString("en"));
    return [["People in view", curve.people, people]];
  }
  const shares = new Map(curve.shares.map((share) => [share.type, share]));
  for (const share of curve.shares) {
    if (!(share.type in kinds)) order.push(share.type);
    kinds[share.type] = share;
  }
  return order.filter((type) => shares.has(type)).map((type) => [kinds[type].word, shares.get(type).values, percent, type]);
}

function renderCurve() {
  const { curve, emotions } = figures;
  if (drawnFor === figures || !curve) return;
  const lines = rows(emotions, curve);
  const some = lines.some(([, values]) => values.some((value) => value !== null));
  text("curve-title", emotions ? "How the mood goes" : "People in view");
  text("curve-note", emotions
    ? "Share of each emotion over the last five minutes, smoothed."
    : "Over the last five minutes. Emotions are scored in the cloud: see the CloudWatch dashboard.");
  text("no-curve", emotions ? "The chart begins with the first faces that are scored" : "The chart begins with the first frame");
  $("no-curve").hidden = some;
  text("table-what", emotions ? "Emotion" : "What");

  const said = lines.map(([word, values, words]) => `${word} ${words(at(curve, values, 0))}`);
  const what = emotions ? "Chart of the share of each emotion" : "Chart of the people in view";
  chart.setAttribute("aria-label", `${what} over the last five minutes. Now: ${said.join(", ") || "nothing yet"}`);
  $("curve-legend").hidden = !emotions;
  if (emotions) legend($("curve-legend"), lines.map(([, , , type], i) => [kinds[type].colour, said[i]]));

  const table = $("table");
  while (table.children.length > lines.length) table.lastChild.remove();
  lines.forEach(([word, values, words], index) => {
    let row = table.children[index];
    if (!row) {
      row = table.appendChild(element("tr"));
      row.append(element("th"), element("td", "num"), element("td", "num"), element("td", "num"));
      row.firstChild.scope = "row";
    }
    const cells = [word, words(at(curve, values, 0)), words(at(curve, values, -60)), words(mean(values))];
    cells.forEach((cell, i) => {
      if (row.children[i].textContent !== cell) row.children[i].textContent = cell;
    });
  });
  if (!window.Plotly) return;
  drawnFor = figures;
  window.Plotly.react(chart, emotions ? bands(curve, lines) : steps(curve), layout(curve, lines, emotions), {
    displayModeBar: false,
  });
}

// Plotly takes HTML in its texts for markup.
const plain = (words) => words.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

// The first moment of which there is something to show; -1 where there is none.
function beginning(lines, curve) {
  return curve.seconds.findIndex((_, i) => lines.some(([, values]) => (values[i] ?? null) !== null));
}

function bands(curve, lines) {
  const first = Math.max(beginning(lines, curve), 0);
  return lines.map(([word, values, , type]) => ({
    x: curve.seconds.slice(first),
    y: values.slice(first),
    name: plain(word),
    mode: "lines",
    line: { width: 1 },
    fillcolor: kinds[type].colour,
    stackgroup: "share",
    hovertemplate: "%{y:.0f}%",
  }));
}

function steps(curve) {
  const line = { width: 2, shape: "hv" };
  return [{ x: curve.seconds, y: curve.people, name: "people", mode: "lines", line, fill: "tozeroy", hovertemplate: "%{y}" }];
}

// How many seconds the chart shows: at first no more than there is something to show of.
function spanOf(lines, curve) {
  const first = beginning(lines, curve);
  const past = first < 0 ? 0 : -curve.seconds[first];
  return [60, 120, 240].find((span) => past <= span) ?? 300;
}

function layout(curve, lines, emotions) {
  const wide = chart.clientWidth > 380;
  const span = spanOf(lines, curve);
  const step = span > 120 ? 60 : span / 4;
  const marks = Array.from({ length: span / step + 1 }, (_, i) => i * step);
  const moment = (seconds) => (seconds === 0 ? "now" : step < 60 ? `${seconds} s` : `${seconds / 60} min`);
  const annotations = [];
  let below = 0;
  if (emotions && wide) {
    for (const [word, values] of lines) {
      const share = at(curve, values, 0) ?? 0;
      if (share >= LABEL_SHARE) annotations.push({ text: plain(word), x: 1, xref: "paper", xanchor: "left", xshift: 8, y: below + share / 2, showarrow: false });
      below += share;
    }
  }
  const axis = { zeroline: false, fixedrange: true, ticklabelstandoff: 6 };
  const most = Math.max(4, ...(curve.people ?? []).map((people) => people ?? 0));
  const percents = { range: [0, 100], tickvals: [0, 25, 50, 75, 100], ticktext: ["0%", "25%", "50%", "75%", "100%"] };
  return {
    annotations,
    width: chart.clientWidth,
    height: chart.clientHeight,
    dragmode: false,
    hovermode: "x unified",
    showlegend: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", size: 13 },
    margin: { l: 46, r: emotions && wide ? 82 : 20, t: 8, b: 30 },
    xaxis: {
      ...axis,
      range: [-span, 0],
      showgrid: false,
      tickangle: 0,
      ticklabeloverflow: "allow",
      tickvals: marks.map((seconds) => -seconds),
      ticktext: marks.map(moment),
      hoverformat: ".0f",
      ticksuffix: " s",
    },
    yaxis: { ...axis, ...(emotions ? percents : { range: [0, most * 1.05], dtick: Math.ceil(most / 5) }) },
  };
}

new ResizeObserver(() => {
  drawnFor = null;
  if (figures) renderCurve();
}).observe(chart);

connect();
