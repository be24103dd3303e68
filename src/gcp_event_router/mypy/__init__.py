"""A plugin for mypy: checks the kinds, globs and payloads of a project.

[mypy]
plugins = gcp_event_router.mypy

[gcp-event-router]
kinds = shop.kinds
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from mypy.nodes import MypyFile, TypeInfo
from mypy.options import Options
from mypy.plugin import (
    ClassDefContext,
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
    ReportConfigContext,
)
from mypy.types import FunctionLike, Type
from mypy.version import __version__ as mypy_version
from typing_extensions import override

from ._annotated import note_hidden, source_of
from ._call import Call, HookContext, Project, fits, is_hidden, report
from ._class_source import SourceFiles
from ._codes import EVENT_CONFIG
from ._config import Config, refuse
from ._dicts import expect_types
from ._fields import keep_source, may_be_payload
from ._google import modules_named
from ._handlers import any_function
from ._hooks import FUNCTION_HOOKS, METHOD_HOOKS, TAKING_OPTIONS, Hook, takes_dicts
from ._names import HANDLER_DECORATOR, ROUTER, STUB
from ._options import explain_arguments
from ._publications import PUBLISHING, explain_publication
from ._routers import new_router
from ._stub import accept_strings

__all__ = ["plugin"]

SignatureContextT = TypeVar("SignatureContextT", bound=FunctionSigContext | MethodSigContext)

#: What a module contains if it may name kinds.
_NAMES_KINDS: Final = re.compile(r"\.on\(|\.explain\(|\.kinds\b|get_event_url\(|push\(|Selection\(")
#: The oldest mypy with which the plugin is tested.
_OLDEST: Final = (1, 16)
#: mypy's priority of `import a`; lower numbers are more important when it orders a cycle of modules.
_PRIORITY: Final = 10

#: mypy compares it with that of its cache and of its daemon, and starts afresh if it differs.
__version__ = ""


def plugin(version: str) -> type[Plugin]:
    """Return the plugin. mypy calls it with its own version; the plugin ends a run of one that is too old."""
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        refuse(f"mypy {version} is too old for the plugin. Install mypy {oldest} or newer, or remove the plugin.")
    return EventRouterPlugin


class EventRouterPlugin(Plugin):
    """The hooks, as mypy asks for them."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        config = Config.of(options)
        self._project = Project(config)
        self._files = SourceFiles()
        self._has_crashed = False
        global __version__  # noqa: PLW0603 -- mypy reads it after it has made the plugin
        code = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))
        __version__ = hashlib.sha256(code + repr((config.kinds, sorted(config.disable))).encode()).hexdigest()

    @override
    def set_modules(self, modules: dict[str, MypyFile]) -> None:
        super().set_modules(modules)
        self._project.modules = modules

    @override
    def report_config_data(self, ctx: ReportConfigContext) -> str:
        """Let mypy check a module again that an older version or other settings have checked.

        It compares `__version__` with that of its last run only, which need not have included the module.
        """
        return __version__

    @override
    def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
        """Let modules that name kinds, or Google's types, depend on those that declare them, which they need not import.

        mypy has just parsed the module, so that this is also the time to read what it drops.
        """
        source = source_of(file)
        note_hidden(self._project, file, source)
        kinds = self._project.kinds_before(file.fullname) if _NAMES_KINDS.search(source) else ()
        return [(_PRIORITY, module, -1) for module in (*kinds, *sorted(modules_named(source)))]

    @override
    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        return self._project.compared.get(file.fullname, set()) - {file.fullname}

    @override
    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Read the source of payloads; mypy calls this hook early in the analysis of each class."""
        symbol = self.lookup_fully_qualified(fullname)
        info = None if symbol is None else symbol.node
        return self._read_class if isinstance(info, TypeInfo) and may_be_payload(info) else None

    def _read_class(self, context: ClassDefContext) -> None:
        if not self._has_crashed:
            try:
                keep_source(context, self._files, self._project)
            except Exception as error:  # noqa: BLE001 -- as in _run()
                if not is_hidden(context.api):
                    context.api.fail(self._crashed(error), context.cls, code=EVENT_CONFIG)

    @override
    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        hook = FUNCTION_HOOKS.get(fullname)
        if hook is None:
            info = self._project.find_class(fullname)
            hook = new_router if info is not None and _is_router(info) else None
        return None if hook is None else partial(self._run, hook)

    @override
    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        hook = METHOD_HOOKS.get(fullname)
        return None if hook is None else partial(self._run, hook)

    @override
    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        return self._argument_hook(fullname)

    @override
    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        if fullname == f"{HANDLER_DECORATOR}.__call__":
            return any_function
        if fullname in TAKING_OPTIONS:
            return partial(self._sign, partial(explain_arguments, self._project))
        if fullname in PUBLISHING:
            return partial(self._sign, partial(explain_publication, self._project))
        return self._argument_hook(fullname)

    def _argument_hook(self, fullname: str) -> Callable[[FunctionSigContext | MethodSigContext], FunctionLike] | None:
        if fullname.startswith(f"{STUB}."):
            return partial(self._sign, self._adapt_overload)
        return partial(self._sign, expect_types) if takes_dicts(fullname) else None

    def _adapt_overload(self, context: FunctionSigContext | MethodSigContext) -> FunctionLike:
        """Adapt an overload of the stub, as those of the library are."""
        signature = accept_strings(self._project, context)
        return expect_types(context) if signature is context.default_signature else signature

    def _sign(self, hook: Callable[[SignatureContextT], FunctionLike], context: SignatureContextT) -> FunctionLike:
        if not self._has_crashed:
            try:
                return hook(context)
            except Exception as error:  # noqa: BLE001 -- as in _run()
                if not is_hidden(context.api):
                    context.api.fail(self._crashed(error), context.context, code=EVENT_CONFIG)
        return context.default_signature

    def _run(self, hook: Hook, context: HookContext) -> Type:
        """Run a hook. If it fails, report that once, and let mypy go on without the plugin."""
        if self._has_crashed or not fits(context.api):
            return context.default_return_type
        try:
            return hook(Call(context, self._project))
        except Exception as error:  # noqa: BLE001 -- mypy would end without any of its own findings
            if not is_hidden(context.api):
                report(context.api, self._crashed(error), context.context, EVENT_CONFIG)
            return context.default_return_type

    def _crashed(self, error: Exception) -> str:
        """Step back, and say why."""
        self._has_crashed = True
        return (
            f"gcp_event_router.mypy fails with mypy {mypy_version} ({type(error).__name__}: {error}), and checks nothing "
            "more in this run. Please report it; until then, remove gcp_event_router.mypy from plugins"
        )


def _is_router(info: TypeInfo) -> bool:
    return any(base.fullname == ROUTER for base in info.mro)
