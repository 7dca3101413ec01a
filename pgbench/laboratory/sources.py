"""Sources of the statements that the laboratory checks: keys of `workflows/references/papers.bib`, and places."""

from __future__ import annotations

from pgbench.studies.claims import Source

NOTE = Source(paper="note", where="the derivations")
WILLIAMS = Source(paper="williams1992reinforce", where="REINFORCE and its baseline")
SUTTON = Source(paper="sutton2000policy", where="the policy gradient theorem")
GREENSMITH = Source(paper="greensmith2004variance", where="optimal baselines")
PETERS = Source(paper="peters2008motor", where="optimal baselines of each parameter")
PRECUP = Source(paper="precup2000eligibility", where="importance sampling and its per-decision form")
KAKADE = Source(paper="kakade2001natural", where="the natural gradient")
KAKADE_LANGFORD = Source(paper="kakade2002approximately", where="conservative policy iteration")
GAE_PAPER = Source(paper="schulman2016gae", where="bias and variance of the estimator")
TRPO = Source(paper="schulman2015trpo", where="the trust region and its step")
TRPO_BOUND = Source(paper="schulman2015trpo", where="theorem 1")
CPO = Source(paper="achiam2017cpo", where="corollary 1")
PPO = Source(paper="schulman2017ppo", where="sections 3 and 4")
ENGSTROM = Source(paper="engstrom2020implementation", where="the trust region of PPO")
XIE = Source(paper="xie2019marginalized", where="the ratio of the distributions of states at each step")
LIU = Source(paper="liu2018horizon", where="importance sampling of the distributions of states")
SINGH = Source(paper="singh1998analytical", where="bias and variance of estimated values")
PETERS_SCHAAL = Source(paper="peters2007reward", where="regression weighted by exponential rewards")
TSITSIKLIS = Source(paper="tsitsiklis1997analysis", where="the limit of TD(λ) with linear functions")
KOOL = Source(paper="kool2019buy", where="other samples as a baseline")
CIOSEK = Source(paper="ciosek2018expected", where="the sum over actions")
