"""What the laboratory can measure: names, questions and sources."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, NonNegativeInt, PositiveInt

from pgbench.base.refusals import Refusal, nearest
from pgbench.base.specification import Specification


class Size(Specification):
    """How much a measurement samples.

    Attributes:
        batches: independent batches on which an estimator is measured.
        points: points of a grid, such as horizons or step lengths.
        worlds: random worlds or policies on which a statement is checked.
    """

    batches: PositiveInt
    points: PositiveInt
    worlds: PositiveInt


SIZES = {
    "smoke": Size(batches=200, points=5, worlds=3),
    "quick": Size(batches=400, points=7, worlds=5),
    "standard": Size(batches=4000, points=13, worlds=30),
    "paper": Size(batches=40000, points=25, worlds=100),
}
"""Preset → size."""


class Measurement(Specification):
    """One entry of the catalogue; the module of its name in `pgbench.laboratory.measurements` performs it.

    Attributes:
        name: on the command line and in the configuration.
        random_stream: the number of the random stream from which the measurement draws. Every measurement has a
            different number. A number never changes, because another number gives other results.
        title: what is measured, in a few words.
        question: as one sentence.
        source: where the statements come from.
        caption: what the figure shows.
    """

    name: str
    random_stream: NonNegativeInt
    title: str
    question: str
    source: str
    caption: str


CATALOGUE: dict[str, Measurement] = {
    "variance": Measurement(
        name="variance",
        random_stream=0,
        title="Returns and baselines",
        question="Which returns and baselines leave the policy gradient unbiased, and how much "
        "variance does each of them save?",
        source="Williams 1992; Sutton et al. 2000; Greensmith et al. 2004; the study note",
        caption="Left: variance of the gradient of one batch, relative to the squared length of the "
        "exact gradient, against the number of episodes in a batch. Right: how much longer or shorter "
        "than the exact gradient the mean is along it; 0 is unbiased.",
    ),
    "offset": Measurement(
        name="offset",
        random_stream=1,
        title="A constant added to every reward",
        question="How does a constant added to every reward change the variance, and which baseline "
        "removes the change?",
        source="Greensmith et al. 2004; the study note, “only relative rewards matter”",
        caption="Variance of the gradient of one batch of four episodes, against the constant that is "
        "added to every reward. Left: all episodes have the same length, and the constant does not "
        "change the exact gradient. Right: the policy decides the length of an episode, and the "
        "constant changes the objective, too.",
    ),
    "frontier": Measurement(
        name="frontier",
        random_stream=2,
        title="The bias–variance frontier of n-step returns and GAE",
        question="How do n, λ and γ trade bias for variance, with a critic that is exact, wrong or trained?",
        source="Schulman et al. 2016 (GAE), sections 3 and 6; Kearns and Singh 2000; the study note",
        caption="Each point is an estimator: the length of its bias against its standard deviation "
        "over one episode, both relative to the length of the exact undiscounted gradient. A line is a "
        "family of estimators, from the shortest look-ahead (large marker) to the longest.",
    ),
    "importance": Measurement(
        name="importance",
        random_stream=3,
        title="Importance weights along trajectories",
        question="How good are the weights of trajectories, decisions and single actions as the "
        "horizon and the distance of the policies grow?",
        source="Precup et al. 2000; Kong 1992; the study note",
        caption="Above: against the horizon. Below: against the mean KL divergence between the "
        "policies. Left: the effective share of a sample, exact (lines) and sampled (crosses). Middle: "
        "variance of the gradient of one episode. Right: length of its bias, in closed form; unbiased "
        "weights are below the scale. Variance and bias are relative to the exact gradient. If the "
        "weights have heavy tails, a sample rarely contains the largest weights: the sampled share and "
        "its interval are then too high.",
    ),
    "surrogate": Measurement(
        name="surrogate",
        random_stream=4,
        title="Dropping the ratio of the state distributions",
        question="Why may the ratio of the state distributions be dropped, and how fast does the error "
        "grow with the distance of the policies?",
        source="Kakade and Langford 2002; Schulman et al. 2015 (TRPO), theorem 1; Achiam et al. "
        "2017 (CPO), corollary 1",
        caption="The old policy changes in three directions; the horizontal axis is the largest total "
        "variation between the policies. Left: error of the surrogate’s value, with the bounds of the "
        "policy improvement theorems. Middle: distance between the distributions of states. Right: "
        "error of the surrogate’s gradient, relative to the exact gradient.",
    ),
    "divergence": Measurement(
        name="divergence",
        random_stream=5,
        title="The KL divergence and the Fisher matrix",
        question="Is the KL divergence quadratic near the old policy, with the Fisher matrix as its Hessian?",
        source="Kakade 2002; Schulman et al. 2015 (TRPO), appendix C; the study note",
        caption="Left: mean KL divergence in both directions and its quadratic model, along random "
        "directions of a step. Right: the relative error of the model, which is of first order in the "
        "length of the step.",
    ),
    "trust_region": Measurement(
        name="trust_region",
        random_stream=6,
        title="Natural-gradient and trust-region steps",
        question="How close are the natural step and the step with a line search to the exact "
        "constrained maximiser, and up to which δ does each improve the policy?",
        source="Kakade 2002; Schulman et al. 2015 (TRPO)",
        caption="Means over random worlds with exact advantages, against δ. Left: the gain of the "
        "surrogate, relative to the gain of the exact maximiser under the same δ. Middle: the mean KL "
        "divergence of the step, relative to δ. Right: the gain of J, relative to the gain of the best "
        "policy.",
    ),
    "landscape": Measurement(
        name="landscape",
        random_stream=7,
        title="Clipped and penalised surrogates along the update",
        question="How do the clip and the KL penalty change the objective, and where does each of them "
        "stop the update?",
        source="Schulman et al. 2017 (PPO), sections 3 and 4, figure 2; the study note",
        caption="Means over random worlds. Left: each surrogate and the true objective on a line from "
        "the old policy, 0, through the end of an update with the clipped surrogate, 1, and as far "
        "beyond it; large markers are maxima. Middle and right: divergence and gain of J while each "
        "surrogate is maximised on one batch with poor estimates of the advantages.",
    ),
    "off_policy": Measurement(
        name="off_policy",
        random_stream=8,
        title="Fixed points of the off-policy actor-critic",
        question="To which values does each off-policy critic converge, and which gradient does its "
        "actor follow?",
        source="the study note, off-policy actor-critic; Degris et al. 2012",
        caption="Expectations without sampling, against the tilt: the difference between the "
        "probabilities of the present policy and those of the buffer’s policy. Left and middle: "
        "distance of each critic’s fixed point from the values of the present policy and of the "
        "buffer’s policy. Right: error of each actor’s expected gradient, relative to the exact "
        "gradient on the buffer’s states.",
    ),
    "critic_targets": Measurement(
        name="critic_targets",
        random_stream=9,
        title="What a critic learns from",
        question="How biased and how noisy is a critic that learns from returns, from n steps, or from λ-returns?",
        source="Singh and Dayan 1998; Tsitsiklis and Van Roy 1997; the study note",
        caption="A table of values that begins at 0 and learns from one episode at a time, with each target. Left: "
        "squared bias, exact. Middle: variance over tables that saw other episodes. Right: their sum, the squared "
        "error. All are means over the visits of the policy, relative to the spread of the exact V.",
    ),
    "cloning": Measurement(
        name="cloning",
        random_stream=10,
        title="Cloning a demonstrator",
        question="How good is a policy that imitates a poor, a middling or a perfect demonstrator, and what do "
        "weights that grow with the return add?",
        source="Peters and Schaal 2007; the study note, “data must be neither too good nor too bad”",
        caption="Returns of clones of three demonstrators, between those of the worst and the best "
        "policy. Left: clones from all possible demonstrations, against the temperature β of the "
        "weights; the lines of equal weights are the demonstrators themselves. Right: clones from "
        "samples, against the number of demonstrations.",
    ),
    "action_baselines": Measurement(
        name="action_baselines",
        random_stream=11,
        title="The price of no baseline off policy",
        question="How much variance does the off-policy actor pay for, if nothing is subtracted from Q?",
        source="the study note, off-policy actor-critic; Kool et al. 2019; Ciosek and Whiteson 2018",
        caption="Variance of the actor’s gradient from one transition of the buffer, relative to the "
        "squared length of the exact gradient, against a constant that is added to every reward. The "
        "critic is exact, and nothing is sampled.",
    ),
    "discounting": Measurement(
        name="discounting",
        random_stream=12,
        title="What the discount in use follows",
        question="Is the direction that implementations follow, without γ^t before an action, a gradient?",
        source="Sutton et al. 2000; Nota and Thomas 2020",
        caption="Plain ascent along both directions, in a world of six states whose policy cannot tell them apart. "
        "Left: the discounted objective. Right: the undiscounted one. 0 is the worst policy and 1 the best.",
    ),
}
"""Name → measurement, in the order of the page. The order changes no number: `random_stream` is the seed."""


def check_measurement(name: str) -> str:
    """The name, if there is such a measurement.

    Raises:
        Refusal: if there is none, with the nearest name.
    """
    if name not in CATALOGUE:
        raise Refusal(f"there is no measurement '{name}'; {nearest(name, CATALOGUE)}")
    return name


def check_size(preset: str) -> None:
    """Refuse a preset that has no size.

    Raises:
        Refusal: with the nearest name.
    """
    if preset not in SIZES:
        raise Refusal(f"there is no preset '{preset}' of the laboratory; {nearest(preset, SIZES)}")


MeasurementName = Annotated[str, AfterValidator(check_measurement)]
"""A key of `CATALOGUE`."""
