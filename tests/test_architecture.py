"""The shape of the sources: who may import whom, what the domain may not touch, and how long a thought may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("ledger.cli",),
    ("ledger.app", "ledger.parent", "ledger.resuming"),
    (
        "ledger.ingress",
        "ledger.egress",
        "ledger.client",
        "ledger.feeds",
        "ledger.testing",
        "ledger.engine_wiring",
    ),
    ("ledger.engine", "ledger.projections", "ledger.archive"),
    ("ledger.fold", "ledger.views", "ledger.closing", "ledger.routes"),
    ("ledger.codec", "ledger.wire", "ledger.config"),
    ("actors", "ledger.domain", "ledger.journal"),
    (
        "ledger.beats",
        "ledger.errors",
        "ledger.endpoints",
        "ledger.zmq_trio",
        "ledger.children",
        "ledger.keys",
        "ledger.extras",
        "ledger.signing",
        "ledger.stop_signals",
        "ledger.collecting",
        "ledger.saying",
    ),
)
"""Imports go down only, never sideways. The lowest line are small foundations that any layer may use: the roots of
all errors, the names of sockets, and the one bridge from pyzmq to trio. `views` makes rows of states for whoever shows
them, and stands beside `fold`, which it does not know."""
SIDEWAYS: dict[tuple[str, str], str] = {
    ("ledger.signing", "ledger.errors"): "a key that cannot be read is Rejected",
    ("ledger.endpoints", "ledger.errors"): "an endpoint that cannot be read is Rejected",
    ("ledger.extras", "ledger.errors"): "a library that is absent is Rejected",
    ("ledger.keys", "ledger.errors"): "a key that cannot be used is Rejected",
    ("ledger.zmq_trio", "ledger.errors"): "a socket that cannot be bound is Rejected",
}
DOORS = tuple(
    door
    for door in ("actors", "ledger.journal", "ledger.wire", "ledger.config", "ledger.client", "ledger.fold")
    if (SRC / door.replace(".", "/") / "__init__.py").exists()
)
"""Packages whose insides are their own: outsiders import from the package itself."""
SECOND_DOORS = ("ledger.client.stores",)
"""Public modules of such a package, apart because they need a database's client library."""

