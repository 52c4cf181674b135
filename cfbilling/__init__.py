"""Cloudflare billing and usage data for asyncio: exact to the last cent, streamed, fast."""

from cfbilling._version import __version__
from cfbilling.chunk import DateChunk
from cfbilling.client import BillingClient
from cfbilling.credentials import ApiKey, ApiToken, Credentials, credentials_from_env
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
    NotFound,
    PermissionDenied,
    RateLimited,
    ResponseTooLarge,
    ServerError,
    TransportError,
)
from cfbilling.options import Clock, RetryPolicy, Timeouts
from cfbilling.progress import Stats
from cfbilling.protocol.headers import Quota, QuotaPolicy
from cfbilling.protocol.splitter import split_range
from cfbilling.records import BillingProfile, Column, PaygoRecord, Record, UsageRecord
from cfbilling.streams.fan_out import FanOutStream
from cfbilling.streams.record_stream import RecordStream

__all__ = [
    "AccountFailure",
    "ApiError",
    "ApiKey",
    "ApiToken",
    "AuthenticationError",
    "BillingClient",
    "BillingError",
    "BillingProfile",
    "Clock",
    "Column",
    "ConfigurationError",
    "Credentials",
    "DateChunk",
    "DecodeError",
    "ErrorDetail",
    "FanOutError",
    "FanOutStream",
    "InvalidRequest",
    "NotFound",
    "PaygoRecord",
    "PermissionDenied",
    "Quota",
    "QuotaPolicy",
    "RateLimited",
    "Record",
    "RecordStream",
    "ResponseTooLarge",
    "RetryPolicy",
    "ServerError",
    "Stats",
    "Timeouts",
    "TransportError",
    "UsageRecord",
    "__version__",
    "credentials_from_env",
    "split_range",
]
