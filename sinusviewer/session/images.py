"""The first layer of the session: which studies are open, and the pixels that are here."""

from collections.abc import Iterator, MutableMapping
from typing import ClassVar

from psygnal import Signal

from sinusviewer.domain.display import Plane
from sinusviewer.domain.image import Radiograph, Volume
from sinusviewer.domain.planes import PlaneStack, film_stack, volume_stack
from sinusviewer.domain.session_parts import Message
from sinusviewer.domain.study import Series, Study

Image = Volume | tuple[Radiograph, ...]


def reading_key(series_instance_uid: str, sop_instance_uid: str = "") -> str:
    """Key of a reading: the series, and for a radiograph also the instance."""
    return f"{series_instance_uid}/{sop_instance_uid}" if sop_instance_uid else series_instance_uid


class Studies(MutableMapping[str, Study]):
    """Studies by their UID, in the order they came; which of them a series belongs to is asked thousands of times for one picture."""

    def __init__(self) -> None:
        self._studies: dict[str, Study] = {}
        self._of: dict[str, tuple[Study, Series]] | None = None

    def __getitem__(self, uid: str) -> Study:
        return self._studies[uid]

    def __setitem__(self, uid: str, study: Study) -> None:
        self._studies[uid] = study
        self._of = None

    def __delitem__(self, uid: str) -> None:
        del self._studies[uid]
        self._of = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._studies)

    def __len__(self) -> int:
        return len(self._studies)

    def holding(self, series_key: str) -> tuple[Study, Series] | None:
        """The series of a key with its study: the first, where two have it."""
        if self._of is None:
            pairs = [(study, series) for study in self.values() for series in study.series]
            self._of = {series.key: (study, series) for study, series in reversed(pairs)}
        return self._of.get(series_key)


class Images:
    """Studies by their UID, images by their series' key."""

    studies_changed: ClassVar[Signal] = Signal()
    study_changed: ClassVar[Signal] = Signal()
    image_changed: ClassVar[Signal] = Signal(str)  # series key
    thumbnail_changed: ClassVar[Signal] = Signal(str)  # series key
    series_forgotten: ClassVar[Signal] = Signal(str, str)  # series key, UID of the study it is of from now on

    def __init__(self) -> None:
        self.studies = Studies()
        self.study_uid = ""
        self.images: dict[str, Image] = {}
        self.failures: dict[str, Message] = {}
        self.thumbnails: dict[str, bytes] = {}
        self.study_order: tuple[str, ...] = ()  # how the worklist is sorted: next and previous study follow it
        self._stacks: dict[tuple[str, Plane], PlaneStack] = {}
        self._taken: dict[str, tuple[str, tuple[str, ...]]] = {}  # by series key: study and images it stood for last

    def add_studies(self, studies: tuple[Study, ...]) -> None:
        """Take studies in; what is known of a series that now has other images, or is another study's, is forgotten first."""
        for study in studies:
            for series in study.series:
                now = study.study_instance_uid, tuple(sorted(i.sop_instance_uid for i in series.instances))
                before = self._taken.setdefault(series.key, now)
                if before != now:
                    self._taken[series.key] = now
                    self.forget_series(series.key, before[0] == now[0])
                    self.series_forgotten.emit(series.key, study.study_instance_uid)
            self.studies[study.study_instance_uid] = study
        if studies:
            self.studies_changed.emit()

    def forget_series(self, key: str, same_study: bool) -> None:
        """Drop what is here of a series: other images bear its name now, of ``same_study`` or of another one."""
        self.images.pop(key, None)
        self.failures.pop(key, None)
        self.thumbnails.pop(key, None)
        self._drop_stacks(key)

    def set_study(self, study_uid: str) -> None:
        """Make a study the current one; a second study's images stay for comparison until `forget_images`."""
        if study_uid != self.study_uid:
            self.study_uid = study_uid
            self.study_changed.emit()

    @property
    def study(self) -> Study | None:
        return self.studies.get(self.study_uid)

    def series(self, key: str) -> Series | None:
        """The series of a key, of whichever study."""
        found = self.studies.holding(key)
        return None if found is None else found[1]

    def study_of(self, key: str) -> Study | None:
        """The study that a series belongs to."""
        found = self.studies.holding(key)
        return None if found is None else found[0]

    def set_image(self, key: str, image: Image) -> None:
        """File pixels under their series; planes cut from an earlier, partial image are dropped."""
        self.images[key] = image
        self.failures.pop(key, None)
        self._drop_stacks(key)
        self.image_changed.emit(key)

    def fail_image(self, key: str, message: Message) -> None:
        self.failures[key] = message
        self.image_changed.emit(key)

    def forget_images(self, keep: frozenset[str] = frozenset()) -> None:
        """Give back the memory of all images but those named."""
        for key in [k for k in self.images if k not in keep]:
            del self.images[key]
            self._drop_stacks(key)

    def _drop_stacks(self, key: str) -> None:
        for known in [k for k in self._stacks if k[0] == key]:
            del self._stacks[known]

    def stack(self, key: str, plane: Plane) -> PlaneStack | None:
        """The slices of a series in a plane; None while its pixels are not here."""
        image = self.images.get(key)
        if image is None:
            return None
        if not isinstance(image, Volume):
            plane = Plane.FILM
        elif plane is Plane.FILM:
            plane = Plane.AXIAL
        if (key, plane) not in self._stacks:
            stack = volume_stack(image, plane) if isinstance(image, Volume) else film_stack(image)
            self._stacks[key, plane] = stack
        return self._stacks[key, plane]

    def replace_film(self, key: str, film: Radiograph) -> None:
        """Put a changed radiograph (its side confirmed, say) in the place of the same instance."""
        image = self.images.get(key)
        if image is not None and not isinstance(image, Volume):
            self.set_image(key, tuple(film if f.sop_instance_uid == film.sop_instance_uid else f for f in image))

    def set_thumbnail(self, key: str, png: bytes) -> None:
        self.thumbnails[key] = png
        self.thumbnail_changed.emit(key)
