"""Whether a notebook's results are up to date, and if not, why: fingerprints of all that they follow from.

A fingerprint holds, by name, hashes of the notebook and of the gctr modules it runs (`modules`), the versions of the
libraries, the checksums of the data that its parameters name, the parameters, and the results that it reads itself.
It is noted when a run has come to its end, in ``build`` beside the executed copy: what a clone brings along in
``results`` does not count as run here.

Limits: speed is not among the inputs, so results from another machine that shares ``build`` count as up to date; of a
file or folder given as footage the content is hashed, and live footage, which has none, is never up to date.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gctr._paths import share
from gctr.experiments.files import dataset_label, file_sha256, write_result
from gctr.experiments.modules import files_behind
from gctr.experiments.parameters import declared_parameters, metadata, read_notebook
from gctr.experiments.provenance import versions

Fingerprint = dict[str, dict[str, Any]]
_SHOWN = 2


def fingerprint(path: Path, values: Mapping[str, object], results: Path) -> Fingerprint:
    """Return what the results of a notebook follow from.

    Parameters
    ----------
    path : Path
        The notebook.
    values : mapping
        Values given to its parameters; the others have their defaults.
    results : Path
        Folder of the results that it reads, if its metadata says that it reads some.
    """
    parameters = declared_parameters(path) | dict(values)
    return {
        "code": {name: file_sha256(file) for name, file in sorted(_code(path).items())} | _cells(path),
        "versions": dict(versions()),
        "data": _data(parameters),
        "parameters": parameters,
        "results": {
            name: file_sha256(results / name) for name in read_by(path, str(parameters["dataset"]), results)
        },
    }


def read_by(path: Path, dataset: str, results: Path) -> list[str]:
    """Return the results that a notebook reads, by its metadata: ``{"gctr": {"reads": ["tables/*.claims.csv"]}}``."""
    patterns = [pattern.format(dataset=dataset_label(dataset)) for pattern in metadata(path).get("reads", [])]
    found = {file.relative_to(results).as_posix() for pattern in patterns for file in results.glob(pattern)}
    return sorted(name for name in found if not Path(name).name.startswith(f"{path.stem}."))


def _code(path: Path) -> dict[str, Path]:
    sources = [_source(cell) for cell in read_notebook(path)["cells"] if cell.get("cell_type") == "code"]
    scenes = (share("datasets") / "scenes").glob("*")
    files = files_behind(sources, metadata(path).get("uses", []))
    return files | {f"datasets/scenes/{file.name}": file for file in scenes}


def _cells(path: Path) -> dict[str, str]:
    """Return the hash of what a notebook's cells say, whatever their outputs and ids are."""
    cells = [
        (cell.get("cell_type"), _source(cell), cell["metadata"]) for cell in read_notebook(path)["cells"]
    ]
    content = json.dumps([cells, metadata(path)], sort_keys=True).encode()
    return {f"notebooks/{path.name}": hashlib.sha256(content).hexdigest()}


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def _data(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the checksums of the footage and faces that parameters name, and of the models that are at hand."""
    from gctr.datasets import check, list_models

    dataset = str(parameters["dataset"])
    named = {
        text: sums for value in parameters.values() for text in _texts(value) if (sums := _registered(text))
    }
    models = {model.name: _registered(model.name) for model in list_models() if check(model.name).ok}
    return {**named, **models, dataset_label(dataset): _checksum(dataset)}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value:
            yield from _texts(part)


def _checksum(dataset: str) -> object:
    """Return the checksum of footage; None if it has none or cannot be had, which counts as new each time."""
    from gctr.datasets import load

    registered = _registered(dataset)
    if registered is not None:
        return registered
    try:
        return load(dataset).sha256
    except (ValueError, OSError):
        return None


def _registered(name: str) -> list[str] | None:
    """Return the checksums that the registry expects of a set's files; None if it does not know the name."""
    from gctr.datasets.registry import load_registry

    entry = {**load_registry().datasets, **load_registry().models}.get(name)
    return [file.checksum for file in entry.files] if entry else None


# --- records ---------------------------------------------------------------------------------------------------


def record_path(executed: Path) -> Path:
    """Return where the record of a run stands: beside its executed copy."""
    return executed.with_suffix(".json")


def note_run(executed: Path, now: Fingerprint, saved: Mapping[str, str]) -> None:
    """Note that a run with this fingerprint came to its end and saved these files (SHA-256 by name)."""
    text = json.dumps({"inputs": now, "saved": saved}, indent=1, sort_keys=True)
    write_result(record_path(executed), text.encode())


def why_stale(executed: Path, now: Fingerprint, results: Path) -> str:
    """Return why a notebook has to run again, in words; "" if its results are up to date."""
    try:
        record = json.loads(record_path(executed).read_text("utf-8"))
        inputs, saved = record["inputs"], record["saved"]
    except (OSError, ValueError, KeyError):
        return "not run here yet"
    if None in now["data"].values():
        return "its footage has no checksum"
    changes = [*_changes(inputs, now), *_lost(saved, results)]
    if not executed.is_file():
        changes.append("the executed copy is gone")
    more = [f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []
    return ", ".join(changes[:_SHOWN] + more)


def _changes(old: Fingerprint, new: Fingerprint) -> Iterator[str]:
    for kind, values in new.items():
        known = old.get(kind, {})
        for name in sorted(known.keys() | values.keys()):
            was, now = (json.dumps(found.get(name), sort_keys=True) for found in (known, values))
            if was != now:
                yield f"{name} {was} → {now}" if kind in ("parameters", "versions") else f"{name} changed"


def _lost(saved: Mapping[str, str], results: Path) -> Iterator[str]:
    for name, sha256 in saved.items():
        file = results / name
        if not file.is_file():
            yield f"{name} is gone"
        elif file_sha256(file) != sha256:
            yield f"{name} was changed"
