"""What a mirror keeps of its objects stays small."""

from playbill.git.shelf import LARGEST, MOST_BYTES, OVERHEAD, Shelf


def test_what_is_kept_is_given_back_and_absence_is_told_from_ignorance() -> None:
    shelf = Shelf()
    shelf.put("a", b"x")
    shelf.put("gone", None)
    assert shelf.get("a") == b"x"
    assert "gone" in shelf
    assert "b" not in shelf
    shelf.clear()
    assert "a" not in shelf


def test_what_is_large_is_not_kept() -> None:
    shelf = Shelf()
    shelf.put("a", b"x" * LARGEST)
    assert "a" not in shelf


def test_the_longest_unused_goes_when_there_is_too_much() -> None:
    shelf = Shelf()
    room = MOST_BYTES // (OVERHEAD + 824)
    for number in range(room):
        shelf.put(str(number), bytes(824))
    shelf.get("0")
    shelf.put("more", bytes(824))
    assert "0" in shelf
    assert "1" not in shelf
    assert "more" in shelf
