"""Files outside docs/ that pages link to, in the site as well.

A link such as ``../benchmarks/README.md`` is right on GitHub.  The file is added to
the site under its path in the repository, and links are rewritten to where it is there.
"""

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to, and what those pages link to in turn."""
    pages = [file.src_uri for file in files.documentation_pages()]
    while pages:
        uri = pages.pop()
        for link in _LINK.findall((ROOT / _in_repository(uri)).read_text()):
            path = normpath(join(dirname(_in_repository(uri)), link))
            if path.startswith(("docs/", "..")) or files.get_file_from_path(path):
                continue
            if (ROOT / path).is_file():  # else mkdocs reports the link
                content = (ROOT / path).read_bytes()
                files.append(File.generated(config, path, content=content))
                pages += [path] if path.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links within the repository into links within the site."""
    here = page.file.src_uri

    def moved(found: re.Match[str]) -> str:
        path = normpath(join(dirname(_in_repository(here)), found[1]))
        return relpath(path.removeprefix("docs/"), dirname(here) or ".")

    return _LINK.sub(moved, markdown)


def _in_repository(uri: str) -> str:
    inside = (ROOT / "docs" / uri).is_file()
    return f"docs/{uri}" if inside else uri
