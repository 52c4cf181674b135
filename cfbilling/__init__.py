"""Cloudflare billing and usage data for asyncio: exact to the last cent, streamed, fast."""

from cfbilling._version import __version__
from cfbilling.chunk import DateChunk
from cfbilling.client import BillingClient
from cfbilling.credentials import ApiKey, ApiToken, Credentials, credentials_from_env
from cfbilling.cycles import BillingCycles, BillingSubscription
from cfbilling.errors import (
    AccountFailure,
    ApiError,
    AuthenticationError,
    BillingError,
    ConfigurationError,
    DecodeError,
    ErrorDetail,
    FanOutError,
    InvalidRequest,
    NotCovered,
    NotFound,
    NumberOutOfRange,
    PermissionDenied,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    StoreError,
    TransportError,
)
from cfbilling.filters import GroupBy, UsageFilter
from cfbilling.focus import SERVICE_CATEGORIES, FocusRecord
from cfbilling.jobs import WorkUnit, plan
from cfbilling.options import Clock, RetryPolicy, Timeouts
from cfbilling.progress import Stats
from cfbilling.protocol.headers import Quota, QuotaPolicy, QuotaReading
from cfbilling.protocol.splitter import split_range
from cfbilling.records import (
    Account,
    BillableMetric,
    BillableUsageRecord,
    BillingCredits,
    BillingHistoryItem,
    BillingProfile,
    Column,
    NamedId,
    PaygoRecord,
    Record,
    Subscription,
    UsageRecord,
)
from cfbilling.streams.fan_out_stream import FanOutStream
from cfbilling.streams.record_stream import RecordStream

__all__ = [
    "SERVICE_CATEGORIES",
    "Account",
    "AccountFailure",
    "ApiError",
    "ApiKey",
    "ApiToken",
    "AuthenticationError",
    "BillableMetric",
    "BillableUsageRecord",
    "BillingClient",
    "BillingCredits",
    "BillingCycles",
    "BillingError",
    "BillingHistoryItem",
    "BillingProfile",
    "BillingSubscription",
    "Clock",
    "Column",
    "ConfigurationError",
    "Credentials",
    "DateChunk",
    "DecodeError",
    "ErrorDetail",
    "FanOutError",
    "FanOutStream",
    "FocusRecord",
    "GroupBy",
    "InvalidRequest",
    "NamedId",
    "NotCovered",
    "NotFound",
    "NumberOutOfRange",
    "PaygoRecord",
    "PermissionDenied",
    "Quota",
    "QuotaPolicy",
    "QuotaReading",
    "RateLimited",
    "Record",
    "RecordStream",
    "ResponseTooLarge",
    "RetryPolicy",
    "ServerError",
    "Stats",
    "StoreError",
    "Subscription",
    "Timeouts",
    "TransportError",
    "UsageFilter",
    "UsageRecord",
    "WorkUnit",
    "__version__",
    "credentials_from_env",
    "plan",
    "split_range",
]
