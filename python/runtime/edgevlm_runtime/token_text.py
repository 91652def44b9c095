"""Tokens to text, as they come."""

from __future__ import annotations

from collections.abc import Callable


class TokenText:
    """Gives the text that each token adds; what ends in the middle of a character waits for the next.

    A token's text depends on what stands before it (a space, the other bytes of a character), so the last tokens are decoded
    with and without the new one, as in huggingface/text-generation-inference `server/text_generation_server/models/model.py`.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._before = 0
        self._read = 0

    def push(self, token: int) -> str:
        self._tokens.append(token)
        known = self._decode(self._tokens[self._before : self._read])
        text = self._decode(self._tokens[self._before :])
        if len(text) <= len(known) or text.endswith("\N{REPLACEMENT CHARACTER}"):
            return ""
        self._before, self._read = self._read, len(self._tokens)
        return text[len(known) :]
