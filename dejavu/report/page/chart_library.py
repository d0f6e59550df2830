"""The library that draws charts in a browser: Vega, as vl-convert brings it."""

import functools
import hashlib
import importlib.metadata

import vl_convert

from dejavu.files import user_cache

_EMBED = "window.vegaEmbed = vegaEmbed;"  # all that page.js needs of the bundle


@functools.cache
def bundle() -> str:
    """Return the library as one script, with what starts it; bundled once per user and version."""
    asked = hashlib.sha256(_EMBED.encode()).hexdigest()[:16]
    name = f"charts-{importlib.metadata.version('vl-convert-python')}-{asked}.js"
    return user_cache.text(name, lambda: vl_convert.javascript_bundle(_EMBED))
