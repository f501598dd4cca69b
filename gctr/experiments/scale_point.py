"""One clip at one parameter point: what a sweep runs many times, on whichever machine has time.

A clip goes through a whole camera: background registered, objects found and followed, faces masked and sealed,
segments coded and encrypted. Every message is opened again and its bytes counted by kind, then dropped: frames stream,
so memory does not grow with the clip. Footage is read where the work is done, and only the row travels.

Rows are the same on every machine with the same versions, except for the columns in `TIMING`. Limits: the mask
``scramble`` has a new key each time, so the bytes of its video vary; processor time and memory are of the whole
process, which should do one thing at a time.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from gctr.datasets import Clip, Truth, load
from gctr.experiments.scale_bench import Bench, peak_memory
from gctr.parties.camera import Camera, CameraSettings, Sent
from gctr.parties.keyfile import new_key
from gctr.vision.background import register_plate

FOOTAGE: dict[str, type] = {"frames": int, "loops": int, "scene": str, "seed": int}
"""Parameters of the footage, and their types: its first frames only; these so many times over, as if it were longer,
without truth; scene and seed of ``synthetic``."""
CAMERA: dict[str, type] = {f.name: type(f.default) for f in fields(CameraSettings) if f.name != "camera"}
"""Parameters of the camera, and their types: the fields of `CameraSettings`."""


class Job(NamedTuple):
    """One clip at one point.

    `clip` is what the user calls it, `source` what `gctr.datasets.load` takes; `judge` asks to count exposed faces
    where the clip has truth.
    """

    clip: str
    source: str
    parameters: dict[str, Any]
    judge: bool = False


def read_value(name: str, text: str) -> object:
    """Return a parameter's value out of text, in the parameter's type.

    Raises
    ------
    ValueError
        If there is no such parameter, or the text is no value of it.
    """
    known = FOOTAGE | CAMERA
    if name not in known:
        raise ValueError(f"unknown parameter {name!r}; known are {', '.join(known)}")
    try:
        return known[name](text)
    except ValueError:
        raise ValueError(
            f"parameter {name} takes a value of type {known[name].__name__}, not {text!r}"
        ) from None


def settings_of(parameters: Mapping[str, object]) -> CameraSettings:
    """Return the camera's settings at a parameter point; the footage's parameters are left out.

    Raises
    ------
    ValueError
        If there is no such parameter, or it cannot have this value.
    """
    if unknown := sorted(set(parameters) - set(FOOTAGE) - set(CAMERA)):
        raise ValueError(
            f"unknown parameter {', '.join(unknown)}; known are {', '.join([*FOOTAGE, *CAMERA])}"
        )
    try:
        chosen = {name: value for name, value in parameters.items() if name in CAMERA}
        return msgspec.convert(chosen, CameraSettings)
    except msgspec.ValidationError as error:
        raise ValueError(f"a parameter cannot have this value: {error}") from None


def open_clip(source: str, parameters: Mapping[str, Any]) -> Clip:
    """Return the footage at a parameter point; the camera's parameters are left out."""
    options = dict(footage_of(parameters))
    frames, loops = options.pop("frames", None), options.pop("loops", 1)
    clip = load(source, **options)
    clip = clip.head(frames) if frames is not None else clip
    return clip if loops == 1 else _looped(clip, loops)


def _looped(clip: Clip, loops: int) -> Clip:
    if loops < 1 or clip.n_frames is None:
        raise ValueError(f"a clip of known length can be played once or more, not {loops} times")
    seconds = clip.n_frames / clip.fps

    def play() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        return ((k * seconds + t, frame) for k in range(loops) for t, frame in clip.timed())

    return replace(clip, n_frames=clip.n_frames * loops, open_timed=play, truth=Truth(), sha256=None)


def protect_point(job: Job, on_sent: Callable[[Sent], None] = lambda sent: None) -> dict[str, Any]:
    """Run a clip through a camera at a parameter point; return what it sent and what that took.

    Parameters
    ----------
    job : Job
    on_sent : callable
        Told of every segment.

    Returns
    -------
    dict
        `MEASURED`: frames, seconds of film, segments, bytes in all and by kind, mean share of the frame that is sent,
        boxes masked over all frames; where the job asks and the truth is known, faces that somebody could recognise
        and how many of them were exposed. `TIMING`: frames a second and processor seconds of the camera, without
        reading; seconds of reading; most memory that the process held, in MB. `note`: what the source warned of.

    Raises
    ------
    ValueError
        If the clip or a parameter is not what it should be.
    """
    settings, clip = settings_of(job.parameters), open_clip(job.source, job.parameters)
    _warm_up(clip.resolution_wh)
    bench = Bench(clip, judge=job.judge)
    with peak_memory() as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        camera = Camera(bench.key, new_key("unmask"), settings)
        bench.put(camera.register([_plate(job.source, _played_once(job.parameters))]))
        with bench.clock("all"):
            for sent in camera.run(bench.timed(), bench, inspect=bench.look):
                bench.segments += 1
                on_sent(sent)
    note = "; ".join(dict.fromkeys(str(warning.message) for warning in caught))
    return bench.row() | {"peak_mb": peak[0] / 1e6, "note": note}


@lru_cache(maxsize=8)
def _warm_up(resolution_wh: tuple[int, int]) -> None:
    """Let kernels be loaded or compiled, once, before a job of this process is timed."""
    width, height = resolution_wh
    noise = np.random.default_rng(0).integers(0, 255, (3, height, width, 3), np.uint8)
    bench = Bench(Clip.from_array("noise", noise, 25))
    camera = Camera(bench.key, new_key("unmask"))
    bench.put(camera.register(noise[:1]))
    list(camera.run(bench.timed(), bench))


def forget() -> None:
    """Forget what jobs share, so that the next ones are timed like the first."""
    _plate.cache_clear()


@lru_cache(maxsize=4)  # a clip's points share its plate
def _plate(source: str, footage: tuple[tuple[str, Any], ...]) -> NDArray[np.uint8]:
    return register_plate(open_clip(source, dict(footage)))


def footage_of(parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the footage's parameters, name and value each."""
    return tuple((name, value) for name, value in parameters.items() if name in FOOTAGE)


def _played_once(parameters: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(pair for pair in footage_of(parameters) if pair[0] != "loops")
