"""Heads on pruned data, predicted before any is trained, and trained to see.

The theory is :func:`perceptron_theory.predict`; here its data are read, a grid of
predictions is made, put into words, and held against heads that are trained.
"""

from .examples import Examples as Examples
from .examples import examples_of as examples_of
from .examples import read_examples as read_examples
from .grid import predictions as predictions
from .question import Question as Question
from .sentences import advice_on as advice_on
from .sentences import sentences_on as sentences_on
from .trained_heads import Head as Head
from .trained_heads import train_head as train_head
