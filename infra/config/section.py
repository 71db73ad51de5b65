"""Base class and helpers of the configuration's sections."""

import re

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ConfigSection(BaseModel):
    """A group of keys. A field `website_port` is the key `clickstream:websitePort`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


def matches(pattern: str, allowed: str) -> AfterValidator:
    """A check that the whole text matches; `allowed` describes valid values in the error."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(allowed)
        return value

    return AfterValidator(check)
