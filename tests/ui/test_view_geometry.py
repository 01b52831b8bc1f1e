import itertools

import numpy as np
import pytest
from window_parts import film, volume

from sinusviewer.domain.display import Plane, ViewState
from sinusviewer.domain.hanging import hang_film
from sinusviewer.domain.planes import volume_stack
from sinusviewer.ui.view_content import directions
from sinusviewer.ui.view_geometry import (
    EdgeLetters,
    display_matrix,
    edge_letters,
    film_directions,
    flipped_on_screen,
    scale_bar,
    to_image,
    to_screen,
    zoomed_about,
)

SIZE = (400.0, 300.0)
NORMAL = film_directions(film())


def letters(state: ViewState, toward=NORMAL) -> str:
    found = edge_letters(display_matrix(state, (120, 100), 1.0, SIZE), toward)
    return f"{found.left} {found.right} {found.top} {found.bottom}"


@pytest.mark.parametrize(
    ("flipped", "turns", "expected"),
    [
        (False, 0, "R L H F"),
        (False, 1, "F H R L"),
        (False, 2, "L R F H"),
        (False, 3, "H F L R"),
        (True, 0, "L R H F"),
        (True, 1, "F H L R"),
        (True, 2, "R L F H"),
        (True, 3, "H F R L"),
    ],
)
def test_letters_follow_every_flip_and_turn(flipped, turns, expected):
    assert letters(ViewState(flipped=flipped, quarter_turns=turns)) == expected


def test_flipping_what_is_on_screen_swaps_left_and_right_however_it_is_turned():
    for flipped, turns in itertools.product((False, True), range(4)):
        before = letters(ViewState(flipped=flipped, quarter_turns=turns)).split()
        new_flipped, new_turns = flipped_on_screen(ViewState(flipped=flipped, quarter_turns=turns))
        after = letters(ViewState(flipped=new_flipped, quarter_turns=new_turns)).split()
        assert after == [before[1], before[0], before[2], before[3]]


def test_no_letters_where_the_side_is_unverified():
    assert film_directions(film(right_is_left=None)) is None
    assert edge_letters(display_matrix(ViewState(), (120, 100), 1.0, SIZE), None) == EdgeLetters()


@pytest.mark.parametrize(("right_is_left", "upside_down"), list(itertools.product((True, False), (False, True))))
def test_every_film_is_hung_with_the_patients_right_on_the_left_and_head_up(right_is_left, upside_down):
    stored = film(right_is_left=right_is_left, upside_down=upside_down)
    assert letters(hang_film("k", stored), film_directions(stored)) == "R L H F"


def oriented_volumes():
    """All 48 ways in which the axes of an array can lie in the patient."""
    for permutation in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for axis, (target, sign) in enumerate(zip(permutation, signs, strict=True)):
                affine[target, axis] = sign * (0.5 + 0.1 * axis)
            yield affine


@pytest.mark.parametrize("affine", list(oriented_volumes()), ids=lambda a: "".join("LPH"[int(np.abs(a[:3, i]).argmax())].lower()
                         if a[:3, i].sum() < 0 else "LPH"[int(np.abs(a[:3, i]).argmax())] for i in range(3)))  # fmt: skip
def test_all_48_orientations_hang_alike_with_right_letters_and_sides(affine):
    image = volume((12, 14, 16), affine)
    expected = {Plane.AXIAL: "R L A P", Plane.CORONAL: "R L H F", Plane.SAGITTAL: "A P H F"}
    shape = np.array(image.voxels.shape)[::-1]
    corners = (affine @ np.array([[0, 0, 0, 1], [*(shape - 1), 1]]).T)[:3]
    to_left, to_head = corners[0].max(), corners[2].max()
    left_top = np.array([to_left, corners[1].mean(), to_head])  # on the patient's left, at the vertex
    index = np.round(np.linalg.solve(affine, np.append(left_top, 1))[:3]).astype(int)
    for plane, words in expected.items():
        stack = volume_stack(image, plane)
        shown = directions(None, stack)
        matrix = display_matrix(ViewState(), stack.slices[0].shape, 1.0, SIZE)
        found = edge_letters(matrix, shown)
        assert f"{found.left} {found.right} {found.top} {found.bottom}" == words
        column, row, number = (round(v) for v in stack.index_of(affine[:3, :3] @ index + affine[:3, 3]))
        assert stack.slices[number][row, column] == image.voxels[index[2], index[1], index[0]]
    coronal = volume_stack(image, Plane.CORONAL)
    column, row, _ = coronal.index_of(left_top)
    assert round(column) == coronal.slices[0].shape[1] - 1, "the patient's left is on the screen's right"
    assert round(row) == 0, "the head is on top"


def test_a_volume_without_orientation_is_linked_but_has_no_letters():
    stack = volume_stack(volume(oriented=False), Plane.AXIAL)
    assert stack.affine is not None
    assert directions(None, stack) is None


def test_screen_and_image_points_are_inverse_of_each_other():
    state = ViewState(flipped=True, quarter_turns=1, zoom=2.5, center=(30, 40))
    matrix = display_matrix(state, (120, 100), 1.3, SIZE)
    assert to_image(matrix, to_screen(matrix, (12.5, 70.25))) == pytest.approx((12.5, 70.25))


def test_zooming_holds_the_point_under_the_mouse():
    state, at = ViewState(flipped=True, quarter_turns=3), (330.0, 40.0)
    before = to_image(display_matrix(state, (120, 100), 1.0, SIZE), at)
    zoom, center = zoomed_about(state, 1.7, at, (120, 100), 1.0, SIZE)
    after = ViewState(flipped=True, quarter_turns=3, zoom=zoom, center=center)
    assert to_image(display_matrix(after, (120, 100), 1.0, SIZE), at) == pytest.approx(before)


@pytest.mark.parametrize(
    ("pixels_per_mm", "longest", "length"), [(1.0, 160, 100), (3.9, 160, 20), (0.5, 99, 100), (40, 160, 2)]
)
def test_the_scale_bar_has_a_round_length_that_fits(pixels_per_mm, longest, length):
    found, pixels = scale_bar(pixels_per_mm, longest)
    assert found == pytest.approx(length)
    assert pixels <= longest
