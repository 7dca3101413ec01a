"""`evaluate` plays the evaluations of training again, and `watch` shows what a policy does."""

import os
import subprocess
import sys

import gymnasium
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.places import CHECKOUT
from helpers.trainings import small
from helpers.worlds import Counting
from pgbench import __main__ as command_line
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.methods import runs
from pgbench.running import evaluating, filming
from pgbench.running.block import train_block
from pgbench.running.trained_policy import TrainedPolicy
from pgbench.storage import blocks

SMALL = {"networks.hidden": (16,)}


class Drawn(Counting):
    """Counts, and draws the time as a shade of grey."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 (Gymnasium has it so)

    def __init__(self, length, render_mode=None):
        super().__init__(length)
        self.render_mode = render_mode

    def render(self):
        return np.full((21, 31, 3), 10 * self.time, dtype=np.uint8)


for name, entry in (("Drawn-v0", Drawn), ("Undrawn-v0", Counting)):
    if name not in gymnasium.registry:
        gymnasium.register(name, entry, kwargs={"length": 9}, max_episode_steps=100)


def block_of(directory, environment, evaluation=None, name="ppo", **changes):
    algorithm = small(name, **SMALL, **changes)
    run = runs.Run(algorithm=algorithm, environment=environment, steps=300, evaluation=evaluation)
    train_block(run, [0, 1, 2], directory)
    return directory


def last_evaluation(directory, seeds=(0, 1, 2)):
    table = blocks.read_block(directory).evaluations
    table = table[table.seed.isin(seeds)]
    return table[table.step == table.groupby("seed").step.transform("max")].reset_index(drop=True)


@pytest.mark.parametrize(
    ("environment", "actions"), [("Hopper-v5", "mean"), ("Hopper-v5", "sampled"), ("CartPole-v1", "mean")]
)
def test_the_last_evaluation_is_played_again(tmp_path, environment, actions):
    asked = runs.Evaluation(episodes=3, times=2, actions=actions)
    block = block_of(tmp_path, environment, asked)
    pd.testing.assert_frame_equal(
        evaluating.play_block(block, None, None, None), last_evaluation(block), check_exact=True
    )
    pd.testing.assert_frame_equal(
        evaluating.play_block(block, [1], None, None), last_evaluation(block, [1]), check_exact=True
    )


def test_other_numbers_of_episodes_begin_with_the_same(tmp_path):
    block = block_of(
        tmp_path, "Pendulum-v1", runs.Evaluation(episodes=2), "average_baseline", **{"data.episodes": 2}
    )
    more = evaluating.play_block(block, [2], 4, None)
    assert len(more) == 4
    expected = last_evaluation(block, [2])
    assert more.episodic_return[:2].tolist() == expected.episodic_return.tolist()
    assert set(evaluating.play_block(block, [2], 2, True).episodic_return) != set(expected.episodic_return)


@pytest.fixture(scope="module")
def block(tmp_path_factory):
    return block_of(tmp_path_factory.mktemp("drawn"), "Drawn-v0", name="ppo_clip")


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["pgbench", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    return int(stop.value.code or 0)


def test_the_verb_prints_a_row_a_seed_and_writes_every_episode(block, monkeypatch, capsys, tmp_path):
    assert (
        call(monkeypatch, "evaluate", block, "--episodes", 2, "--into", tmp_path / "new" / "played.csv") == 0
    )
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed[2] == ["0", "2", "45.00", "0.00", "9.0"]
    assert printed[-1] == ["over", "seeds", "3", "45.00", "0.00", "9.0"]
    played = pd.read_csv(tmp_path / "new" / "played.csv")
    assert played.seed.tolist() == [0, 0, 1, 1, 2, 2]
    assert call(monkeypatch, "evaluate", block, "--seed", 7) == 2
    assert "there is no seed 7; there are policies of the seeds 0, 1, 2" in capsys.readouterr().err
    assert call(monkeypatch, "evaluate", tmp_path) == 2
    assert "was never finished" in capsys.readouterr().err


# Films


def frames_of(path):
    with Image.open(path) as film:
        for number in range(film.n_frames):
            film.seek(number)
            yield film.size, film.convert("L").getpixel((0, 0)), film.info["duration"]


def test_a_gif_shows_the_episode(block, monkeypatch, capsys, tmp_path):
    """At most 25 frames a second: of 50, every other one, of the ten before and after the nine steps."""
    assert call(monkeypatch, "watch", block, "--seed", 1, "--into", tmp_path / "film.gif") == 0
    assert "9 steps, return 45.0" in capsys.readouterr().out
    found = list(frames_of(tmp_path / "film.gif"))
    assert [shade for _, shade, _ in found] == pytest.approx([0, 20, 40, 60, 80], abs=3)
    assert {(size, duration) for size, _, duration in found} == {((15, 10), 40)}


def test_a_film_ends_where_training_cut_the_episodes(monkeypatch, capsys, tmp_path):
    shorter = block_of(tmp_path, "Drawn-v0", name="ppo_clip", **{"details.time_limit": 4})
    assert call(monkeypatch, "watch", shorter, "--into", tmp_path / "film.gif") == 0
    assert "4 steps, return 10.0" in capsys.readouterr().out


def test_a_film_is_handed_to_ffmpeg(block, monkeypatch, tmp_path):
    program = tmp_path / "ffmpeg"
    said = tmp_path / "said"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {said}\nfor last; do true; done\ncat > "$last"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert call(monkeypatch, "watch", block, "--into", tmp_path / "film.mp4", "--steps", 4) == 0
    assert "-video_size 30x20 -framerate 50" in said.read_text(encoding="utf-8")
    raw = np.frombuffer((tmp_path / "film.mp4").read_bytes(), dtype=np.uint8)
    assert raw.reshape(5, 20, 30, 3)[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    program.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n", encoding="utf-8")
    assert call(monkeypatch, "watch", block, "--into", tmp_path / "film.mp4") == 1


def test_without_ffmpeg_a_gif_is_written_and_it_is_said(block, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(filming, "ffmpeg", lambda: None)
    assert call(monkeypatch, "watch", block, "--into", tmp_path / "film.mp4") == 0
    assert f"film.gif, because there is no ffmpeg here: {filming.EXTRA}" in capsys.readouterr().err
    assert (tmp_path / "film.gif").exists()


def policy_of(directory, environment):
    block = block_of(directory, environment, name="ppo_clip")
    record = blocks.read_block(block).record
    return TrainedPolicy(record.run, blocks.policies_of(block, record), 0)


def test_what_cannot_be_drawn_is_refused_with_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(Refusal, match="Undrawn-v0 cannot be drawn into memory"):
        filming.film(policy_of(tmp_path / "undrawn", "Undrawn-v0"), tmp_path / "film.gif")
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(
        Refusal, match=r"drawn by a package that is not installed \(.*pygame.*\); try .*pip install"
    ):
        filming.film(policy_of(tmp_path / "cart", "CartPole-v1"), tmp_path / "film.gif")


def test_the_page_says_what_to_install():
    assert f"{filming.EXTRA}\n" in (CHECKOUT / "docs" / "python.md").read_text(encoding="utf-8")


def test_a_machine_that_can_draw_nothing_says_so(monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(filming.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(Breakdown, match="neither EGL nor OSMesa works; install one of them"):
        filming._renderer()


def test_the_first_renderer_that_works_is_taken(monkeypatch):
    def run(command, env, **_):
        return subprocess.CompletedProcess(command, env["MUJOCO_GL"] != "osmesa")

    monkeypatch.setattr(filming.subprocess, "run", run)
    assert filming._renderer() == "osmesa"
