"""Docstrings as Markdown: roles of Sphinx (:func:`.solve`) and doctests.

Roles become links; where the name has no entry in the reference, it stays plain code.
"""

import re

import griffe

_DOCTEST = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)
_ROLE = re.compile(r":(?:attr|class|func|meth|mod):`~?([\w.]+)`")


class Markdown(griffe.Extension):
    """Changes the docstrings before they are rendered."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Of one module, class, function or attribute."""
        if obj.docstring:
            link = lambda found: _link(obj, found[1])  # noqa: E731
            text = _ROLE.sub(link, obj.docstring.value)
            obj.docstring.value = _DOCTEST.sub(r"\1```pycon\n\g<0>\n\1```", text)

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Of the package itself, which is no object to ``on_object``."""
        self.on_object(obj=pkg)


def _link(obj: griffe.Object, name: str) -> str:
    shown = name.rpartition(".")[2]
    target = name
    if name.startswith("."):  # beside the module the docstring is in
        package = obj.module if obj.module.is_init_module else obj.module.parent
        target = f"{package.path}{name}" if package else name
    else:
        try:
            target = obj.resolve(name)
        except griffe.NameResolutionError:
            pass
    return f'<autoref optional identifier="{target}"><code>{shown}</code></autoref>'
