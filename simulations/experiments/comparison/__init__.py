"""The question of who has data: which part to keep, and what does it cost?

:func:`compare` trains on all examples, on the hardest, the easiest, the middle and
random ones, on the same data and with the same seeds, and says in sentences what came
of it.
"""

from .answer import Answer as Answer
from .data_sets import Opened as Opened
from .data_sets import opened as opened
from .question import Question as Question
from .run import compare as compare
