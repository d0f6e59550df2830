// The galleries of the report page: filters, sorting, and cards that are drawn when they are needed.
// Texts of corpora reach the page through textContent alone.
(() => {
  "use strict";
  const holder = document.getElementById("gallery-data");
  const app = document.getElementById("gallery-app");
  if (!holder || !app) return;
  const data = JSON.parse(holder.textContent);
  const laneNames = ["image", "caption"].filter((name) => data.lanes[name]);
  if (!laneNames.length) return;

  const AT_ONCE = 12; // cards drawn at once
  const ON_SHEET = 48; // crops on the contact sheet
  const SHOWN = 160; // characters of a text that a card shows at once
  const HASH = "#gallery";
  const KINDS = {
    listed: "listed as memorized", memorized: "flagged", false_alarm: "false alarm", correlation: "correlation",
    disagreement: "disagreement",
  };
  const SORTS = {
    place: "as ranked", confidence: "most confident first", doubt: "least confident first",
    title: "class or caption, A to Z", name: "name of the sample",
  };
  const UNITS = { image: "nats", caption: "objects" };
  const FILTERS = ["target", "reference", "kind", "label", "planted", "sort", "min", "text"];
  const percent = (value) => `${(100 * value).toFixed(0)}\u00a0%`;
  const nats = (value) => value === null ? "not known" : `${value.toFixed(2)}\u00a0nats`;
  const stands = (card) => `z = ${card.confidence.toFixed(2)}`;
  const doubt = (card) => card.confidence === null ? null : -card.confidence;
  const sureness = (card) => card.confidence === null ? Number.NEGATIVE_INFINITY : card.confidence;
  const order = (a, b) => (a < b) - (a > b);
  const compare = new Intl.Collator("en", { numeric: true }).compare;

  // ------------------------------------------------------------------------------ elements
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null && value !== false) {
        node.setAttribute(name, value === true ? "" : value);
      }
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const el = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const isolated = (text) => el("bdi", {}, text); // its writing direction stays its own
  const spoken = (text) => el("span", { class: "gallery-spoken" }, text); // heard, not seen
  const beginning = (text) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

  function later(className, summary, draw) {
    const details = el("details", { class: className }, el("summary", {}, summary));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(...[draw()].flat());
    });
    return details;
  }

  // ------------------------------------------------------------------------------ images
  const fixed = document.getElementById("gallery-static");
  if (fixed) {
    for (const node of fixed.querySelectorAll("[data-key]")) {
      data.images[node.dataset.key] = node.getAttribute("href") || node.getAttribute("src");
    }
    fixed.remove();
  }

  function missing(key) {
    const reason = data.missing[key] || "left out to keep the page small";
    return el("span", { class: "gallery-missing" }, `no image: ${reason}`);
  }

  function plain(key, alt) {
    if (!data.has_images) return null;
    const source = data.images[key];
    if (!source) return missing(key);
    return el("img", { class: "gallery-image", src: source, alt, decoding: "async" });
  }

  function rectangle(className, [x0, y0, x1, y1], title) {
    const shape = { class: className, x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    return svg("rect", shape, title ? svg("title", {}, title) : null);
  }

  function withBoxes(key, sample, alt) {
    const [width, height] = sample.size;
    if (!data.has_images || !data.images[key] || !width || !height) return plain(key, alt);
    const whole = { href: data.images[key], width, height, preserveAspectRatio: "none" };
    return svg(
      "svg",
      { class: "gallery-image", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": alt },
      svg("image", whole),
      sample.boxes.map((box) => rectangle("gallery-object", box, box[4])),
      sample.crop ? rectangle("gallery-crop", sample.crop, "what the model saw") : null,
    );
  }

  // ------------------------------------------------------------------------------ what cards say
  const own = (lane, card) => (lane.guesses[card.by] || {})[card.sample] || [];
  const guessOf = (lane, card, reference) =>
    own(lane, card).find((guess) => guess.reference === reference);
  const searchOf = (lane, card, reference) => {
    const searcher = (lane.searchers[card.by] || {})[reference === null ? card.target : reference];
    return searcher ? (lane.neighbors[searcher] || {})[card.sample] : undefined;
  };
  const asked = (card) => (card.kind === "disagreement" ? [card.reference, card.other]
    : card.reference ? [card.reference] : []);
  const titleOf = (card, sample) => (card.lane === "image" ? sample.label : sample.caption);

  function fact(term, ...value) {
    return el("div", {}, el("dt", {}, isolated(term)), el("dd", {}, ...value));
  }

  function imageGuess(lane, card, reference) {
    const guess = guessOf(lane, card, reference);
    if (!guess) return null;
    const label = guess.label === null ? (guess.right ? "right" : "wrong") : guess.label;
    const search = searchOf(lane, card, reference);
    const share = search && guess.label !== null ? search.votes[guess.label] : undefined;
    const numbers = [`entropy ${nats(guess.entropy)}`];
    if (share !== undefined) numbers.push(`${percent(share)} of the votes`);
    else if (guess.truth !== null) numbers.push(`true label: ${percent(guess.truth)}`);
    return fact(
      reference || card.target,
      el("span", { class: guess.right ? "gallery-right" : "gallery-wrong" }, isolated(label)),
      el("small", {}, numbers.join(", ")),
    );
  }

  function imageFacts(lane, card) {
    const rows = [imageGuess(lane, card, null), ...asked(card).map((name) => imageGuess(lane, card, name))];
    if (card.kind === "correlation") {
      const references = own(lane, card).filter((guess) => guess.reference !== null);
      const n = references.filter((guess) => guess.right).length;
      rows.push(fact("references", `${n} of ${references.length} are right`));
      rows.push(fact("least sure", `entropy ${nats(doubt(card))}`));
    } else if (card.kind === "disagreement") {
      rows.push(fact("less sure of both", `entropy ${nats(doubt(card))}`));
    } else if (card.kind === "listed") {
      rows.push(fact("stands out from control by", stands(card)));
    } else {
      rows.push(fact("memorization confidence", nats(card.confidence)));
    }
    return rows;
  }

  function captionGuess(lane, card, reference) {
    const guess = guessOf(lane, card, reference);
    if (!guess) return null;
    const precision = guess.predicted ? percent(guess.hits / guess.predicted) : "nothing predicted";
    return fact(
      reference || `${card.target}, ${card.mode}`,
      `${guess.hits} of ${guess.n} objects`,
      el("small", {}, `recall ${percent(guess.hits / guess.n)}, precision ${precision}`),
    );
  }

  function captionFacts(lane, card) {
    const rows = [captionGuess(lane, card, null), ...asked(card).map((name) => captionGuess(lane, card, name))];
    if (card.kind === "correlation") {
      rows.push(fact("every reference", `brings back at least ${card.confidence}`));
    } else if (card.kind === "listed") {
      rows.push(fact("stands out from control by", stands(card)));
    } else {
      const between = card.kind === "disagreement" ? "between both" : "gained";
      rows.push(fact(between, `${card.confidence} objects`));
    }
    return rows;
  }

  // The true objects: who brings them back? A sign and a word, not a color alone.
  function objects(lane, card, sample) {
    const first = card.kind === "disagreement" ? card.reference : null;
    const second = card.kind === "disagreement" ? card.other : card.reference;
    const mine = new Set((searchOf(lane, card, first) || { found: [] }).found || []);
    const theirs = new Set(second ? (searchOf(lane, card, second) || { found: [] }).found || [] : []);
    const says = { both: "both bring it back", target: `${first || card.target} alone`, none: "neither" };
    says.reference = `${second} alone`;
    if (!second) Object.assign(says, { target: "the target brings it back", none: "not brought back" });
    const chips = sample.objects.map((name) => {
      const who = mine.has(name) ? (theirs.has(name) ? "both" : "target") : theirs.has(name) ? "reference" : "none";
      return el("li", { "data-by": who, title: says[who] }, isolated(name), spoken(`, ${says[who]}`));
    });
    const legend = second
      ? `▲ ${says.target} · ● both · ▽ ${says.reference} · ○ neither`
      : "▲ brought back by the target · ○ not";
    return el("figure", {},
      el("ul", { class: "gallery-chips", "aria-label": "true objects" }, chips),
      el("figcaption", { "aria-hidden": "true" }, isolated(legend)));
  }

  function nearestImage(lane, card, reference, search) {
    const truth = lane.samples[card.sample].label;
    return search.near.map(([key, similarity]) => {
      const near = lane.samples[key] || { label: "not listed", name: key };
      const same = near.label === truth;
      return el(
        "li", {},
        el("figure", {}, plain(key, `Public image of ${near.label}`),
          el("figcaption", {},
            el("span", { class: same ? "gallery-right" : "" }, isolated(near.label)), ` ${similarity.toFixed(2)}`)),
      );
    });
  }

  function nearestCaption(lane, card, reference, search) {
    const truth = new Set(lane.samples[card.sample].objects);
    return search.near.map(([key]) => {
      const near = lane.samples[key] || { caption: "not listed", objects: [] };
      const chips = near.objects.slice(0, 40).map((name) =>
        el("li", { "data-hit": truth.has(name), title: truth.has(name) ? "a true object" : null }, isolated(name)));
      return el("li", {},
        plain(key, "Public image") || el("span"),
        el("div", {}, isolated(beginning(near.caption)), el("ul", { class: "gallery-chips" }, chips)));
    });
  }

  function neighbors(lane, card) {
    const draw = card.lane === "image" ? nearestImage : nearestCaption;
    const references = card.reference ? asked(card) : Object.keys(lane.searchers[card.by] || {});
    const parts = [];
    for (const reference of [null, ...references.filter((name) => name !== card.target)]) {
      const search = searchOf(lane, card, reference);
      const who = reference || card.target;
      const counted = ((lane.evidence || {}).counted || {})[reference];
      if (search && search.near.length) {
        parts.push(el("h4", {}, "Nearest public images of ", isolated(who)));
        parts.push(el("ol", { class: "gallery-nearest", "data-lane": card.lane }, draw(lane, card, reference, search)));
      } else if (counted) {
        const tags = (lane.evidence.tags[counted[0]] || {})[card.sample] || [];
        parts.push(el("h4", {}, `Tags of the crop that `, isolated(who), ` counts`));
        parts.push(tags.length
          ? el("ul", { class: "gallery-chips" }, tags.slice(0, counted[1]).map((tag) => el("li", {}, isolated(tag))))
          : el("p", {}, "none: nothing was found in the crop"));
      } else if (reference) {
        parts.push(el("h4", {}, isolated(who), " looks at no neighbors"));
      }
      if (search && search.wrong && search.wrong.length) {
        parts.push(el("p", { class: "gallery-name" }, "brought back but not there: ", isolated(search.wrong.join(", "))));
      }
    }
    return parts;
  }

  // Whether there is anything to unfold: a button that shows nothing is none.
  function hasNeighbors(lane, card) {
    const references = card.reference ? asked(card) : Object.keys(lane.searchers[card.by] || {});
    return [null, ...references].some((reference) => {
      const search = searchOf(lane, card, reference);
      return (search && search.near.length) || ((lane.evidence || {}).counted || {})[reference];
    });
  }

  function everyone(lane, card) {
    const rows = own(lane, card).map((guess) => {
      const name = isolated(guess.reference || card.target);
      if (card.lane === "caption") {
        return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, `${guess.hits} of ${guess.n}`),
          el("td", {}, `${guess.predicted} predicted`));
      }
      const text = guess.label === null ? (guess.right ? "right" : "wrong") : guess.label;
      return el("tr", {}, el("th", { scope: "row" }, name),
        el("td", { class: guess.right ? "gallery-right" : "gallery-wrong" }, isolated(text)),
        el("td", {}, nats(guess.entropy)));
    });
    return el("table", {}, el("tbody", {}, rows));
  }

  function images(lane, card, sample) {
    const found = card.lane === "caption" ? objects(lane, card, sample) : null;
    if (!data.has_images) return found;
    const what = beginning(titleOf(card, sample)) || sample.name;
    const signs = [sample.crop ? "solid: crop" : "", sample.boxes.length ? "dashed: object" : ""].filter(Boolean);
    const figures = [el("figure", {}, withBoxes(card.sample, sample, `Image of ${what}`),
      el("figcaption", {}, `image${signs.length ? `; ${signs.join(", ")}` : ""}`)), found];
    if (sample.crop) {
      figures.push(el("figure", {}, plain(`${card.sample}x`, `Crop of ${what}`),
        el("figcaption", {}, "what the model saw")));
    }
    return el("div", { class: "gallery-images" }, figures);
  }

  function draw(card) {
    const lane = data.lanes[card.lane];
    const sample = lane.samples[card.sample];
    const title = titleOf(card, sample);
    const planted = sample.planted && card.kind !== "false_alarm";
    const reveal = title.length > SHOWN
      ? later("gallery-text", `Whole text (${title.length.toLocaleString("en")} characters)`, () => el("p", {}, isolated(title)))
      : null;
    return el(
      "li",
      {
        class: "gallery-card", tabindex: "-1", "data-kind": card.kind, "data-target": card.target,
        "data-reference": card.reference || "", "data-sample": card.sample, "data-confidence": card.confidence,
      },
      el("p", { class: "gallery-head" },
        el("span", { class: "gallery-kind", "data-kind": card.kind }, KINDS[card.kind]),
        el("span", {}, `no. ${card.place}`),
        planted ? el("span", { class: "gallery-planted", title: "repeated in training" }, "planted") : null),
      el("h3", {}, isolated(beginning(title) || "(no text)")),
      el("p", { class: "gallery-name" }, isolated(sample.name)),
      reveal,
      images(lane, card, sample),
      el("dl", { class: "gallery-facts" }, (card.lane === "image" ? imageFacts : captionFacts)(lane, card)),
      hasNeighbors(lane, card) ? later("gallery-near", "Nearest public images", () => neighbors(lane, card)) : null,
      own(lane, card).length > 2 ? later("gallery-all", "All references", () => everyone(lane, card)) : null,
    );
  }

  // A sheet of crops, image beside crop: whether the object is really outside what the model saw.
  function sheet() {
    const lane = data.lanes.image;
    if (!lane || !data.has_images) return null;
    const keys = unique(lane.cards.map((card) => card.sample)).filter((key) => data.images[`${key}x`]);
    if (!keys.length) return null;
    const shown = keys.slice(0, ON_SHEET);
    return later("gallery-sheet", `Contact sheet: ${shown.length} crops beside their images`, () =>
      el("ul", { class: "gallery-contact" }, shown.map((key) => {
        const sample = lane.samples[key];
        return el("li", {}, el("figure", {}, withBoxes(key, sample, `Image of ${sample.label}`),
          plain(`${key}x`, `Crop of ${sample.label}`), el("figcaption", {}, isolated(beginning(sample.label)))));
      })));
  }
  const unique = (values) => [...new Set(values)];

  // ------------------------------------------------------------------------------ filters
  const cards = laneNames.flatMap((name) => data.lanes[name].cards);
  const searchable = new Map();
  function textOf(card) {
    if (!searchable.has(card)) {
      const lane = data.lanes[card.lane];
      const sample = lane.samples[card.sample];
      const said = own(lane, card).map((guess) => guess.label || "");
      const parts = [sample.label, sample.caption, sample.name, ...(sample.objects || []), ...said];
      searchable.set(card, parts.filter(Boolean).join("\n").toLowerCase());
    }
    return searchable.get(card);
  }
  const labelsOf = (card) => {
    const sample = data.lanes[card.lane].samples[card.sample];
    return card.lane === "image" ? [sample.label] : sample.objects;
  };

  function optionsOf(laneName) {
    const lane = data.lanes[laneName];
    const every = lane.cards;
    const known = every.some((card) => lane.samples[card.sample].planted !== null
      && lane.samples[card.sample].planted !== undefined);
    return {
      target: [["", "all"], ...lane.targets.map((by) => [by, by.replace("/", ", ")])],
      reference: [["", "all"], ...lane.references.map((name) => [name, name])],
      kind: [["", "all"], ...Object.entries(KINDS).filter(([kind]) => every.some((card) => card.kind === kind))],
      label: [["", "all"], ...unique(every.flatMap(labelsOf)).sort(compare)
        .map((label) => [label, label.length > 60 ? `${label.slice(0, 60)}…` : label])],
      planted: known ? [["", "all"], ["yes", "planted"], ["no", "not planted"]] : [["", "all"]],
      sort: Object.entries(SORTS),
    };
  }

  function defaults(lane) {
    const { target, reference, kind } = optionsOf(lane);
    const start = data.lanes[lane].start;
    const first = (options, wanted) => (options.find(([value]) => value === wanted) || options[1] || [""])[0];
    return {
      lane, target: first(target, start.by), reference: first(reference, start.reference),
      kind: first(kind, data.lanes[lane].cards.some((card) => card.kind === "listed"
        && card.by === first(target, start.by)) ? "listed" : "memorized"), label: "",
      planted: "", sort: "place", min: "", text: "",
    };
  }

  function fits(card, state, withMin = true) {
    const sample = data.lanes[card.lane].samples[card.sample];
    const planted = Boolean(sample.planted) && card.kind !== "false_alarm";
    return card.lane === state.lane
      && (!state.target || card.by === state.target)
      && (!state.reference || !card.reference || card.reference === state.reference || card.other === state.reference)
      && (!state.kind || card.kind === state.kind)
      && (!state.label || labelsOf(card).includes(state.label))
      && (!state.planted || planted === (state.planted === "yes"))
      && (!withMin || state.min === "" || sureness(card) >= Number(state.min))
      && state.text.toLowerCase().split(/\s+/).every((word) => textOf(card).includes(word));
  }

  const kinds = Object.keys(KINDS);
  const ORDERS = {
    place: (a, b) => a.place - b.place || kinds.indexOf(a.kind) - kinds.indexOf(b.kind),
    confidence: (a, b) => order(sureness(a), sureness(b)),
    doubt: (a, b) => order(sureness(b), sureness(a)),
    title: (a, b) => compare(titleOf(a, sampleOf(a)), titleOf(b, sampleOf(b))),
    name: (a, b) => compare(sampleOf(a).name, sampleOf(b).name),
  };
  const sampleOf = (card) => data.lanes[card.lane].samples[card.sample];

  // ------------------------------------------------------------------------------ the form
  const titles = { target: "Model", reference: "Reference", kind: "Kind", label: "Class", planted: "Planted", sort: "Order" };
  const selects = Object.fromEntries(Object.keys(titles).map((name) => [name, el("select", { name })]));
  const labels = Object.fromEntries(Object.keys(titles).map((name) => [name, el("span", {}, titles[name])]));
  const range = el("input", { type: "range", name: "min", step: "any" });
  const least = el("output", {});
  const search = el("input", { type: "search", name: "text", autocomplete: "off", spellcheck: "false" });
  const radios = laneNames.map((name) => el("input", { type: "radio", name: "lane", value: name }));
  const form = el(
    "form", { id: "gallery-filters", class: "gallery-filters", "aria-label": "Choose samples" },
    el("fieldset", { hidden: laneNames.length < 2 }, el("legend", {}, "Lane"),
      radios.map((radio) => el("label", {}, radio, radio.value === "image" ? "images and labels" : "images and captions"))),
    ["target", "reference", "kind", "label", "planted"].map((name) => el("label", {}, labels[name], selects[name])),
    el("label", {}, el("span", {}, "Least confidence: ", least), range),
    el("label", {}, el("span", {}, labels.sort), selects.sort),
    el("label", {}, "Text", search),
    el("button", { type: "reset" }, "Reset"),
  );
  const count = el("p", { id: "gallery-count", class: "gallery-count", role: "status", "aria-live": "polite" });
  const list = el("ol", { id: "gallery-cards", class: "gallery-cards" });
  const empty = el("p", { id: "gallery-empty", hidden: true }, "No sample fits. Loosen a filter, or reset them.");
  const more = el("button", { id: "gallery-more", type: "button" });
  app.append(...[sheet(), form, count, list, empty, more].filter(Boolean));

  let state = defaults(laneNames[0]);
  let chosen = [];

  function showForm() {
    const options = optionsOf(state.lane);
    for (const radio of radios) radio.checked = radio.value === state.lane;
    labels.label.textContent = state.lane === "image" ? "Class" : "Object";
    for (const [name, select] of Object.entries(selects)) {
      select.replaceChildren(...options[name].map(([value, text]) => el("option", { value }, text)));
      select.value = state[name];
      select.closest("label").hidden = options[name].length < 2;
    }
    search.value = state.text;
    showRange();
  }

  function showRange() {
    const all = cards.filter((card) => fits(card, state, false)).map((card) => card.confidence).filter((value) => value !== null);
    const low = Math.min(...all), high = Math.max(...all);
    range.disabled = !(low < high);
    range.min = range.disabled ? 0 : low;
    range.max = range.disabled ? 0 : high;
    range.value = state.min === "" ? range.min : state.min;
    const unit = state.kind === "listed" ? "(z)" : UNITS[state.lane];
    least.textContent = state.min === "" ? "any" : `${Number(state.min).toFixed(state.lane === "image" ? 2 : 0)} ${unit}`;
    range.setAttribute("aria-valuetext", least.textContent);
  }

  function tell() {
    const total = data.lanes[state.lane].cards.length;
    const shown = list.childElementCount;
    const number = (value) => value.toLocaleString("en");
    count.textContent = `${number(shown)} of ${number(chosen.length)} samples shown; ${number(total)} in this lane`;
    more.hidden = shown >= chosen.length;
    more.textContent = `Show ${Math.min(AT_ONCE, chosen.length - shown)} more`;
    empty.hidden = chosen.length > 0;
  }

  function drawMore() {
    const start = list.childElementCount;
    list.append(...chosen.slice(start, start + AT_ONCE).map(draw));
    tell();
    return list.children[start];
  }

  function coarse(lane) {
    const sizes = data.lanes[lane].cards.map((card) => Math.max(...sampleOf(card).size.map(Number)));
    return Math.max(...sizes) <= 128; // images are shown larger than they are: keep their pixels
  }

  function show() {
    list.classList.toggle("gallery-coarse", coarse(state.lane));
    chosen = cards.filter((card) => fits(card, state)).sort(ORDERS[state.sort]);
    list.replaceChildren();
    drawMore();
  }

  // ------------------------------------------------------------------------------ the address
  function write() {
    const start = defaults(state.lane);
    const pairs = FILTERS.filter((name) => state[name] !== start[name]).map((name) => [name, state[name]]);
    if (state.lane !== laneNames[0]) pairs.unshift(["lane", state.lane]);
    const query = new URLSearchParams(pairs).toString();
    history.replaceState(null, "", query ? `${HASH}?${query}` : HASH);
  }

  function read() {
    if (!location.hash.startsWith(`${HASH}?`)) return false;
    const given = new URLSearchParams(location.hash.slice(HASH.length + 1));
    const lane = laneNames.includes(given.get("lane")) ? given.get("lane") : laneNames[0];
    const options = optionsOf(lane);
    const next = defaults(lane);
    for (const name of FILTERS) {
      const value = given.get(name);
      if (value === null) continue;
      if (name === "text") next.text = value;
      else if (name === "min") next.min = Number.isFinite(Number(value)) ? value : "";
      else if (options[name].some(([known]) => known === value)) next[name] = value;
    }
    state = next;
    return true;
  }

  // ------------------------------------------------------------------------------ events
  let timer;
  form.addEventListener("input", (event) => {
    const { name, value } = event.target;
    if (name === "lane") state = { ...defaults(value), text: state.text };
    else if (name === "min") state.min = Number(value) <= Number(range.min) ? "" : String(Math.round(value * 1e4) / 1e4);
    else state[name] = value;
    if (name !== "min" && name !== "text" && name !== "sort") state.min = "";
    if (name === "lane") showForm();
    else showRange();
    clearTimeout(timer);
    timer = setTimeout(() => { show(); write(); }, name === "text" || name === "min" ? 120 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    state = defaults(state.lane);
    showForm();
    show();
    write();
  });
  more.addEventListener("click", () => drawMore().focus({ preventScroll: true }));
  window.addEventListener("hashchange", () => {
    if (read()) {
      showForm();
      show();
    }
  });

  const shared = read();
  showForm();
  show();
  app.hidden = false;
  if (shared) { // charts above may still grow
    const jump = () => document.getElementById("gallery").scrollIntoView({ behavior: "instant" });
    jump();
    window.addEventListener("load", () => setTimeout(jump, 300));
  }
})();
