"""The door of the package shows its names, all documented, and depends on nothing above it."""

import ast
import pkgutil
import sys
from pathlib import Path

import actors

SOURCES = Path(actors.__file__).parent


def test_the_door_lists_exactly_what_it_imports():
    shown = {name for name in vars(actors) if not name.startswith("_")}
    modules = {module.name for module in pkgutil.iter_modules(actors.__path__)}
    assert sorted(actors.__all__) == actors.__all__
    assert shown - modules == set(actors.__all__)


def test_every_public_class_and_function_says_what_it_is():
    for name in actors.__all__:
        public = getattr(actors, name)
        if getattr(public, "__module__", "").startswith("actors."):
            assert public.__doc__, name
            members = vars(public).items() if isinstance(public, type) else ()
            for member, value in members:
                if callable(value) and not member.startswith("_"):
                    assert value.__doc__, f"{name}.{member}"


def test_only_trio_msgspec_and_the_standard_library_are_imported():
    allowed = {"actors", "trio", "msgspec", *sys.stdlib_module_names}
    for source in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            for name in names:
                assert name.split(".")[0] in allowed, f"{source.name} imports {name}"
