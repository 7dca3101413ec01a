"""Sources of the statements that the laboratory checks: keys of `workflows/references/papers.bib`, and places.

Where a place is given in words instead of a number, the source was not at hand; see docs/sources.md.
"""

from __future__ import annotations

from pgbench.studies.claims import Source

NOTE = Source(paper="note", where="the derivations")
OURS = Source(paper="pgbench", where="no publication is known")
WILLIAMS = Source(paper="williams1992reinforce", where="theorem 1")
SUTTON = Source(paper="sutton2000policy", where="theorem 1")
NOTA = Source(paper="nota2020gradient", where="abstract")
WEAVER = Source(paper="weaver2001optimal", where="the whole paper")
GREENSMITH = Source(paper="greensmith2004variance", where="optimal baselines")
GREENSMITH_STATE = Source(paper="greensmith2004variance", where="abstract; the optimal baseline of a state")
PETERS = Source(paper="peters2008motor", where="episodic REINFORCE with optimal baseline")
PETERS_TO_GO = Source(paper="peters2008motor", where="likelihood ratio methods")
PRECUP = Source(paper="precup2000eligibility", where="importance sampling and its per-decision form")
KAKADE = Source(paper="kakade2001natural", where="section 2")
KAKADE_LANGFORD = Source(paper="kakade2002approximately", where="theorem 4.1")
GAE_PAPER = Source(paper="schulman2016gae", where="section 3")
TRPO = Source(paper="schulman2015trpo", where="appendix C")
TRPO_SURROGATE = Source(paper="schulman2015trpo", where="section 2, equation 4")
TRPO_BOUND = Source(paper="schulman2015trpo", where="theorem 1")
CPO = Source(paper="achiam2017cpo", where="corollary 1")
CPO_STATES = Source(paper="achiam2017cpo", where="lemma 3 of the supplement")
PPO = Source(paper="schulman2017ppo", where="sections 3 and 4")
ENGSTROM = Source(paper="engstrom2020implementation", where="section 4, Figure 2")
ILYAS = Source(paper="ilyas2020closer", where="section 2.3")
IMANI = Source(paper="imani2018offpolicy", where="abstract")
XIE = Source(paper="xie2019marginalized", where="the ratio of the distributions of states at each step")
LIU = Source(paper="liu2018horizon", where="importance sampling of the distributions of states")
SINGH = Source(paper="singh1998analytical", where="bias and variance of estimated values")
PETERS_SCHAAL = Source(paper="peters2007reward", where="regression weighted by exponential rewards")
TSITSIKLIS = Source(paper="tsitsiklis1997analysis", where="the limit of TD(λ) with linear functions")
KOOL = Source(paper="kool2019buy", where="other samples as a baseline")
CIOSEK = Source(paper="ciosek2018expected", where="the sum over actions")
