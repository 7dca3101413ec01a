"""Following names in small packages that are written out here."""

import pytest

from pgbench.storage.code.package import Package
from pgbench.storage.code.reach import Job, Model, Reach, digest


def reach(sources, *entries, models=None, names=()):
    known = None if models is None else frozenset(Model(name, tuple(values)) for name, values in models)
    return Reach(
        Package({"p": "", **sources}), [f"p.{entry}" for entry in entries], Job(known, frozenset(names))
    )


def names(sources, *entries, **job):
    return [name.removeprefix("p.") for name in reach(sources, *entries, **job).names]


def same(one, other, **job):
    """Whether two texts of module `p.a`, or two packages, give `f` one digest."""
    packages = [text if isinstance(text, dict) else {"p.a": text} for text in (one, other)]
    first, second = (reach(package, "a.f", **job).digest() for package in packages)
    return first == second


HELPER = {"p.b": "def g(): return 1\ndef h(): return 2\nLIMIT = 3"}


@pytest.mark.parametrize(
    "text",
    [
        "from p import b\ndef f(): return b.g()",
        "from p.b import g\ndef f(): return g()",
        "from p.b import g as other\ndef f(): return other()",
        "import p.b\ndef f(): return p.b.g()",
        "import p.b as c\ndef f(): return c.g()",
        "from . import b\ndef f(): return b.g()",
        "from .b import g\ndef f(): return g()",
        "def f():\n    from p.b import g\n    return g()",
        "from p.b import *\ndef f(): return g()",
    ],
)
def test_a_reference_is_one_text_however_it_was_imported(text):
    assert names({"p.a": text, **HELPER}, "a.f") == ["a.f", "b.g"]
    assert same({"p.a": text, **HELPER}, {"p.a": "from p.b import g\ndef f(): return g()", **HELPER})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from p import b\n@b.g\ndef f(): pass", ["b.g"]),
        ("from p import b\ndef f(x=b.LIMIT): pass", ["b.LIMIT"]),
        ("from p import b\nclass f(b.g): pass", ["b.g"]),
        ("from p import b\nf = [b.g for _ in range(3)]", ["b.g"]),
        ("from p.b import g\ndef f(g): return g()", []),
        ("from p.b import g\ndef f():\n    g = 1\n    return g", []),
        ("from p.b import g\ndef f():\n    global g\n    g = 1\n    return g", ["b.g"]),
        ("from p.b import g\ndef f(): return [g for g in range(3)]", []),
        ("from p.b import g\ndef f(): return [g for g in g()]", ["b.g"]),
        ("from p.b import g\nclass f:\n    g = 1\n    def m(self): return g()", ["b.g"]),
        ("from p.b import g\ndef f(x: g) -> g:\n    y: g = 1\n    return y", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import g\ndef f(): return 1", []),
        ("from p import b\ndef f(): return getattr(b, 'h')", ["b.LIMIT", "b.g", "b.h"]),
        ("from importlib import import_module\ndef f(x): return import_module(f'p.{x}').g", None),
        ("def f(): return globals()\nx = 1", ["a.x"]),
        ("from p import b\ndef f(): raise ValueError(b.g())", []),
        ("from p import b\ndef f():\n    x = b.g()\n    raise ValueError(x)", []),
        ("from p import b\ndef f():\n    x = b.g()\n    return x", ["b.g"]),
        ("from p import b\nif b.LIMIT:\n    def f(): pass\nelse:\n    f = b.g", ["a.", "b.LIMIT", "b.g"]),
        ("import p.b\nprint(p.b.LIMIT)\ndef f(): pass", ["a.", "b.LIMIT"]),
    ],
)
def test_what_a_definition_reaches(text, found):
    reached = set(names({"p.a": text, **HELPER}, "a.f")) - {"a.f", "a.*", "b.*"}
    if found is None:
        assert {"b.g", "b.h"} <= reached
    else:
        assert sorted(reached) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(): return 1", 'def f():\n    """One."""\n    return 1  # one'),
        ("def f(x): return x", "def f(x: int) -> int: return x"),
        ("def f():\n    x = 1\n    return x", "def f():\n    x: int = 1\n    return x"),
        ("def f(): raise ValueError('no')", "def f(): raise ValueError('never') from None"),
        ("def f(x): assert x, 'no'", "def f(x): assert x"),
        ("def f(): return f'{1}' 'a' 'b'", "def f(): return f'{1}ab'"),
        ("class f:\n    x: int = 1", 'class f:\n    x: float = 1\n    """Text."""'),
        ("import numpy as np\ndef f(): return np.pi", "from numpy import pi\ndef f(): return pi"),
        ("def f(): return a()\ndef a(): return 1", "def a(): return 1\n\n\ndef f():\n    return (a())"),
        (
            "from pydantic import Field\nf = Field(1, description='one')",
            "import pydantic\nf = pydantic.Field(1)",
        ),
    ],
)
def test_what_decides_nothing_changes_no_digest(one, other):
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(): return 1", "def f(): return 1.0"),
        ("def f(): return 1", "def f(): return True"),
        ("def f(): return 0.0", "def f(): return -0.0"),
        ("def f(x): return x < 1", "def f(x): return x <= 1"),
        ("def f(x): return 'x'", "def f(x): return x"),
        ("def f(): return 'a'", "def f(): return b'a'"),
        ("def f(x): return g(x)", "def f(x): return h(x)"),
        ("def f(x=1): return x", "def f(*, x=1): return x"),
        ("def f(x): return [*x]", "def f(x): return [x]"),
        ("def f(x): return {**x}", "def f(x): return {None: x}"),
        ("f = 1", "f = 1\nf += 1"),
        ("class f:\n    x: int = 1", "class f:\n    x: int = 2"),
        (
            "from typing import ClassVar\nclass f:\n    x: int = 1",
            "from typing import ClassVar\nclass f:\n    x: ClassVar = 1",
        ),
        ("def f(): return a()\ndef a(): return 1", "def f(): return a()\ndef a(): return 2"),
        (
            "def f():\n    if 1:\n        return 2\n    return 3",
            "def f():\n    if 1:\n        return 2\n        return 3",
        ),
    ],
)
def test_what_decides_something_changes_the_digest(one, other):
    assert not same(one, other)


def test_namesakes_that_are_both_reached_are_told_apart():
    """Which of two definitions of one name is called decides, though the same definitions are reached."""
    text = "from p import b, c\ndef f(): return {}, {}"
    others = {"p.b": "def g(): return 1", "p.c": "def g(): return 2"}
    one, two = ({"p.a": text.format(*calls), **others} for calls in (("b.g()", "c.g()"), ("c.g()", "b.g()")))
    assert not same(one, two)


def test_circles_end():
    assert names({"p.a": "def f(): return g()\ndef g(): return f()"}, "a.f") == ["a.f", "a.g"]


# ----------------------------------------------------------------------------------------------------------
# Match

MODELS = """
from pydantic import BaseModel, Field
class One(BaseModel):
    kind: str = "one"
    def method(self): return 1
