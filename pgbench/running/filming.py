"""Films of trained policies, on machines with and without a screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray
from PIL import Image

from pgbench.base.refusals import Breakdown, Refusal
from pgbench.environments.gymnasium_ids import specification
from pgbench.running.trained_policy import TrainedPolicy

Frame = NDArray[np.uint8]
"""A picture `[height, width, 3]`."""

RENDERER = "MUJOCO_GL"
"""The variable that tells MuJoCo and Gymnasium by what to draw."""
HEADLESS = ("egl", "osmesa")
"""What can draw without a screen; the first is the faster one."""
GIF_RATE = 25
"""The most frames of a GIF in a second; viewers slow faster ones down."""
EXTRA = ".venv/bin/pip install --constraint constraints.txt --editable '.[film]'"
"""Installs what draws classic control, and ffmpeg."""


@dataclass
class Filmed:
    """An episode that is being filmed: its return and its length so far."""

    episodic_return: float = 0.0
    episodic_length: int = 0


def film(
    policy: TrainedPolicy,
    path: Path,
    start: int = 0,
    steps: int = 1000,
    generator: np.random.Generator | None = None,
) -> tuple[Path, Filmed]:
    """Play an episode, under the time limit of training, and write a film of it.

    Args:
        policy: what acts.
        path: an `.mp4`, or any other kind that ffmpeg knows by its ending, or a `.gif`.
        start: the seed of the environment, which decides how the episode begins.
        steps: the most steps.
        generator: draws the actions; None: mean actions.

    Returns:
        The file that was written, a GIF beside the path if there is no ffmpeg; and what it shows.

    Raises:
        Refusal: if the environment cannot be drawn, or what draws it is not installed.
        Breakdown: if this machine can draw nothing, or ffmpeg fails.
    """
    filmed = Filmed()
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_drawn(policy.environment, policy.time_limit)) as environment:
        rate = int(environment.metadata.get("render_fps") or GIF_RATE)
        frames = _frames(environment, policy, filmed, start, steps, generator)
        frames = chain([_first(policy.environment, frames)], frames)
        program = None if path.suffix == ".gif" else ffmpeg()
        if program is None:
            path = path.with_suffix(".gif")
            _write_gif(path, frames, rate)
        else:
            _write_film(program, path, frames, rate)
    return path, filmed


def ffmpeg() -> str | None:
    """The program ffmpeg, from the search path or from imageio-ffmpeg, which brings one; None if there is none."""
    program = shutil.which("ffmpeg")
    if program is None and find_spec("imageio_ffmpeg") is not None:
        with suppress(RuntimeError):
            program = str(import_module("imageio_ffmpeg").get_ffmpeg_exe())
    return program


def _drawn(environment: str, time_limit: int | None) -> gymnasium.Env[Any, Any]:
    """An environment that draws into memory, and cuts episodes after so many steps if a limit is given."""
    specification(environment)  # imports the module of an id that names one
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame then needs no screen
    try:
        made = gymnasium.make(
            environment,
            max_episode_steps=time_limit,
            disable_env_checker=True,
            render_mode="rgb_array",
        )
    except Exception as error:  # an environment may refuse the mode in its own way
        raise Refusal(
            f"{environment} cannot be drawn into memory (render_mode='rgb_array'): {error}"
        ) from error
    if made.render_mode != "rgb_array":
        made.close()
        modes = made.metadata.get("render_modes")
        raise Refusal(
            f"{environment} cannot be drawn into memory: of its render modes {modes} none is 'rgb_array'"
        )
    if any(kind.__module__.startswith("gymnasium.envs.mujoco") for kind in type(made.unwrapped).__mro__):
        os.environ[RENDERER] = os.environ.get(RENDERER) or _renderer()  # it is read at the first picture
    return made


def _renderer() -> str:
    """The first way of drawing without a screen that works here; it is tried in a process of its own.

    Raises:
        Breakdown: if none works.
    """
    program = "import mujoco; context = mujoco.GLContext(64, 64); context.make_current(); context.free()"
    for name in HEADLESS:
        tried = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, RENDERER: name},
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return name
    raise Breakdown(
        "MuJoCo can draw nothing on this machine: neither EGL nor OSMesa works; install one of them (on Debian the "
        f"packages libegl1 and libosmesa6), or, on a machine with a screen, set {RENDERER}=glfw"
    )


def _frames(
    environment: gymnasium.Env[Any, Any],
    policy: TrainedPolicy,
    filmed: Filmed,
    start: int,
    steps: int,
    generator: np.random.Generator | None,
) -> Iterator[Frame]:
    """The picture before each step, and the last one; the episode is played meanwhile."""
    observation, _ = environment.reset(seed=start)
    yield _picture(environment)
    ended = False
    while not ended and filmed.episodic_length < steps:
        observation, reward, terminated, truncated, _ = environment.step(policy(observation, generator))
        filmed.episodic_return += float(reward)
        filmed.episodic_length += 1
        ended = terminated or truncated
        yield _picture(environment)


def _first(environment: str, frames: Iterator[Frame]) -> Frame:
    """The first picture; whatever draws fails at this one, if it does."""
    try:
        return next(frames)
    except Refusal:
        raise
    except DependencyNotInstalled as error:
        raise Refusal(
            f"{environment} is drawn by a package that is not installed ({error}); try {EXTRA}"
        ) from error
    except Exception as error:
        raise Breakdown(f"{environment} could not be drawn on this machine: {error}") from error


def _picture(environment: gymnasium.Env[Any, Any]) -> Frame:
    """What the environment draws; sides are even, as codecs want them."""
    picture = np.asarray(environment.render(), dtype=np.uint8)
    height, width = (side - side % 2 for side in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width, :3])


def _write_gif(path: Path, frames: Iterator[Frame], rate: int) -> None:
    """Of fast films only every so many frames, at half their size, because a GIF is large."""
    stride = -(-rate // GIF_RATE)
    kept = (Image.fromarray(frame).reduce(2) for number, frame in enumerate(frames) if number % stride == 0)
    first = next(kept)
    first.save(path, save_all=True, append_images=kept, duration=1000 * stride / rate, loop=0)


def _write_film(program: str, path: Path, frames: Iterator[Frame], rate: int) -> None:
    first = next(frames)
    height, width, _ = first.shape
    command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pixel_format", "rgb24"]
    command += ["-video_size", f"{width}x{height}", "-framerate", str(rate), "-i", "-"]
    command += ["-pix_fmt", "yuv420p", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            for frame in chain([first], frames):
                process.stdin.write(frame.tobytes())
        _, errors = process.communicate()
    if process.returncode:
        raise Breakdown(f"{path}: ffmpeg could not write it: {errors.decode(errors='replace').strip()}")
