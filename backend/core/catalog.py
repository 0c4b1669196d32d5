"""Which models there are and what they accept; read from the database, remembered for half a minute."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from backend.clients.providers import NEEDS
from backend.deps import Deps
from backend.errors import InvalidParams, ModelNotFound, ProviderNotConfigured, Unavailable
from backend.rpc import models as rpc_models

FRESH_SECONDS = 30.0
_remembered: dict[str, tuple[float, dict[str, Model]]] = {}


@dataclass(frozen=True)
class Model:
    """What a model accepts."""

    id: str
    params_schema: Mapping[str, Any]
    max_prompt_chars: int
    provider: str = "local"

    @cached_property
    def _validator(self) -> Any:
        return _Strict(self.params_schema)

    def check(self, prompt: str, params: Mapping[str, Any]) -> None:
        """Raise InvalidParams naming the field that this model does not accept."""
        if not prompt.strip():
            raise _refusal("prompt", "must say something")
        if len(prompt) > self.max_prompt_chars:
            raise _refusal("prompt", f"must not be longer than {self.max_prompt_chars} characters")
        error = best_match(self._validator.iter_errors(params))
        if error is not None:
            raise _refusal(_field(error), error.message)

    def with_defaults(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the params as they were priced: what was left out has our default, whatever the provider's own is."""
        rules: Mapping[str, Mapping[str, Any]] = self.params_schema.get("properties", {})
        return {name: rule["default"] for name, rule in rules.items() if "default" in rule} | dict(params)


def find_model(deps: Deps, model_id: str) -> Model:
    """Return a model that can run here, asking the database again when it is unknown here or what we know has aged."""
    age, known = _remembered.get(deps.settings.supabase_url, (-math.inf, {}))
    if time.monotonic() - age > FRESH_SECONDS or model_id not in known:
        known = _refresh(deps, known)
    if model_id not in known:
        raise ModelNotFound(model=model_id)
    model = known[model_id]
    reason = unavailable_reason(deps, model.provider, model_id)
    if reason:
        raise ProviderNotConfigured(reason, model=model_id, provider=model.provider)
    return model


def unavailable_reason(deps: Deps, provider: str, model_id: str) -> str | None:
    """Say what is missing for a model of a provider to run here; None when nothing is."""
    if provider in deps.providers:
        return deps.providers[provider].unavailable_reason(model_id)
    needed = NEEDS.get(provider)
    mend = f": {needed} is not set" if needed else ""
    return f"The provider {provider} is not set up here{mend}."


def forget_models() -> None:
    """Forget what was read, so that the next look asks the database."""
    _remembered.clear()


def _refresh(deps: Deps, known: dict[str, Model]) -> dict[str, Model]:
    try:
        rows = rpc_models.list_models(deps.rpc.as_anon())
    except Unavailable:
        if known:
            return known  # the database itself decides next, and refuses by itself when it is down
        raise
    models = {
        row["id"]: Model(row["id"], row["params_schema"], row["max_prompt_chars"], row["provider"]) for row in rows
    }
    _remembered[deps.settings.supabase_url] = (time.monotonic(), models)
    return models


def _is_integer(checker: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: TypeChecker, value: object) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# The standard takes 4.0 for an integer, and Python's JSON takes NaN for a number; prices take neither.
_Strict: Any = extend(  # type: ignore[no-untyped-call]  # the stubs leave this function open
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def _field(error: ValidationError) -> str:
    """Return the dotted name of what is wrong: the missing or surplus property rather than the object around it."""
    given: Any = error.instance
    place = ["params", *(str(part) for part in error.absolute_path)]
    if error.validator == "required":
        wanted: Any = error.validator_value
        place += [name for name in wanted if name not in given][:1]
    elif error.validator == "additionalProperties":
        schema: Any = error.schema
        place += sorted(set(given) - set(schema.get("properties", {})))[:1]
    return ".".join(place)


def _refusal(field: str, reason: str) -> InvalidParams:
    short = reason if len(reason) <= 200 else f"{reason[:200]}..."  # the reason may quote what was sent
    return InvalidParams(f"{field}: {short}", field=field, reason=short)