class Two(BaseModel):
    way: str = Field("left", description="which")
"""
MATCH = """
from typing import assert_never
from p.models import One, Two
from p.b import g, h
def f(x):
    match x:
        case One():
            return g()
        case Two(way="left"):
            return h()
        case _:
            assert_never(x)
"""
SPECIFIED = {"p.models": MODELS, "p.a": MATCH, **HELPER}
ONE, TWO = ("One", [("kind", "one")]), ("Two", [("way", "left")])


@pytest.mark.parametrize(
    ("models", "found"),
    [
        ([ONE], ["a.f", "b.g", "models.One"]),
        ([TWO], ["a.f", "b.h", "models.Two"]),
        ([ONE, TWO], ["a.f", "b.g", "b.h", "models.One", "models.Two"]),
        ([("Two", [("way", "right")])], ["a.f", "models.Two"]),
        ([], ["a.f"]),
        (None, ["a.f", "b.g", "b.h", "models.One", "models.Two"]),
    ],
)
def test_an_arm_counts_if_an_instance_of_its_class_can_exist(models, found):
    assert names(SPECIFIED, "a.f", models=models) == found


def test_code_that_makes_an_instance_lets_its_arm_count():
    text = MATCH + "\ndef make(): return f(Two())"
    assert "b.h" in names(SPECIFIED | {"p.a": text}, "a.make", models=[ONE])


def test_a_new_component_leaves_no_trace():
    more = MATCH.replace(
        "case One():", "case Three() if x:\n            return 3\n        case One() | Three():"
    )
    sources = SPECIFIED | {
        "p.a": more.replace("One, Two", "One, Two, Three"),
        "p.models": MODELS + "class Three(BaseModel): pass",
    }
    assert same(SPECIFIED, sources, models=[ONE])
    assert not same(SPECIFIED, sources, models=[ONE, ("Three", [])])


def test_of_a_model_that_is_given_in_full_only_methods_count():
    def models(*change):
        return SPECIFIED | {"p.models": MODELS.replace(*change)}

    assert same(SPECIFIED, models('"one"', '"uno"'), models=[ONE])
    assert not same(SPECIFIED, models("return 1", "return 2"), models=[ONE])
    assert not same(SPECIFIED, models('"one"', '"uno"'))


# ----------------------------------------------------------------------------------------------------------
# Registries

REGISTRY = """
from types import MappingProxyType
from p.b import g, h
TABLE = MappingProxyType({"One-v0": g, "Two-v1": h})
def f(x):
    if x not in TABLE:
        return other()
    return TABLE[x]()
