"""A policy's network under plain names: the one place that says which tensors a kind of policy consists of.

Files with policies and everything that reads them go through here. A new kind of policy therefore needs its tensors
in `named_views` and, if what its outputs mean is new, a name in `distribution_name`.
"""

from __future__ import annotations

from torch import Tensor

from pgbench.environments import Discrete
from pgbench.networks.definition import PerceptronDefinition
from pgbench.networks.distributions import Policy


def named_views(network: PerceptronDefinition, policy: Policy, row: Tensor) -> dict[str, Tensor]:
    """The parameters of one replica's policy, which share their memory with its row.

    Args:
        network: of the policy; further outputs of its last layer, such as a value, are left out.
        policy: what the outputs are for.
        row: `[P]`.

    Returns:
        `layer1.weight` `[outputs, inputs]` and `layer1.bias` `[outputs]`, as `torch.nn.Linear` has them, and so on
        up to the last layer; then `log_std` `[A]`, if the policy has free parameters.
    """
    *views, free = (view[0] for view in network.views(row.unsqueeze(0)))
    units = [*network.sizes[1:-1], policy.outputs]
    named = {}
    for number, (weight, bias, used) in enumerate(zip(views[::2], views[1::2], units, strict=True), start=1):
        named[f"layer{number}.weight"] = weight[:, :used].T
        named[f"layer{number}.bias"] = bias[0, :used]
    return named | ({"log_std": free[0]} if policy.free else {})


def distribution_name(policy: Policy) -> str:
    """What the outputs of the last layer are.

    Returns:
        `categorical`: the logits of the actions. `gaussian`: the mean of each component, whose log standard
        deviation is `log_std`. `gaussian with log_std`: the means of all components, then their log standard
        deviations.
    """
    if isinstance(policy.actions, Discrete):
        return "categorical"
    return "gaussian with log_std" if policy.depends_on_state else "gaussian"
