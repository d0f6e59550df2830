"""Write .dvc/plots_page.html, the page of `dvc plots show`, with its chart library inside.

DVC's own page loads the library from the network and stays blank without one. The libraries come from
vl-convert, which bundles released versions of Vega; DVC writes specifications of Vega-Lite 5.
Run as ``python -m scripts.bundle_plots_page`` where `vl-convert-python` is installed.
"""

import importlib.metadata
from pathlib import Path

import vl_convert

PAGE = Path(__file__).parents[1] / ".dvc" / "plots_page.html"
VEGA_LITE = "5.21"
_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: 'self'">
{refresh_tag}
<title>Plots of this run</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem; }
table { border-spacing: 15px; }
</style>
<!--
@NOTICE@
-->
<script>
(() => {
@LIBRARY@
})();
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""
_NOTICE = """\
Below: Vega @VEGA@, Vega-Lite @VEGA_LITE@ and Vega-Embed @VEGA_EMBED@, as bundled by vl-convert @VL_CONVERT@.
Copyright (c) 2015-2025, University of Washington Interactive Data Lab. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that
the following conditions are met:
1. Redistributions of source code must retain the above copyright notice, this list of conditions and the
   following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
   following disclaimer in the documentation and/or other materials provided with the distribution.
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or
   promote products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED
WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A
PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY
DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO,
PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR
OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH
DAMAGE.

They include parts of D3 and TopoJSON (ISC License, copyright Mike Bostock), Delaunator (ISC, Mapbox),
fast-json-patch (MIT, Joachim Wester), json-stringify-pretty-compact (MIT, Simon Lydell) and node-semver
(ISC, Isaac Z. Schlueter and contributors)."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page, with DVC's places for plots left open.

    Raises:
        ValueError: the library would end its own script, or holds one of DVC's places.
    """
    library = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]  # stub lacks a default
    for forbidden in ("</script", "{plot_divs}", "{refresh_tag}", "{scripts}"):
        if forbidden in library:
            raise ValueError(f"the library holds {forbidden!r}: escape it first")
    versions = {
        "VEGA": vl_convert.get_vega_version(),
        "VEGA_LITE": VEGA_LITE,
        "VEGA_EMBED": vl_convert.get_vega_embed_version(),
        "VL_CONVERT": importlib.metadata.version("vl-convert-python"),
    }
    notice = _NOTICE
    for name, version in versions.items():
        notice = notice.replace(f"@{name}@", version)
    return _TEMPLATE.replace("@NOTICE@", notice).replace("@LIBRARY@", library)


if __name__ == "__main__":
    main()