IMPURE = frozenset(
    [
        "asyncio",
        "actors",
        "datetime",
        "io",
        "lmdb",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "socket",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "trio",
        "uuid",
        "zmq",
    ]
)
EXACT = {
    "values.py": "Decimal: text in and out",
    "position_view.py": "Fraction: averages and profit for readers, never in a state",
}
"""The modules of the domain that may divide, and with what."""
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LONG_FILES: dict[str, str] = {
    "src/ledger/domain/events.py": "one flat list of all events, which is read by looking one up",
    "src/ledger/engine/engine.py": "one life, from open to close; each part of it already stands beside it",
    "tests/unit/control/test_risk_limits.py": "one case after another, each short",
    "tests/unit/control/test_restrictions.py": "one case after another, each short",
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def sources(below: Path = SRC) -> list[Path]:
    return sorted(below.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = SRC / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").exists()


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """The modules that a file imports, anywhere in it, with the line."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if is_module(whole) else node.module or "", node.lineno)


def unit_of(module: str) -> str:
    """The part of the program that a module belongs to: `actors`, or the second name of `ledger.x`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "ledger" else ".".join(parts[:2])


def level_of(unit: str) -> int | None:
    return next((index for index, line in enumerate(LAYERS) if unit in line), None)


def test_every_part_of_the_program_has_its_place_in_the_layers() -> None:
    units = {unit_of(module_of(path)) for path in sources()} - {"ledger"}
    assert {unit for unit in units if level_of(unit) is None} == set()


def test_imports_go_down_only_and_never_sideways() -> None:
    wrong: list[str] = []
    for path in sources():
        own = unit_of(module_of(path))
        for name, line in imports_of(path):
            other = unit_of(name)
            if other in (own, "ledger") or level_of(other) is None:
                continue
            down = level_of(own) is None or level_of(own) < level_of(other)  # type: ignore[operator]
            if not down and (own, other) not in SIDEWAYS:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {other}")
    assert wrong == []


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    """At run time: what stands under `if TYPE_CHECKING` names types only."""
    graph = {module_of(path): _run_time_imports(path) for path in sources()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module in done:
            return
        for other in sorted(graph.get(module, ())):
            visit(other, (*way, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def _run_time_imports(path: Path) -> set[str]:
    """Modules imported when this one is: at its top, not within functions, not for types only."""
    own = module_of(path)
    found: set[str] = set()
    for node in tree_of(path).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if is_module(whole) else node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name != own and (SRC / name.split(".")[0]).is_dir()}


def test_nobody_imports_what_stands_behind_a_packages_door() -> None:
    wrong: list[str] = []
    for path in sources():
        own = module_of(path)
        for node in ast.walk(tree_of(path)):
            for name in _behind(node):
                door = next(door for door in DOORS if name.startswith(f"{door}."))
                if name not in SECOND_DOORS and own != door and not own.startswith(f"{door}."):
                    wrong.append(
                        f"{path.relative_to(ROOT)}:{node.lineno}: {name} is behind the door of {door}"
                    )  # type: ignore[attr-defined]
    assert wrong == []


def _behind(node: ast.AST) -> Iterator[str]:
    """The modules behind a door that an import statement names; a name that the door itself gives is none."""
    if isinstance(node, ast.Import):
        yield from (
            alias.name for alias in node.names if alias.name.startswith(tuple(f"{door}." for door in DOORS))
        )
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if module.startswith(tuple(f"{door}." for door in DOORS)):
            yield module
        elif module in DOORS:
            given = public_names(module)
            yield from (f"{module}.{alias.name}" for alias in node.names if alias.name not in given)


@cache
def public_names(package: str) -> frozenset[str]:
    """What a package's `__all__` lists."""
    for node in tree_of(SRC / package.replace(".", "/") / "__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    raise AssertionError(f"{package} has no __all__")


def test_the_domain_is_pure() -> None:
    """No clock, no randomness, no I/O, no task: what decide and evolve see are their arguments (D3, D8)."""
    wrong: list[str] = []
    for path in sources(SRC / "ledger" / "domain"):
        where = path.relative_to(ROOT)
        for name, line in imports_of(path):
            if name.split(".")[0] in IMPURE or (name.startswith("ledger") and not _is_domain(name)):
                wrong.append(f"{where}:{line}: imports {name}")
        exact = path.name in EXACT
        for node in ast.walk(tree_of(path)):
            why = _impure(node) or ("" if exact else _inexact(node))
            if why:
                wrong.append(f"{where}:{node.lineno}: {why}")  # type: ignore[attr-defined]
    assert wrong == []


def _is_domain(name: str) -> bool:
    return name == "ledger" or name.startswith("ledger.domain") or name == "ledger.errors"


def _impure(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
        return f"the float {node.value}"
    if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
        return "async"
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return "state outside its arguments"
    if isinstance(node, ast.Name) and node.id in ("float", "open", "print", "input", "hash", "id"):
        return f"uses {node.id}"
    return ""


def _inexact(node: ast.AST) -> str:
    return (
        "a true division makes a float"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        else ""
    )


def test_only_two_modules_of_the_domain_know_numbers_that_are_no_integers() -> None:
    users = {
        path.name
        for path in sources(SRC / "ledger" / "domain")
        if any(name.split(".")[0] in ("decimal", "fractions") for name, _line in imports_of(path))
    }
    assert users == set(EXACT)


def test_the_actors_know_nothing_of_a_ledger() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(SRC / "actors")
        for name, line in imports_of(path)
        if name.split(".")[0] in ("ledger", "lmdb", "zmq")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["ledger.journal", "actors"])
def test_storage_and_actors_know_no_order(package: str) -> None:
    below = SRC / package.replace(".", "/")
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(below)
        for name, line in imports_of(path)
        if name.startswith("ledger.domain")
    ]
    assert wrong == []


def programs() -> list[Path]:
    """Everything that people read as code: sources, tools with and without an ending, tests."""
    tools = [path for path in (ROOT / "tools").iterdir() if path.is_file() and _is_python(path)]
    return [*sources(), *sources(ROOT / "tests"), *tools, ROOT / "journal" / "reader.py"]


def _is_python(path: Path) -> bool:
    return path.suffix == ".py" or (not path.suffix and b"python" in path.read_bytes()[:40])


def test_a_file_holds_one_idea_and_says_it_first() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in (*sources(), *[path for path in programs() if path.parent == ROOT / "tools"])
        if path.read_text().strip() and not ast.get_docstring(tree_of(path))
    ]
    assert wrong == []


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT))
        for path in programs()
        if len(path.read_text().splitlines()) > FILE_LINES_MAX
    }
    assert long == set(LONG_FILES)


def test_no_function_is_longer_than_a_screen() -> None:
    long: list[str] = []
    for path in programs():
        if (ROOT / "tests") in path.parents:
            continue  # a scenario may be long
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                    long.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert long == []


def test_no_module_works_at_import() -> None:
    """At the top stand definitions and constants; nothing is opened, started, or changed elsewhere."""
    wrong: list[str] = []
    for path in sources():
        for node in tree_of(path).body:
            if isinstance(node, (ast.For, ast.While, ast.With, ast.Try, ast.Delete)):
                wrong.append(
                    f"{path.relative_to(ROOT)}:{node.lineno}: {type(node).__name__.lower()} at import"
                )
    assert wrong == []
