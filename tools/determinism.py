"""Guards that the control plane (floors 0 to 3) gives the same log on every machine, in every run, under every hash seed.

Four things are refused there: the wall clock, chance outside the named streams, `hash()` and `id()`, and anything that takes elements out
of a set in the set's own order. What the order cannot reach passes: `sorted(…)`, `len`, `any`, `all`, `sum`, `min`, `max`, another set.
A line that is right all the same says so, with its reason: `# order-free: an identity test only`.

The check reads syntax, one module at a time: it knows a set by how its name was bound or annotated in that module. It is the guard at the
door; the proof is the test that runs one story under several hash seeds and compares the logs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FLOORS = (
    "world",
    "store",
    "kinds",
    "apiserver",
    "engine",
    "controllers",
    "scheduler",
    "kubelet",
    "network",
    "storage",
    "federation",
    "cri",
)
WAIVER = re.compile(r"#.*\border-free: \S")

CHANCE = frozenset({"random", "secrets"})
CLOCKS = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "localtime", "gmtime", "sleep"}
)
FORBIDDEN_CALLS = frozenset(
    {f"time.{name}" for name in CLOCKS}
    | {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now", "datetime.datetime.utcnow"}
    | {"datetime.datetime.today", "datetime.date.today", "os.urandom", "uuid.uuid1", "uuid.uuid4", "os.getpid", "os.times"}
)
SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
SET_TYPES = frozenset({"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"})
ORDER_FREE = frozenset({"sorted", "len", "any", "all", "sum", "min", "max", "set", "frozenset", "bool", "isinstance"})
ORDER_TAKING = frozenset({"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "next", "dict", "deque"})

Complaint = tuple[int, str]


def complaints(root: Path) -> list[str]:
    """`path:line: what is wrong`, for every module of the floors below `root`."""
    return [
        f"{path.relative_to(root).as_posix()}:{line}: {words}"
        for floor in FLOORS
        for path in sorted((root / "kubelab" / floor).rglob("*.py"))
        for line, words in examine(path.read_text(encoding="utf-8"))
    ]


def examine(source: str) -> list[Complaint]:
    """The complaints about one module, in the order of its lines."""
    lines = source.splitlines()
    tree = ast.parse(source)
    found = [*clocks_and_chance(tree), *orders_of_sets(tree)]
    return sorted((line, words) for line, words in dict.fromkeys(found) if not WAIVER.search(lines[line - 1]))


# Clocks, chance, hash and id


def clocks_and_chance(tree: ast.AST) -> Iterator[Complaint]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (
                    (node.lineno, f"import {name.name}: chance comes from the named streams") for name in names if name.name in CHANCE
                )
            case ast.ImportFrom(module=module, names=names):
                yield from from_import(node.lineno, module or "", [name.name for name in names])
            case ast.Call(func=ast.Name(id="hash" | "id" as name)):
                yield node.lineno, f"{name}(): differs from run to run"
            case ast.Attribute() if dotted(node) in FORBIDDEN_CALLS:
                yield node.lineno, f"{dotted(node)}: neither the wall clock nor the machine may show"
            case ast.keyword(arg="key", value=ast.Name(id="hash" | "id" as name)):
                yield node.value.lineno, f"key={name}: differs from run to run"


def from_import(line: int, module: str, names: list[str]) -> Iterator[Complaint]:
    if module in CHANCE:
        yield line, f"from {module}: chance comes from the named streams"
    yield from (
        (line, f"{module}.{name}: neither the wall clock nor the machine may show")
        for name in names
        if f"{module}.{name}" in FORBIDDEN_CALLS
    )


def dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
    return ""


# Orders of sets


def orders_of_sets(tree: ast.Module) -> Iterator[Complaint]:
    outer = bound_sets(tree)
    attributes = frozenset(name for name in set_attributes(tree))
    yield from scan(tree, outer, attributes)


def scan(scope: ast.AST, known: frozenset[str], attributes: frozenset[str]) -> Iterator[Complaint]:
    """The complaints of one scope, then of the functions in it, which see its names unless they bind them anew."""
    free = order_free_expressions(scope)
    for node in own_nodes(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = (known - bound_names(node)) | bound_sets(node)
            yield from scan(node, inner, attributes)
            continue
        for taken in taken_in_order(node, free):
            if is_set(taken, known, attributes):
                yield taken.lineno, f"{ast.unparse(taken)}: a set has no order; sort it, or keep a dict or a list"


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope; of a function inside it, only the function itself."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from own_nodes(child)


def order_free_expressions(scope: ast.AST) -> frozenset[ast.AST]:
    """Generators and lists that are handed straight to something that does not see their order."""
    return frozenset(
        argument
        for node in own_nodes(scope)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDER_FREE
        for argument in node.args
    )


def taken_in_order(node: ast.AST, free: frozenset[ast.AST]) -> Iterator[ast.expr]:
    """The expressions whose elements `node` takes one after the other."""
    match node:
        case ast.For(iter=source) | ast.YieldFrom(value=source) | ast.Starred(value=source):
            yield source
        case ast.ListComp(generators=parts) | ast.GeneratorExp(generators=parts) | ast.DictComp(generators=parts):
            if node not in free:
                yield from (part.iter for part in parts)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDER_TAKING and node not in free:
            yield from arguments
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys"), args=[argument, *_]):
            yield argument
        case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[]):
            yield owner


def is_set(node: ast.expr, known: frozenset[str], attributes: frozenset[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in known
        case ast.Attribute(attr=name):
            return name in attributes
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in SET_METHODS:
            return is_set(owner, known, attributes)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return any(is_set(side, known, attributes) or is_keys(side) for side in (left, right))
        case ast.IfExp(body=body, orelse=orelse):
            return is_set(body, known, attributes) or is_set(orelse, known, attributes)
        case ast.NamedExpr(value=value):
            return is_set(value, known, attributes)
    return False


def is_keys(node: ast.expr) -> bool:
    """A dict's keys have an order of their own, but `a.keys() & b.keys()` is a set."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def bound_sets(scope: ast.AST) -> frozenset[str]:
    """The names that a scope binds to sets, as far as its own text says so."""
    known: frozenset[str] = frozenset()
    arguments = getattr(scope, "args", None)
    if isinstance(arguments, ast.arguments):
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        known = frozenset(argument.arg for argument in every if argument.annotation and is_set_type(argument.annotation))
    for node in own_nodes(scope):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if is_set_type(annotation):
                known |= {name}
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_set(value, known, frozenset()):
                known |= {name}
    return known


def bound_names(scope: ast.AST) -> frozenset[str]:
    parameters = [node.arg for node in ast.walk(scope) if isinstance(node, ast.arg)]
    return frozenset(
        [*parameters, *(node.id for node in own_nodes(scope) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))]
    )


def set_attributes(tree: ast.AST) -> Iterator[str]:
    """Attributes that a class of this module declares as sets; one of another type under the same name clears it."""
    declared: dict[str, bool] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for line in ast.walk(node):
            match line:
                case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation):
                    declared[name] = is_set_type(annotation) and declared.get(name, True)
                case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if is_set(value, frozenset(), frozenset()):
                    declared.setdefault(name, True)
    yield from (name for name, is_one in declared.items() if is_one)


def is_set_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_TYPES
        case ast.Subscript(value=value):
            return is_set_type(value)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return is_set_type(left) or is_set_type(right)
        case ast.Constant(value=str() as text):
            return text.partition("[")[0].rpartition(".")[2] in SET_TYPES
    return False
