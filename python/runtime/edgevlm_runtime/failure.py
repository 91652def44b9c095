"""What can go wrong, under the codes of src/core/errors.ts."""

from __future__ import annotations

LONGEST_MESSAGE = 2000


class Failure(Exception):
    """An error that the user is meant to see."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def as_failure(error: BaseException, code: str = "INTERNAL") -> Failure:
    """A coded error for whatever was raised; `code` where nothing better is known."""
    if isinstance(error, Failure):
        return error
    text = f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]
    if is_out_of_memory(error):
        return Failure("OUT_OF_MEMORY", text)
    return Failure(code, text)


def is_out_of_memory(error: BaseException) -> bool:
    """PyTorch has a class for the memory of a GPU only; that of the machine shows in the words."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)