def other(): return 0
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("One-v0", ["a.TABLE", "a.f", "b.g"]),
        ("Two-v1", ["a.TABLE", "a.f", "b.h"]),
        ("New-v0", ["a.TABLE", "a.f", "a.other"]),
    ],
)
def test_of_a_registry_only_what_is_looked_up_counts(name, found):
    assert names({"p.a": REGISTRY, **HELPER}, "a.f", models=[], names=[name]) == found


def test_a_name_in_the_code_is_looked_up_too():
    text = REGISTRY + "\ndef default(): return f('Two-v1')"
    found = names({"p.a": text, **HELPER}, "a.default", models=[], names=["One-v0"])
    assert {"b.g", "b.h"} <= set(found)


def test_a_registry_that_is_used_otherwise_counts_whole():
    text = REGISTRY + "\ndef everything(): return list(TABLE)"
    found = names({"p.a": text, **HELPER}, "a.everything", models=[], names=["One-v0"])
    assert found == ["a.TABLE", "a.everything", "b.g", "b.h"]


def test_a_new_entry_leaves_no_trace():
    more = REGISTRY.replace('"Two-v1": h', '"Two-v1": h, "Three-v0": print')
    assert same({"p.a": REGISTRY, **HELPER}, {"p.a": more, **HELPER}, models=[], names=["One-v0"])


# ----------------------------------------------------------------------------------------------------------
# Refusals


def test_what_an_exception_says_counts_where_it_is_heard():
    text = """
class Heard(Exception): pass
def f():
    try:
        return g()
    except Heard as error:
        return str(error)
def g(): raise Heard("{}")
"""
    assert not same(text.format("one"), text.format("two"))
    raised_again = text.replace("return str(error)", "raise ValueError(str(error))")
    assert same(raised_again.format("one"), raised_again.format("two"))


def test_an_entry_that_does_not_exist_is_refused():
    with pytest.raises(KeyError, match=r"does not define p\.a\.missing"):
        digest(Package({"p": "", "p.a": ""}), ["p.a.missing"], Job())


def test_a_table_of_measurements_counts_with_the_one_that_is_measured():
    text = "from p.b import g, h\nTABLE = {'one': g, 'two': h}\ndef f(x): return TABLE[x]()"
    package = Package({"p": "", "p.a": text, **HELPER})
    others = frozenset({"one", "two", "three"})
    found = Reach(package, ["p.a.f"], Job(names=frozenset({"one"}), others=others)).names
    assert found == ["p.a.TABLE", "p.a.f", "p.b.g"]
    found = Reach(package, ["p.a.f"], Job(names=frozenset({"one"}), others=others - {"two"})).names
    assert found == ["p.a.TABLE", "p.a.f", "p.b.g", "p.b.h"]


def test_modules_that_are_imported_by_name_are_reached():
    text = "from importlib import import_module\ndef f(x): return import_module(f'p.m.{x}').measure()"
    sources = {
        "p": "",
        "p.a": text,
        "p.m": "",
        "p.m.one": "def measure(): pass",
        "p.m.two": "def measure(): pass",
    }
    job = Job(names=frozenset({"one"}), others=frozenset({"one", "two"}))
    assert Reach(Package(sources), ["p.a.f"], job).names == ["p.a.f", "p.m.one.*", "p.m.one.measure"]
    assert "p.m.two.measure" in Reach(Package(sources), ["p.a.f"], Job()).names
