"""Checkpoints by orbax: each whole or not there, the last few kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from perceptron_theory import InputError

from ..optional import require


class Checkpoints:
    """Those of one run, numbered by the epochs that are done.

    Each holds arrays (a pytree) and values of JSON about them.
    """

    def __init__(self, manager: Any, checkpointing: Any) -> None:
        self._manager, self._orbax = manager, checkpointing
        self.folder = Path(manager.directory)

    def latest(self) -> int | None:
        """The epochs of the last whole one."""
        return self._manager.latest_step()

    def all(self) -> list[int]:
        """The epochs of every one."""
        return sorted(self._manager.all_steps())

    def save(self, epochs: int, arrays: Any, about: dict[str, Any]) -> None:
        """Write one; older ones beyond those to keep are deleted after it."""
        args = self._orbax.args
        items = {"arrays": args.StandardSave(arrays), "about": args.JsonSave(about)}
        self._manager.save(epochs, args=args.Composite(**items), force=True)

    def about(self, epochs: int) -> dict[str, Any]:
        """What was saved beside the arrays.

        Raises:
            InputError: it cannot be read.
        """
        restore = self._orbax.args.JsonRestore()
        return self._restored(epochs, "about", restore)

    def arrays(self, epochs: int, like: Any) -> Any:
        """The arrays, of shapes, types and devices as those of ``like``.

        Raises:
            InputError: they cannot be read, or are of other shapes.
        """
        restore = self._orbax.args.StandardRestore(like)
        return self._restored(epochs, "arrays", restore)

    def all_arrays(self, epochs: int, sharding: Any) -> Any:
        """The arrays as nested dictionaries and lists, all placed alike.

        Raises:
            InputError: they cannot be read.
        """
        path = self.folder / str(epochs) / "arrays"
        try:
            found = self._orbax.StandardCheckpointer().metadata(path).item_metadata.tree
        except Exception as error:  # damaged files raise anything
            raise self._unreadable(epochs, error) from error

        def one(leaf: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

        return self.arrays(epochs, jax.tree.map(one, found))

    def _restored(self, epochs: int, item: str, how: Any) -> Any:
        args = self._orbax.args.Composite(**{item: how})
        try:
            return self._manager.restore(epochs, args=args)[item]
        except Exception as error:  # damaged files raise anything
            raise self._unreadable(epochs, error) from error

    def _unreadable(self, epochs: int, error: Exception) -> InputError:
        line = " ".join(str(error).split())[:200]
        where = self.folder / str(epochs)
        return InputError(
            f"the checkpoint {where} cannot be read ({line}): delete that folder "
            "to go on from the one before"
        )


@contextmanager
def checkpoints(folder: Path, keep: int | None) -> Iterator[Checkpoints]:
    """The checkpoints in a folder, which is made if it is not there.

    ``keep`` of them are left when one is saved; None is all.
    """
    require("orbax.checkpoint", "a checkpoint")
    import orbax.checkpoint as ocp

    logging.getLogger("absl").setLevel(logging.ERROR)  # it reports every save
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep, enable_async_checkpointing=False
    )
    with ocp.CheckpointManager(folder.absolute(), options=options) as manager:
        yield Checkpoints(manager, ocp)


def shapes_of(tree: Any) -> Any:
    """What :meth:`Checkpoints.arrays` needs to know of arrays that it is to read."""

    def one(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

    return jax.tree.map(one, tree)
