"""The snippets of docs/clients.md, as they stand there."""

import collections
import re

from lab import ROOT

Snippet = collections.namedtuple("Snippet", "section language code line")


def snippets():
    """All of them, each with the heading of the second level that it is below."""
    found, section, language, code = [], "", None, []
    for line, text in enumerate((ROOT / "docs/clients.md").read_text().splitlines(), 1):
        if language is None and text.startswith("## "):
            section = text[3:]
        fence = re.fullmatch(r"```(\w*)", text)
        if fence is None:
            code.append(text)
        elif language is None:
            language, code = fence[1], []
        else:
            found.append(Snippet(section, language, "\n".join(code) + "\n", line - len(code)))
            language = None
    return found
