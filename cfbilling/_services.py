"""What kind of service something is, in FOCUS's words: by this package's own table.

Specification: https://focus.finops.org/focus-specification/ (columns ServiceCategory and
ServiceSubcategory)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias, TypeVar

__all__ = [
    "CATEGORY_NAMES",
    "OTHER",
    "SERVICE_CATEGORIES",
    "ServiceCategories",
    "ServiceFinder",
    "service_finder",
]

OTHER = "Other"
_MOST_NAMES = 4096

T = TypeVar("T")

ServiceCategories: TypeAlias = Mapping[str, str]
"""FOCUS's ServiceCategory by the first words of a service's, family's or category's name."""

CATEGORY_NAMES = frozenset(
    {
        "AI and Machine Learning",
        "Analytics",
        "Business Applications",
        "Compute",
        "Databases",
        "Developer Tools",
        "Identity",
        "Integration",
        "Internet of Things",
        "Management and Governance",
        "Media",
        "Migration",
        "Mobile",
        "Multicloud",
        "Networking",
        OTHER,
        "Security",
        "Storage",
        "Web",
    }
)
"""The categories that FOCUS has; there are no others."""

# The category and, where FOCUS has one that fits, the subcategory.
_KINDS: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "access": ("Identity", "Identity and Access Management"),
        "ai gateway": ("AI and Machine Learning", None),
        "analytics engine": ("Analytics", None),
        "api shield": ("Security", None),
        "argo": ("Networking", "Network Routing"),
        "bot management": ("Security", "Threat Detection and Response"),
        "browser isolation": ("Security", None),
        "browser rendering": ("Compute", "Serverless Compute"),
        "cache": ("Networking", "Content Delivery"),
        "calls": ("Media", "Media Streaming"),
        "cdn": ("Networking", "Content Delivery"),
        "containers": ("Compute", "Containers"),
        "d1": ("Databases", "Relational Databases"),
        "ddos": ("Security", "Threat Detection and Response"),
        "dns": ("Networking", "Network Infrastructure"),
        "durable objects": ("Compute", "Serverless Compute"),
        "email": ("Business Applications", None),
        "gateway": ("Security", None),
        "hyperdrive": ("Databases", None),
        "images": ("Media", None),
        "load balancing": ("Networking", "Application Networking"),
        "logpush": ("Management and Governance", "Observability"),
        "logs": ("Management and Governance", "Observability"),
        "magic": ("Networking", "Network Connectivity"),
        "pages": ("Web", "Application Platforms"),
        "pipelines": ("Integration", None),
        "queues": ("Integration", "Messaging"),
        "r2": ("Storage", "Object Storage"),
        "rate limiting": ("Security", None),
        "realtime": ("Media", "Media Streaming"),
        "spectrum": ("Networking", "Application Networking"),
        "ssl": ("Security", None),
        "stream": ("Media", "Media Streaming"),
        "tunnel": ("Networking", "Network Connectivity"),
        "turnstile": ("Security", None),
        "vectorize": ("AI and Machine Learning", None),
        "waf": ("Security", "Threat Detection and Response"),
        "waiting room": ("Web", None),
        "workers": ("Compute", "Serverless Compute"),
        "workers ai": ("AI and Machine Learning", "AI Platforms"),
        "workers analytics engine": ("Analytics", None),
        "workers for platforms": ("Compute", "Serverless Compute"),
        "workers kv": ("Databases", "NoSQL Databases"),
        "workers logs": ("Management and Governance", "Observability"),
        "workflows": ("Compute", "Serverless Compute"),
        "zaraz": ("Web", None),
        "zero trust": ("Security", None),
    }
)

SERVICE_CATEGORIES: ServiceCategories = MappingProxyType(
    {name: category for name, (category, _) in _KINDS.items()}
)
"""The categories of the vendor's services, by this package: the vendor names none."""


ServiceFinder: TypeAlias = Callable[..., tuple[str, str]]


def service_finder(categories: ServiceCategories) -> ServiceFinder:
    """Return what finds ServiceCategory and ServiceSubcategory of what has these names.

    The first of the names that *categories* knows decides, by the longest beginning of whole words
    in any case; what none of them finds is ``Other``. A subcategory is of this package's table, or
    the ``Other`` of its category.
    """
    category_of, kind_of = _finder(categories), _finder(_KINDS)

    @lru_cache(_MOST_NAMES)
    def find(*names: str | None) -> tuple[str, str]:
        for name in names:
            if name and (category := category_of(name)) is not None:
                known, subcategory = kind_of(name) or (None, None)
                if known == category and subcategory is not None:
                    return category, subcategory
                return category, f"{OTHER} ({category})"
        return OTHER, f"{OTHER} ({OTHER})"

    return find


def _finder(table: Mapping[str, T]) -> Callable[[str], T | None]:
    by_name = {name.casefold(): value for name, value in table.items()}
    most = max((len(name.split()) for name in by_name), default=0)

    def find(name: str) -> T | None:
        words = name.casefold().split(maxsplit=most)[:most]
        # The longest name of the table that it begins with.
        beginnings = (" ".join(words[:count]) for count in range(len(words), 0, -1))
        return next((by_name[text] for text in beginnings if text in by_name), None)

    return find
