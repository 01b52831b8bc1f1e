"""Which network made the scores of a table: kept beside it, and in the nomogram fitted on it.

A nomogram's axis means the scores of one network; another's, or another version's, may mean another risk.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from sinustrainer.evaluate.model_folders import model_folder
from sinustrainer.export import export_run
from sinustrainer.run_folder import RUN_FILE, write_json
from sinusviewer.domain.finding import ModelReference
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import CARD_FILE, load_card

SCORE_MODEL_FILE = "score_model.json"


def score_model_of(named: Path) -> ModelReference:
    """The network of a model folder, its card, a finished run, a ``score_model.json``, or of a bundled or installed model by name.

    Raises
    ------
    InputError
        Where it is none of these.
    """
    if named.name == SCORE_MODEL_FILE:
        return _read(named)[0]
    if named.name == CARD_FILE and named.is_file():
        return load_card(named.parent).reference
    if (named / RUN_FILE).is_file() and not (named / CARD_FILE).is_file():
        with TemporaryDirectory() as folder:
            return export_run(named, Path(folder)).reference
    return load_card(model_folder(str(named))).reference


def write_score_model(network: ModelReference, *tables: Path) -> None:
    """Keep beside tables of one folder which network made their scores."""
    path = tables[0].with_name(SCORE_MODEL_FILE)
    write_json(path, {"schema_version": 1, "tables": [table.name for table in tables], "network": asdict(network)})


def score_model_beside(table: Path) -> ModelReference | None:
    """The network that made a table's scores, where a file beside it says so of this table."""
    path = table.with_name(SCORE_MODEL_FILE)
    if not path.is_file():
        return None
    network, tables = _read(path)
    return network if table.name in tables else None


def score_model_of_tables(given: Path | None, *tables: Path | None) -> ModelReference | None:
    """The one network whose scores all tables hold; None where nobody says.

    Raises
    ------
    InputError
        Where two of them are of different networks.
    """
    said = {} if given is None else {"--score-model": score_model_of(given)}
    said |= {t.name: network for t in tables if t is not None and (network := score_model_beside(t)) is not None}
    first = next(iter(said), None)
    if first is None:
        return None
    for name, network in said.items():
        if network != said[first]:
            raise InputError(
                f"The scores of {first} are of {_text(said[first])}, those of {name} of {_text(network)}.",
                "Scores of one network only make one axis.",
            )
    return said[first]


def _text(network: ModelReference) -> str:
    return f"{network.name} {network.version} ({network.sha256[:8]})"


def _read(path: Path) -> tuple[ModelReference, list[str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        network = {name: str(content["network"][name]) for name in ("name", "version", "sha256", "trained_on")}
        return ModelReference(**network), [str(name) for name in content["tables"]]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path.name} does not say which network made the scores.", "Delete it.") from error
