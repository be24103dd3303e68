"""One call in a project's code, as a hook of the plugin sees it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from mypy.errorcodes import ErrorCode
from mypy.errors import ErrorWatcher
from mypy.nodes import ARG_POS, ARG_STAR, CallExpr, Context, Expression, MypyFile, SymbolTableNode, TypeInfo
from mypy.plugin import CheckerPluginInterface, FunctionContext, MethodContext, SemanticAnalyzerPluginInterface
from mypy.server.trigger import make_trigger, make_wildcard_trigger
from mypy.types import Instance, LiteralType, Type, get_proper_type

from ._codes import EVENT_CONFIG
from ._config import Config
from ._names import PAYLOADS
from ._types import literal

if TYPE_CHECKING:
    from mypy.checker import TypeChecker

HookContext: TypeAlias = FunctionContext | MethodContext


def fits(api: CheckerPluginInterface) -> bool:
    """Whether mypy has found no error in a call before it asks the hook.

    It tries the overloads of a function in turn, takes the first one without errors, and hides the errors of the others.
    """
    watchers = _watchers(api)
    return not (watchers and watchers[-1].has_new_errors())


def report(api: CheckerPluginInterface, message: str, place: Context, code: ErrorCode) -> None:
    """Report an error that mypy does not hide, and that does not make it try another overload."""
    watchers = _watchers(api)
    hiding = watchers.copy()
    watchers.clear()
    try:
        api.fail(message, place, code=code)
    finally:
        watchers.extend(hiding)


def is_hidden(api: CheckerPluginInterface | SemanticAnalyzerPluginInterface) -> bool:
    """Whether mypy shows no errors of the file that it is reading, since the file is part of an installed package."""
    errors = api.msg.errors
    return errors.file in errors.ignored_files


def _watchers(api: CheckerPluginInterface) -> list[ErrorWatcher]:
    return api.msg.errors._watchers  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- mypy has no other way to do this


class Argument(NamedTuple):
    """An argument of a call."""

    expression: Expression
    type: Type

    @property
    def literal(self) -> str | None:
        """The string that it is, if that is known."""
        return literal(self.type)


class Project:
    """What the plugin knows beyond a single call."""

    def __init__(self, config: Config) -> None:
        self.config = config
        #: The modules of this run by name, those from a cache included.
        self.modules: dict[str, MypyFile] = {}
        #: For each module, the line that reported a missing module of the settings.
        self.reported: dict[str, int] = {}
        #: For each module, the modules of the types that its calls have been compared with.
        self.compared: dict[str, set[str]] = {}
        #: The modules whose sources have been searched for hidden functions.
        self.noted: set[str] = set()

    def kinds_before(self, module: str) -> tuple[str, ...]:
        """The modules in the settings that a module depends on if it names kinds.

        One that declares kinds itself depends on those before it only, so that no cycle arises.
        """
        kinds = self.config.kinds
        return kinds[: kinds.index(module)] if module in kinds else kinds

    def find_class(self, fullname: str) -> TypeInfo | None:
        """The class of a name, if a module of this run has it."""
        module, _, name = fullname.rpartition(".")
        tree = self.modules.get(module)
        symbol: SymbolTableNode | None = None if tree is None else tree.names.get(name)
        return symbol.node if symbol is not None and isinstance(symbol.node, TypeInfo) else None


class Call:
    """A call that mypy is checking, and what a hook does about it."""

    def __init__(self, context: HookContext, project: Project) -> None:
        self.context = context
        self.project = project
        # mypy's interface for plugins has neither the module nor the target
        self._checker = cast("TypeChecker", context.api)

    @property
    def tree(self) -> MypyFile:
        """The module with the call."""
        return self._checker.tree

    @property
    def is_in_function(self) -> bool:
        """Whether the call is in the body of a function."""
        return self._checker.tscope.current_function_name() is not None

    @property
    def type(self) -> Type:
        """The type of the call, as mypy inferred it."""
        return self.context.default_return_type

    @property
    def owner(self) -> Instance | None:
        """The object whose method is called, such as a decorator, if it has type arguments."""
        owner = get_proper_type(self.context.type) if isinstance(self.context, MethodContext) else None
        return owner if isinstance(owner, Instance) and owner.args else None

    @property
    def facts(self) -> str | None:
        """The string in the type of a decorator that is called: what the hook of the call that returned it has written."""
        return None if self.owner is None else literal(self.owner.args[0])

    def argument(self, name: str) -> Argument | None:
        """The argument of a parameter, however it is passed; None if it is left out."""
        for parameter, expressions, types in zip(
            self.context.callee_arg_names, self.context.args, self.context.arg_types, strict=True
        ):
            if parameter == name and expressions:
                return Argument(expressions[0], types[0])
        return None

    def first(self) -> Argument | None:
        """The first positional argument."""
        if not self.context.args or not self.context.args[0] or self.context.arg_kinds[0][0] != ARG_POS:
            return None
        return Argument(self.context.args[0][0], self.context.arg_types[0][0])

    def first_positional(self) -> Argument | None:
        """The first argument, unless it is a keyword: the function of `@router.fallback`, which `@router.fallback()` lacks."""
        return None if self.context.arg_names and None not in self.context.arg_names[0][:1] else self.first()

    def positional(self) -> list[Argument | None]:
        """The positional arguments; None stands for those of a `*sequence`."""
        call = self.context.context
        if not isinstance(call, CallExpr):
            return []
        types = {
            id(expression): type_
            for expressions, types in zip(self.context.args, self.context.arg_types, strict=True)
            for expression, type_ in zip(expressions, types, strict=True)
        }
        return [
            Argument(expression, types[id(expression)]) if kind == ARG_POS and id(expression) in types else None
            for expression, kind in zip(call.args, call.arg_kinds, strict=True)
            if kind in {ARG_POS, ARG_STAR}
        ]

    def fail(self, message: str, code: ErrorCode, place: Context | None = None) -> None:
        """Report an error of the call, unless the settings disable its code."""
        if code.code not in self.project.config.disable:
            report(self.context.api, message, place or self.context.context, code)

    def string(self, value: str) -> LiteralType:
        """The type of one string."""
        return LiteralType(value, self.context.api.named_generic_type("builtins.str", []))

    def instance(self, fullname: str, *arguments: Type) -> Instance | None:
        """An instance of a class, if the class is part of this run."""
        info = self.project.find_class(fullname)
        return None if info is None else Instance(info, list(arguments))

    def depend_on_kinds(self) -> None:
        """Let the daemon check this again after any change of the modules that declare kinds."""
        self._report_missing_modules()
        self._depend(make_wildcard_trigger(module) for module in self.project.config.kinds)

    def _report_missing_modules(self) -> None:
        """Report modules in the settings that mypy cannot find, once in each module that needs them."""
        missing = [module for module in self.project.kinds_before(self.tree.fullname) if module not in self.project.modules]
        line = self.context.context.line
        if missing and self.project.reported.setdefault(self.tree.fullname, line) == line:
            self.fail(
                f"mypy finds no module {missing[0]!r}, which is one of the kinds in {self.project.config.place}. "
                "Its kinds are unknown, so no name is checked. Correct the setting, or mypy_path",
                EVENT_CONFIG,
            )

    def depend_on_classes(self, classes: Iterable[TypeInfo]) -> None:
        """Let the daemon and the cache check this again after a change of the classes that decided about it."""
        # The daemon does not ask for more dependencies when it checks this again because of another module, which may bring
        # other classes. So this depends on all payloads.
        self._depend([make_trigger(PAYLOADS)])
        for info in classes:
            self._depend([make_trigger(info.fullname), make_wildcard_trigger(info.fullname)])
            self.project.compared.setdefault(self.tree.fullname, set()).add(info.module_name)
            self._checker.module_refs.add(info.module_name)  # mypy 1.16 has no get_additional_indirect_deps

    def _depend(self, triggers: Iterable[str]) -> None:
        # Plugins can add triggers during semantic analysis only (add_plugin_dependency, which fills the same mapping). The
        # daemon reads the mapping after the check. It checks a decorator with the module or with the function, so name both.
        targets = {self._checker.tscope.current_target(), self.tree.fullname}
        for trigger in triggers:
            self.tree.plugin_deps.setdefault(trigger, set()).update(targets)
