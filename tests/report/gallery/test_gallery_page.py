"""The markup of the galleries: texts of corpora stay text, with and without script."""

import base64
import html.parser
import json
import shutil
import subprocess

import pytest

from dejavu.report.gallery.texts import SHOWN, beginning, clean
from tests.report.gallery import world

pytestmark = pytest.mark.slow  # they share a report, which takes seconds

HOSTILE = [
    "<script>document.title = 'owned'</script>",
    "</script><img src=x onerror=\"document.title='owned'\">",
    "\"'><svg onload=alert(1)> & &amp; {{ 7 * 7 }} {% raw %}",
    "\u202eright to left\u202c \u05d0\u05d1 \u200f mark",
    "nul\x00bell\x07 \x1b[31m escape \x85",
    "emoji 🦆👩‍👩‍👧 and \u2028 line \ufeff ends",
    "long " * 2_000,
    "",
]


class Reader(html.parser.HTMLParser):
    """Collects tags, and the text outside scripts and styles."""

    def __init__(self):
        super().__init__()
        self.tags, self.text, self.data, self._inside = [], "", "", None

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = self.tags[-1] if tag in ("script", "style") else self._inside

    def handle_endtag(self, tag):
        if self._inside and self._inside[0] == tag:
            self._inside = None

    def handle_data(self, text):
        if self._inside is None:
            self.text += text
        elif self._inside[1].get("id") == "gallery-data":
            self.data += text


