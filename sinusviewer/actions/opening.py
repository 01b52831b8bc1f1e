"""Opening: scan, show a study, load its pixels, hang it."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sinusviewer.actions.desk import Continuation, JobDesk
from sinusviewer.actions.series_clash import apart
from sinusviewer.domain.display import LayoutKind, ViewState
from sinusviewer.domain.hanging import face_center, first_series, hang_film, hang_volume, layout_for
from sinusviewer.domain.image import Identity, Volume
from sinusviewer.domain.prior import may_be_two_people, same_patient
from sinusviewer.domain.study import EMPTY_FILE, FileStatus, ScanResult, Series, Study
from sinusviewer.errors import SinusViewerError
from sinusviewer.jobs.events import JobFailed
from sinusviewer.jobs.runner import CancelToken, Job, Progress
from sinusviewer.session import VIEWS, Image, Message, Session

Scan = Callable[[Sequence[Path], Progress, CancelToken], ScanResult]
Load = Callable[[Series, Progress, CancelToken], Image]
Preview = Callable[[Series], bytes]
"""A small PNG of a series, made without loading all of it."""


class Opening:
    """The verbs of opening over one session."""

    def __init__(
        self, session: Session, desk: JobDesk, scan: Scan, load: Load, preview: Preview, tidy: Callable[[], None]
    ) -> None:
        self.session, self._desk, self._scan, self._load, self._preview = session, desk, scan, load, preview
        self._tidy = tidy
        self.masks_taken: Callable[[tuple[Study, ...], Callable[[str], None]], bool] = lambda *_: False
        """Puts studies that are masks alone over the CT on screen; False where they are to be shown as anything else."""
        self.together: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
        """Joins what is noted of many studies, so that the window does not wait for the disk once for each."""
        self.owned: Callable[[Study], Study] = lambda study: study
        """Gives a study that is opened to its patient's records, where two patients came under one UID."""
        self.one_person: Callable[[Identity, Identity], bool] = same_patient
        """Whether two studies are of one patient beyond doubt, and may stand side by side."""
        session.series_forgotten.connect(self._forgotten)

    def open_paths(self, paths: Sequence[Path]) -> Job:
        """Scan files, folders, archives; then show the first study found."""

        def work(progress: Progress, token: CancelToken) -> ScanResult:
            return self._scan(paths, progress, token)

        return self._desk.submit("io", "Looking through the files", work, Continuation(self._scanned, group="scan"))

    def open_beside(self, source: Path, study_uid: str) -> Job:
        """Look for one study of the current patient where it was opened from before, and show it beside; the others there stay shut."""
        here = self.session.study_uid

        def work(progress: Progress, token: CancelToken) -> ScanResult:
            return self._scan([source], progress, token)

        def scanned(result: ScanResult) -> None:
            found = tuple(self.owned(s) for s in result.studies if s.study_instance_uid == study_uid)
            wanted = apart(self.session, found)
            if found and not wanted:
                return
            if not wanted:
                self.session.say("The prior study is not where it was.", "warning", "Open it from where it is now.")
            elif self.session.study_uid == here:  # else the reader has moved on
                self.session.add_studies(wanted)
                self.compare_study(study_uid)

        return self._desk.submit("io", "Looking for the prior study", work, Continuation(scanned, group="scan"))

    def _scanned(self, result: ScanResult) -> None:
        failed = [f for f in result.files if f.status is FileStatus.FAILED]
        if failed:
            details = "\n".join(f"{Path(f.path).name}: {f.reason}" for f in failed)
            files = "1 file" if len(failed) == 1 else f"{len(failed)} files"
            self.session.say(f"{files} could not be opened.", "warning", "Click for the list.", details)
        if not result.studies:
            only = result.files[0].reason if len(result.files) == 1 else None
            self.session.say(
                "No images were found there.", "warning",
                only or "Choose DICOM files, a ZIP, NIfTI, NRRD, PNG, JPEG or TIFF.",
            )  # fmt: skip
            return
        current = self.session.study
        empty = sum(f.reason == EMPTY_FILE for f in result.files)
        if empty:
            # A copy that broke off: of a CT its first or last slices may be missing, and nothing else would say so.
            files = "1 file is" if empty == 1 else f"{empty} files are"
            self.session.say(
                f"{files} empty (0 bytes).", "warning",
                "The copy may be incomplete, and slices may be missing: copy the folder again.",
            )  # fmt: skip
        studies: tuple[Study, ...] = ()
        with self.together():
            studies = apart(self.session, [self.owned(s) for s in result.studies if not self._under_another_name(s)])
            self.session.add_studies(studies)
        if not studies:
            return
        if self.masks_taken(studies, self.show_study):
            return
        first = studies[0]
        if current is not None and self._belongs_beside(current, first):
            self.compare_study(first.study_instance_uid)
        else:
            self.show_study(first.study_instance_uid)

    def _forgotten(self, key: str, _study_uid: str) -> None:
        """Work for the images that a series had before is for nothing, and would be put under those that it has now."""
        for group in ("load", "read", "kept"):
            self._desk.cancel_group(f"{group}:{key}")

    def _under_another_name(self, study: Study) -> bool:
        """Whether a study that is open bears the same UID and is somebody else's: neither may take the other's findings."""
        known = self.session.studies.get(study.study_instance_uid)
        if known is None or not may_be_two_people(known.identity, study.identity):
            return False
        self.session.say(
            "Not opened: a study with the same UID is open, of another patient.", "error",
            "Number or birth date differ. Close the open one first, and have the sender put the files right.",
        )  # fmt: skip
        return True

    def _belongs_beside(self, current: Study, other: Study) -> bool:
        """Another study of the same patient with the same kind of image: a prior or a follow-up."""
        one, two = first_series(current.series), first_series(other.series)
        return (
            current.study_instance_uid != other.study_instance_uid
            and self.one_person(current.identity, other.identity)
            and one is not None
            and two is not None
            and one.kind is two.kind
        )

    def show_study(self, study_uid: str) -> None:
        """Make a study the current one: work for the former is cancelled, its images are given back."""
        study = self.session.studies.get(study_uid)
        if study is None:
            return
        if study_uid != self.session.study_uid:
            self._desk.cancel_group("load:")
            self._desk.cancel_group("read:")
            self._desk.cancel_group("previews")
            self.session.forget_images(frozenset(s.key for s in study.series))
        self.session.set_study(study_uid)
        first = first_series(study.series)
        if first is not None:
            self.show_series(first.key)
        self._make_previews(study)
        self._tidy()

    def _make_previews(self, study: Study) -> None:
        """Thumbnails of the series that have none yet, behind the loading of the first one."""
        missing = tuple(s for s in study.series if s.key not in self.session.thumbnails)
        if not missing or self._desk.works_for("previews"):
            return

        def work(progress: Progress, token: CancelToken) -> None:
            for number, series in enumerate(missing):
                token.raise_if_cancelled()
                progress("Making thumbnails", number / len(missing))
                with contextlib.suppress(SinusViewerError):  # a series that cannot be drawn has no thumbnail
                    progress.partial((series.key, self._preview(series)))

        def partial(value: tuple[str, bytes]) -> None:
            self.session.set_thumbnail(*value)

        self._desk.submit("io", "Making thumbnails", work, Continuation(lambda _: None, partial, None, "previews"))

    def show_series(self, key: str, view: str = "") -> None:
        """Hang a series in the usual layout, or put it into one view; its pixels are loaded if they are not here."""
        if view:
            self.session.set_view(view, **_fields(ViewState(key)))
        else:
            self.session.set_layout(
                self.session.display.layout, {v: ViewState(key if v == VIEWS[0] else "") for v in VIEWS}
            )
        if key in self.session.images:
            self._hang(key)
        else:
            self.load(key)

    def show_image(self, image_key: str) -> bool:
        """Bring the image of a key on screen; False where it is there already, or is open no more."""
        session = self.session
        key, study = image_key.partition("/")[0], session.study_of(image_key.partition("/")[0])
        shown = [v for v in session.shown_views if session.views[v].series_key == key]
        if study is None or session.image_key(session.active_view) == image_key:
            return False
        if shown:
            session.set_active_view(next((v for v in shown if session.image_key(v) == image_key), shown[0]))
            return False
        self.show_study(study.study_instance_uid)
        if session.views[session.active_view].series_key != key:
            self.show_series(key)
        return True

    def load(self, key: str) -> None:
        series = self.session.series(key)
        group = f"load:{key}"
        if series is None or self._desk.works_for(group):
            return

        def work(progress: Progress, token: CancelToken) -> Image:
            return self._load(series, progress, token)

        def finished(image: Image) -> None:
            fresh = key not in self.session.images
            self.session.set_image(key, image)
            if fresh or isinstance(image, Volume):
                self._hang(key, keep=not fresh)

        def partial(image: Image) -> None:
            fresh = key not in self.session.images
            self.session.set_image(key, image)
            if fresh:
                self._hang(key)

        def failed(event: JobFailed) -> None:
            self.session.fail_image(key, Message(event.message, "error", event.hint, event.details))

        def cancelled() -> None:
            if key not in self.session.images:
                self.session.fail_image(key, Message("Loading was cancelled.", "info", "Click the series to load it."))

        continuation = Continuation(finished, partial, failed, group, cancelled)
        self._desk.submit("io", "Opening the series", work, continuation)

    def _hang(self, key: str, *, keep: bool = False) -> None:
        """Hang a series that has just been loaded, unless a reader has moved on."""
        session = self.session
        image = session.images[key]
        asked = [view for view in VIEWS if session.views[view].series_key == key]
        if not asked or (keep and len([v for v in session.shown_views if session.views[v].series_key == key]) > 1):
            return
        alone = all(session.views[v].series_key in ("", key) for v in session.shown_views)
        if not alone:
            for view in asked:
                state = (
                    hang_film(key, image[0])
                    if not isinstance(image, Volume)
                    else hang_volume(key, image, LayoutKind.ONE)["A"]
                )
                session.set_view(view, **_fields(state))
            if session.apart(asked[0]):
                session.say(
                    "These studies have different frames of reference: each scrolls by itself.", "warning",
                    "Show the same place in both, then link them with Ctrl+L.",
                )  # fmt: skip
            return
        center = None
        if isinstance(image, Volume):
            layout = layout_for(image, 0)
            center = face_center(image)
            states = hang_volume(key, image, layout, center)
        else:
            layout = layout_for(None, len(image))
            states = {v: hang_film(key, image[n], n) for n, v in zip(range(len(image)), VIEWS, strict=False)}
        session.set_layout(layout, {v: states.get(v, ViewState()) for v in VIEWS})
        if center is not None:
            session.go_to_point(VIEWS[0], (float(center[0]), float(center[1]), float(center[2])))

    def set_layout(self, layout: LayoutKind) -> None:
        """Arrange the views anew for what the active one shows; slice, window and zoom of a plane that stays are kept."""
        session = self.session
        key = session.views[session.active_view].series_key
        volume = session.volume(session.active_view)
        if volume is None:
            session.set_layout(layout)
            return
        place = session.cursor_lps(session.active_view)
        session.set_layout(
            layout, {v: s for v, s in hang_volume(key, volume, layout).items() if not self._other_study(v, key)}
        )
        if place is not None:
            session.go_to_point(VIEWS[0], place)

    def _other_study(self, view: str, key: str) -> bool:
        other = self.session.views[view].series_key
        return bool(other) and self.session.study_of(other) is not self.session.study_of(key)

    def others_of_patient(self) -> tuple[Study, ...]:
        """Other open studies of the current patient: the newest prior first, then later ones; last the one that is beside.

        None for a patient without a number: nothing would prove that two studies are of one patient.
        """
        session = self.session
        current = session.study
        if current is None or not current.identity.patient_id:
            return ()
        date = current.identity.study_date
        others = [
            s for s in session.studies.values()
            if s is not current
            and (s.identity.patient_id == current.identity.patient_id or self.one_person(current.identity, s.identity))
        ]  # fmt: skip
        earlier = sorted((s for s in others if s.identity.study_date < date), key=lambda s: s.identity.study_date)
        later = sorted((s for s in others if s.identity.study_date >= date), key=lambda s: s.identity.study_date)
        beside = {session.study_of(session.views[v].series_key) for v in session.shown_views}
        return tuple(sorted((*reversed(earlier), *later), key=lambda s: s in beside))

    def compare_study(self, study_uid: str) -> None:
        """Show another study of the same patient beside the current one."""
        study = self.session.studies.get(study_uid)
        first = first_series(study.series) if study else None
        current = self.session.views[VIEWS[0]]
        if first is None or not current.series_key or study is None:
            return
        here = self.session.study_of(current.series_key)
        if here is not None and not self.one_person(here.identity, study.identity):
            one_number = here.identity.patient_id == study.identity.patient_id
            self.session.say(
                "That study bears another birth date." if one_number else "That study is of another patient.",
                "warning",
                "Only studies of one patient are shown side by side.",
            )
            return
        self.session.set_layout(LayoutKind.TWO, {"A": current, "B": ViewState(first.key)})
        if first.key in self.session.images:
            self._hang(first.key)
        else:
            self.load(first.key)
        self._tidy()

    def close_study(self) -> None:
        """Close the current study; what was found is kept in the records. The next of the list comes on screen, if there is one.

        Work on the others goes on: a batch is not lost because one of its films is closed.
        """
        uid, studies = self.session.study_uid, self.session.studies
        order = [u for u in self.session.study_order if u in studies] or list(studies)
        at = order.index(uid) if uid in order else -1
        following = next((u for u in (*order[at + 1 :], *reversed(order[: max(at, 0)])) if u != uid), "")
        self._desk.cancel_all(but=("batch", "scan") if following else ())
        self.session.studies.pop(uid, None)
        self.session.forget_images()
        self.session.set_layout(LayoutKind.ONE, {v: ViewState() for v in VIEWS})
        self.session.set_study("")
        self.session.studies_changed.emit()
        if following:
            self.show_study(following)
        self._tidy()

    def put_away(self, study_uid: str) -> None:
        """Take a study off the screen and out of the list for a moment; the others stay."""
        study = self.session.studies.pop(study_uid, None)
        if study is None:
            return
        for key in (s.key for s in study.series):
            self._desk.cancel_group(f"load:{key}")
            self._desk.cancel_group(f"read:{key}")
        self.session.forget_images()
        self.session.set_layout(LayoutKind.ONE, {v: ViewState() for v in VIEWS})
        self.session.set_study("")

    def step_study(self, by: int) -> None:
        studies = self.session.studies
        uids = [uid for uid in self.session.study_order if uid in studies] or list(studies)
        if uids:
            at = uids.index(self.session.study_uid) if self.session.study_uid in uids else -1
            self.show_study(uids[min(max(at + by, 0), len(uids) - 1)])


def _fields(state: ViewState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in ViewState.__slots__}
