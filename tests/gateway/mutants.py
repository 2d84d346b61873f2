"""Mutation testing of the rules of money: `python -m tests.gateway.mutants [MODULE ...]`.

Each mutant is one small change to one module of `domain/`. One within a function meets the tests
that come by its line (`hunting.py`); one that takes effect as the module is loaded, all tests of
the module, in a process forked before that. Where none fails the mutant survived; `test_mutants.py`
says which may, and why.
"""

import ast
import importlib.abc
import importlib.util
import io
import itertools
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "gateway" / "tebura_gateway" / "domain"
TESTS = {
    "cart": ("test_cart", "test_money", "test_checkout"),
    "ledger": ("test_money",),
    "pricing": ("test_money", "test_baskets", "test_promotions"),
    "settlement": ("test_money",),
}
"""Which tests must notice a change to which module."""
QUICK = "not file_says and not permutations and not never_raises"
MOST_CPU_S = 60
"""A mutant that runs longer goes round in circles, and counts as noticed."""

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """A changed module; `name` holds for as long as the line that was changed does."""

    module: str
    name: str
    node: int
    change: int
    function: str
    """Within which it lies, by its qualified name; empty where it takes effect at loading."""
    lines: tuple[int, int]
    """First and last of those that show it; a statement's body is none of its own."""

    def tree(self) -> ast.Module:
        """The module with the change of this number made at the node of that number."""
        tree = _parsed(self.module)
        _change(next(itertools.islice(ast.walk(tree), self.node, None)), self.change)
        return ast.fix_missing_locations(tree)


def mutants(module: str) -> Iterator[Mutant]:
    """All mutants of a module of the domain."""
    tree, lines = _parsed(module), _source(module).splitlines()
    declared = {id(one) for node in ast.walk(tree) for one in _declarations(node)}
    functions = dict(_functions(tree))
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in declared:
            continue
        for number, what in enumerate(_changes_of(node)):
            name = f"{lines[_lines(node)[0] - 1].strip()}  [{what}]"
            yield Mutant(module, name, index, number, functions.get(id(node), ""), _lines(node))


def _functions(tree: ast.AST, within: str = "") -> Iterator[tuple[int, str]]:
    """The nodes within the body of each function of a module or class, and its qualified name."""
    for one in ast.iter_child_nodes(tree):
        if isinstance(one, ast.ClassDef):
            yield from _functions(one, f"{within}{one.name}.")
        elif isinstance(one, ast.FunctionDef):
            for part in one.body:
                yield from ((id(node), f"{within}{one.name}") for node in ast.walk(part))


def _lines(node: ast.AST) -> tuple[int, int]:
    shown = node.test if isinstance(node, ast.If) else node
    first = int(getattr(shown, "lineno", 1))
    return first, int(getattr(shown, "end_lineno", None) or first)


def _source(module: str) -> str:
    return (DOMAIN / f"{module}.py").read_text(encoding="utf-8")


def _parsed(module: str) -> ast.Module:
    return ast.parse(_source(module))


def _declarations(node: ast.AST) -> Iterator[ast.AST]:
    """What says how a class is made: `frozen=True` and the like are no rules."""
    if isinstance(node, ast.ClassDef):
        for part in (*node.keywords, *node.decorator_list):
            yield from ast.walk(part)


def _changes_of(node: ast.AST) -> list[str]:
    """What can be changed at a node, in the order in which `_change` numbers it."""
    match node:
        case ast.Compare(ops=ops):
            return [f"{type(op).__name__} {_COMPARED[type(op)].__name__}" for op in ops]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _COMPUTED:
            return [f"{type(op).__name__} {_COMPUTED[type(op)].__name__}"]
        case ast.BoolOp(op=ast.And()):
            return ["and or"]
        case ast.BoolOp(op=ast.Or()):
            return ["or and"]
        case ast.UnaryOp(op=ast.USub()):
            return ["minus dropped"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not dropped"]
        case ast.Constant(value=bool(value)):
            return [f"{value} {not value}"]
        case ast.Constant(value=int(value)):
            return [f"{value} {value + 1}"]
        case ast.If():
            return ["if turned round"]
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            return ["None returned"]
        case _:
            return []


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _change(node: ast.AST, number: int) -> None:
    match node:
        case ast.Compare():
            node.ops[number] = _COMPARED[type(node.ops[number])]()
        case ast.BinOp() | ast.AugAssign():
            node.op = _COMPUTED[type(node.op)]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            # A call of `bool` or a plus leave the value as it is.
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.If():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Return():
            node.value = ast.Constant(None)
        case _:
            raise AssertionError(f"nothing to change at {node}")


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a mutant where its module is asked for."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._name = f"tebura_gateway.domain.{module}"
        self._file = str(DOMAIN / f"{module}.py")
        self._code = compile(tree, self._file, "exec")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def is_noticed(module: str, tree: ast.Module) -> bool:
    """Whether the tests of a module fail with this in its place."""
    child = os.fork()
    if child == 0:
        _run_tests(module, tree)
    _, status = os.waitpid(child, 0)
    return status != 0


def _run_tests(module: str, tree: ast.Module) -> None:
    """In a process of its own: leave with what pytest said."""
    status = 1
    try:
        import pytest

        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
        sys.meta_path.insert(0, _Instead(module, tree))
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            status = int(pytest.main(_arguments(module)))
    finally:
        os._exit(status)


def _arguments(module: str) -> list[str]:
    files = [str(ROOT / f"tests/gateway/{name}.py") for name in TESTS[module]]
    return ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", QUICK, *files]


def survivors(module: str) -> Iterator[str]:
    """Names of the mutants of a module that nobody notices."""
    _load()
    for one in mutants(module):
        if not one.function and not is_noticed(module, one.tree()):
            yield one.name
    yield from _hunted(module)


def _hunted(module: str) -> Iterator[str]:
    """Those within functions, looked for in a process that may load the module."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _hunt(module, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as said:
        for line in said:
            yield line.rstrip("\n")
    _, status = os.waitpid(child, 0)
    assert status == 0, f"{module}: its tests fail anyhow"


def _hunt(module: str, writing: int) -> None:
    status = 1
    try:
        import pytest

        from tests.gateway.hunting import Hunt

        with os.fdopen(writing, "w", encoding="utf-8", buffering=1) as found:
            inside = [one for one in mutants(module) if one.function]
            hunt = Hunt(
                f"tebura_gateway.domain.{module}", inside, lambda name: print(name, file=found)
            )
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                status = int(pytest.main(_arguments(module), plugins=[hunt]))
    finally:
        os._exit(status)


def _load() -> None:
    """What every test needs, and no rule of money is part of."""
    for name in ("alembic.command", "hypothesis", "pytest", "sqlalchemy", "tebura_contract.layout"):
        importlib.import_module(name)
    assert not any(name.startswith("tebura_gateway.domain") for name in sys.modules)


def main() -> None:
    """Print how many mutants there are, and the survivors."""
    for module in sys.argv[1:] or TESTS:
        count = sum(1 for _ in mutants(module))
        print(f"{module}: of {count} mutants these survive", flush=True)
        for name in survivors(module):
            print(f"  {name}", flush=True)


if __name__ == "__main__":
    main()
