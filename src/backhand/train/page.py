"""The frame of an HTML page: light and dark, on screen and paper, with nothing loaded from elsewhere."""

from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: rgba(128, 128, 128, .35); --quiet: rgba(128, 128, 128, .12) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 3rem;
  background: #fff; color: #1c1f24 }
@media (prefers-color-scheme: dark) { body { background: #14171c; color: #e4e7ec } }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line) }
p { margin: .5rem 0; max-width: 46rem }
code { font-size: .95em; padding: .1em .3em; background: var(--quiet); border-radius: .25em; overflow-wrap: anywhere }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line) }
.facts th { font-weight: normal; opacity: .75; white-space: nowrap; vertical-align: top }
.facts td { overflow-wrap: anywhere }
.wide { overflow-x: auto }
.confusion th, .confusion td { text-align: right; border: 1px solid var(--line); padding: .25rem .5rem }
.confusion .none { opacity: .35 }
figure { margin: 0 }
.chart { margin: .8rem 0 1.4rem }
.chart svg { width: 100%; height: auto; max-width: 46rem; display: block }
figcaption { font-size: .9rem }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; margin: .2rem 0;
  font-size: .9rem }
.legend span { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .35em }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: .9rem .7rem;
  margin-top: .8rem }
.tiles img { width: 100%; display: block; image-rendering: pixelated; border: 1px solid var(--line);
  box-sizing: border-box }
.tiles figcaption { line-height: 1.25; margin-top: .25rem; overflow-wrap: anywhere }
.weights { grid-template-columns: repeat(auto-fill, minmax(4.2rem, 1fr)); gap: .4rem }
small { opacity: .7 }
@media print {
  body { max-width: none; background: #fff; color: #000; font-size: 11pt }
  h2 { break-after: avoid } figure, tr, .tiles img { break-inside: avoid }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""


def page(title: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole page; `title` and the headings are plain text, each section's body is HTML already.

    >>> page("1 < 2", [("Why", "<p>Because.</p>")]).count("<h2>Why</h2>")
    1
    """
    body = "\n".join(f"<section>\n<h2>{escape(name)}</h2>\n{content}\n</section>" for name, content in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is fetched, whatever the page may come to hold.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