def parsed(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    labels = [text or "empty" for text in HOSTILE]
    project = world.write(
        tmp_path_factory.mktemp("hostile"), labels=labels,
        change_caption=lambda text: HOSTILE[int(text[1:]) % len(HOSTILE)],
    )  # fmt: skip
    return world.galleries(world.gallery(project, n_samples=12))


def test_hostile_texts_stay_text(found):
    plain = parsed(world.page(found, script=False))
    tags = [tag for tag, _ in plain.tags]
    assert tags.count("script") == 1  # the data
    assert "img" not in [
        tag
        for tag, attributes in plain.tags
        if "src" in attributes and "data" not in attributes["src"]
    ]
    assert not any(name.startswith("on") for _, attributes in plain.tags for name in attributes)
    assert not any("style" in attributes for _, attributes in plain.tags)
    data = json.loads(plain.data)
    assert data == json.loads(json.dumps(found["data"]))
    texts = {sample["label"] for sample in data["lanes"]["image"]["samples"].values()}
    assert HOSTILE[0] in texts
    assert clean(HOSTILE[4], 300) == "nul\ufffdbell\ufffd \ufffd[31m escape \ufffd"


def test_nothing_in_the_data_can_end_its_script(found):
    page = world.page(found, script=False)
    inside = page.partition('id="gallery-data">')[2].partition("</script>")[0]
    assert "<" not in inside
    assert json.loads(inside)
    assert "\x00" not in page


def test_long_texts_are_whole_in_the_data_and_short_on_a_card(found):
    captions = [s["caption"] for s in found["data"]["lanes"]["caption"]["samples"].values()]
    assert clean(HOSTILE[6], 20_000) in captions
    assert max(len(card["title"]) for card in found["static"]) <= SHOWN + 1
    assert len(beginning("x" * SHOWN)) == SHOWN


def test_without_script_the_first_cards_of_each_model_are_there(found):
    plain = parsed(world.page(found, script=False))
    assert len(found["static"]) == 6  # three of vicreg, three of clip
    cards = [
        attributes for _, attributes in plain.tags if attributes.get("class") == "gallery-card"
    ]
    assert len(cards) == 6
    app = next(attributes for _, attributes in plain.tags if attributes.get("id") == "gallery-app")
    assert "hidden" in app
    assert "memorization confidence" in plain.text
    images = [a for tag, a in plain.tags if tag in ("image", "img")]
    assert all((a.get("href") or a.get("src")).startswith("data:image/webp") for a in images)
    assert all(a.get("alt") or tag != "img" for tag, a in plain.tags)


ACTIONS = """
(async () => {
  const said = {};
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const all = (what) => [...document.querySelectorAll(what)];
  const cards = () => all("#gallery-cards > li");
  const form = document.getElementById("gallery-filters");
  const set = async (name, value) => {
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
    await wait(250);
  };
  const errors = [];
  window.addEventListener("error", (event) => errors.push(event.message));
  try {
    said.start = cards().map((card) => [card.dataset.kind, card.dataset.reference]);
    said.static = Boolean(document.getElementById("gallery-static"));
    said.hidden = document.getElementById("gallery-app").hidden;
    await set("kind", ""); await set("reference", "");
    said.all = document.getElementById("gallery-count").textContent;
    said.drawn = cards().length;
    said.more = document.getElementById("gallery-more").textContent;
    document.getElementById("gallery-more").click();
    said.drawn_more = cards().length;
    said.focus = cards().indexOf(document.activeElement);
    await set("sort", "confidence");
    said.sorted = cards().map((card) => Number(card.dataset.confidence));
    await set("kind", "memorized"); await set("reference", "oracle");
    said.memorized = cards().map((card) => [card.dataset.kind, card.dataset.reference]);
    const middle = (Number(form.elements.min.min) + Number(form.elements.min.max)) / 2;
    await set("min", String(middle));
    said.least = cards().every((card) => Number(card.dataset.confidence) >= Math.round(middle * 1e4) / 1e4);
    said.n_least = cards().length;
    await set("text", "ONERROR");
    said.search = cards().map((card) => card.querySelector("h3").textContent);
    said.hash = location.hash;
    await set("text", "no such text at all");
    said.empty = !document.getElementById("gallery-empty").hidden;
    form.querySelector("button[type=reset]").click();
    said.reset = location.hash;
    location.hash = "#gallery?lane=caption&kind=disagreement&reference=&sort=nonsense&min=x";
    await wait(250);
    said.shared = cards().map((card) => card.dataset.kind);
    said.lane = form.elements.lane.value;
    said.captions = cards().map((card) => card.querySelector("h3").textContent.length);
    location.hash = "#gallery?lane=caption&kind=&reference=";
    await wait(250);
    document.getElementById("gallery-more").click();
    const long = cards().find((card) => card.querySelector(".gallery-text"));
    for (const details of all("#gallery-cards details")) details.open = true;
    await wait(400);
    said.whole = long.querySelector(".gallery-text p").textContent.length;
    said.near = all(".gallery-nearest > li").length;
    said.signs = all(".gallery-chips li[data-by]").length;
    said.boxes = all("#gallery-cards svg rect.gallery-object").length;
    said.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
    said.foreign = all("#gallery-cards script, #gallery-cards [onerror], #gallery-cards [onload]").length;
  } catch (error) { errors.push(String(error)); }
  said.errors = errors;
  const out = document.createElement("pre");
  out.id = "said";
  out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(said))));
  document.body.append(out);
})();
"""


@pytest.fixture(scope="module")
def said(found, tmp_path_factory):
    """What a browser said of the page after a visit that tried every control."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium here: the page's script is not tried in a browser")

    folder = tmp_path_factory.mktemp("browser")
    page = world.page(found).replace("</body>", f"<script>{ACTIONS}</script></body>")
    (folder / "page.html").write_text(page, encoding="utf-8")
    command = [
        chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", "--window-size=400,900", "--no-first-run",
        "--virtual-time-budget=20000", "--dump-dom", (folder / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=240, check=False)
    text = (
        done.stdout.decode("utf-8", "replace")
        .partition('<pre id="said">')[2]
        .partition("</pre>")[0]
    )
    assert text, done.stderr.decode("utf-8", "replace")[-2000:]
    return json.loads(base64.b64decode(text))


def test_the_script_replaces_the_static_cards_by_the_headline(said):
    assert said["errors"] == []
    assert said["start"]
    assert {tuple(each) for each in said["start"]} == {("memorized", "second_model")}
    assert (said["static"], said["hidden"]) == (False, False)


def test_cards_are_drawn_when_they_are_asked_for(said, found):
    n = len(found["data"]["lanes"]["image"]["cards"])
    assert said["all"] == f"12 of {n} samples shown; {n} in this lane"
    assert (said["drawn"], said["drawn_more"]) == (12, min(24, n))
    assert said["focus"] == 12  # the first new card
    assert said["more"].startswith("Show 12 more") or n < 24


def test_filters_and_order_do_what_they_say(said):
    assert said["sorted"] == sorted(said["sorted"], reverse=True)
    assert len(said["sorted"]) == 12
    assert {tuple(each) for each in said["memorized"]} == {("memorized", "oracle")}
    assert said["least"]
    assert 0 < said["n_least"] <= len(said["memorized"])
    assert said["empty"]


def test_the_address_holds_the_view(said):
    assert said["hash"].startswith("#gallery?")
    assert "reference=oracle" in said["hash"]
    assert "text=ONERROR" in said["hash"]
    assert said["reset"] == "#gallery"
    assert said["lane"] == "caption"
    assert set(said["shared"]) == {"disagreement"}


def test_hostile_texts_are_shown_as_text_by_the_script(said):
    assert all("onerror" in title for title in said["search"])
    assert said["foreign"] == 0
    assert max(said["captions"]) <= SHOWN + 1
    assert said["whole"] == len(clean(HOSTILE[6], 20_000))


def test_details_show_neighbors_and_objects_on_a_narrow_screen(said):
    assert said["near"] > 0
    assert said["signs"] > 0
    assert said["wide"]
