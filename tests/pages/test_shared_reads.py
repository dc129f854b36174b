"""Reads that visitors share for a moment."""

from __future__ import annotations

import pytest

from pages.state.shared_reads import shared_for


def test_a_value_is_read_once_until_it_is_forgotten() -> None:
    asked = []

    @shared_for(60)
    def double(number: int) -> int:
        asked.append(number)
        return 2 * number

    assert [double(2), double(2), double(3)] == [4, 4, 6] and asked == [2, 3]
    double.clear()
    assert double(2) == 4 and asked == [2, 3, 2]
    assert double.__name__ == "double"


def test_a_value_whose_time_ends_while_it_is_taken_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit finds it there, and a moment later it isn't."""
    read = shared_for(60)(lambda: "value")
    assert read() == "value"
    cached, ends = read._cached, iter([KeyError("gone")])

    def racing() -> str:
        for end in ends:
            raise end
        return cached()

    monkeypatch.setattr(read, "_cached", racing)
    assert read() == "value"


def test_a_mistake_of_the_function_itself_is_raised() -> None:
    @shared_for(60)
    def broken() -> None:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        broken()
