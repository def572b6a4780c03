"""How a process that does nothing but serve is spared the search for garbage in what it has anyway."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Python looks for garbage whenever there are so many objects more than at its last look.
OBJECTS_BETWEEN_LOOKS = 50_000


def load_for_good() -> None:
    """Never look through what there is by now, and through the rest less often."""
    # It stays as long as the process: to look through it again and again is a twelfth of the work of taking a
    # batch in. A page makes some thousand objects and leaves none: to look for them is a tenth of its work.
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_LOOKS, *gc.get_threshold()[1:])


@contextmanager
def loaded_for_good() -> Iterator[None]:
    """Do the same while the context lasts."""
    usual = gc.get_threshold()
    load_for_good()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
