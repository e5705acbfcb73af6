"""What all networks share: images in, an embedding, and logits of a linear head.

This is the contract of a network.  To add one, write a subclass of :class:`Classifier`
with :meth:`Classifier.embed` in a file of your own; recipes and commands take it as
``package.module:Name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from perceptron_theory import InputError

HEAD = "head"  # the name of its parameters
_HIDDEN = f"{HEAD}_hidden"
HEADS = (HEAD, _HIDDEN)  # all that is no part of the embedding


class Classifier(nn.Module, kw_only=True):
    """An embedding, by a subclass, and a linear head.

    Attributes:
        classes: outputs of the head; 0 for a network without one, which returns its
            embedding.
        hidden_head: whether the head has a hidden layer of the embedding's width and a
            ReLU: SimCLR's projection head (arXiv 2002.05709, sec. 2.1).
        dtype: of the computation, float32 or bfloat16.  Parameters, running statistics,
            embedding and head are float32 always.
    """

    OPTIONS: ClassVar[Mapping[str, tuple[str, ...] | None]] = {}
    """Attributes that :func:`.catalog.network` lets a caller choose, and the values of
    each if those are few."""

    classes: int
    hidden_head: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "B height width channels"],
        *,
        train: bool = False,
        features: bool = False,
    ) -> Any:
        """Logits (B, classes), with ``features`` the pair of logits and embedding.

        Args:
            images: normalised, not bytes.
            train: whether batch norm takes the statistics of this batch (and updates
                the running ones, if the collection "batch_stats" is mutable).
            features: whether to return the embedding (B, d) that the head sees, too.

        Raises:
            InputError: integers, another number of dimensions, a size that the network
                cannot take.
        """
        if images.ndim != 4 or not jnp.issubdtype(images.dtype, jnp.floating):
            raise InputError(
                "images must be floating point of shape (B, height, width, channels), "
                f"got {images.dtype} of shape {images.shape}: normalise(images, ...) "
                "makes them from bytes"
            )
        embedding = self.embed(images.astype(self.dtype), train).astype(jnp.float32)
        logits = embedding
        if self.classes:
            if self.hidden_head:
                start = nn.initializers.he_normal()
                width = embedding.shape[1]
                hidden = nn.Dense(width, kernel_init=start, name=_HIDDEN)
                logits = nn.relu(hidden(logits))
            head = nn.Dense(self.classes, kernel_init=self.head_init(), name=HEAD)
            logits = head(logits)
        return (logits, embedding) if features else logits

    def embed(self, images: Array, train: bool) -> Array:
        """The embedding (B, d) of images of the type ``dtype``."""
        raise NotImplementedError

    def head_init(self) -> nn.initializers.Initializer:
        """How the head's weights start; its biases start at zero."""
        return nn.initializers.lecun_normal()
