"""Reports of small worlds, and texts that try to break out of a page."""

import collections
import html.parser

from dejavu.report.from_params import Settings
from dejavu.report.make import make

HOSTILE_LABEL = "<script>window.broken = 1</script>"
HOSTILE_CAPTION = '<img src=x onerror="window.broken = 2"> \' & {{ 7 * 7 }} ]]> \u202eright to left'


def report(world, out):
    make(settings=Settings(image=world.image, captions=world.captions), inputs=world.data, out=out)
    return out


class Reader(html.parser.HTMLParser):
    """Collects ids, visible text, and where the page would load something from."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.texts, self.tags = [], [], [], collections.Counter()
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self._silent += tag in ("script", "style")
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("src", "href", "xlink:href") if found.get(name)]

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._silent:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
