import pytest

from sinusviewer.domain.frame_links import FrameLinks


def test_frames_that_nobody_has_linked_share_no_place():
    assert FrameLinks().point((1.0, 2.0, 3.0), "a", "b") is None
    assert FrameLinks().point((1.0, 2.0, 3.0), "a", "a") == (1.0, 2.0, 3.0)


def test_a_link_shifts_both_ways():
    links = FrameLinks().with_link("a", (0.0, 0.0, 10.0), "b", (5.0, 0.0, 40.0))
    assert links.point((1.0, 2.0, 12.0), "a", "b") == (6.0, 2.0, 42.0)
    assert links.point((6.0, 2.0, 42.0), "b", "a") == (1.0, 2.0, 12.0)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_a_new_link_replaces_the_old_one_from_either_side(first, second):
    links = FrameLinks().with_link("a", (0.0, 0.0, 0.0), "b", (1.0, 1.0, 1.0))
    links = links.with_link(first, (0.0, 0.0, 0.0), second, (0.0, 0.0, 7.0))
    assert links.point((0.0, 0.0, 0.0), first, second) == (0.0, 0.0, 7.0)


def test_what_was_linked_to_a_frame_stays_linked_when_that_one_is_linked_on():
    links = FrameLinks().with_link("b", (0.0, 0.0, 0.0), "c", (0.0, 0.0, 1.0))
    links = links.with_link("a", (0.0, 0.0, 0.0), "b", (0.0, 0.0, 10.0))
    assert links.point((0.0, 0.0, 0.0), "a", "c") == (0.0, 0.0, 11.0)
