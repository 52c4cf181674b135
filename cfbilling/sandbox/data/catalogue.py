"""What the invented accounts use and what they are called."""

from decimal import Decimal

from attrs import field, frozen

__all__ = [
    "ACCOUNT_NAMES",
    "CITIES",
    "DESCRIPTION_ENDINGS",
    "FIRST_NAMES",
    "LAST_NAMES",
    "METRICS",
    "REGIONS",
    "SUBSCRIPTION_NAMES",
    "ZONE_NAMES",
    "Metric",
]

_DIGITS_OF_FREE_USAGE = 5
_CONTRACT_CATEGORIES = frozenset({"Observability", "Security"})
_PLACELESS_CATEGORIES = frozenset({"Storage", "Database"})


@frozen
class Metric:
    """One billable metric of the vendor's catalogue.

    Attributes:
        id: Stable identifier.
        name: Name on an invoice.
        family: Product family.
        category: Product category.
        unit: Unit of counted quantities.
        pricing_unit: Unit that has a price.
        pricing_shift: Power of ten between a counted and a priced unit.
        price: List price of one priced unit.
        fractional: Whether quantities usually have decimals.
    """

    id: str
    name: str
    family: str
    category: str
    unit: str
    pricing_unit: str
    pricing_shift: int
    price: Decimal = field(converter=Decimal)
    fractional: bool = False

    @property
    def usual_digits(self) -> int:
        """How many digits a day's quantity has that costs a few units of money."""
        if not self.price:
            return _DIGITS_OF_FREE_USAGE
        return max(1, 1 - self.price.adjusted() - self.pricing_shift)

    @property
    def of_contract(self) -> bool:
        """Whether it is measured for a whole contract, so that no record of it has an account."""
        return self.category in _CONTRACT_CATEGORIES

    @property
    def dimension_keys(self) -> tuple[str, ...]:
        """By what its records can be told apart."""
        if self.of_contract:
            return ()
        placeless = self.category in _PLACELESS_CATEGORIES
        return ("account_id", "zone_id") if placeless else ("account_id", "zone_id", "region")


METRICS: tuple[Metric, ...] = (
    Metric("workers_standard_requests", "Workers Standard Requests", "Workers", "Compute",
           "Requests", "Requests", 0, "0.0000003"),
    Metric("workers_standard_cpu_ms", "Workers Standard CPU Time", "Workers", "Compute",
           "CPU-ms", "Million CPU-ms", -6, "0.02"),
    Metric("workers_logs_events", "Workers Logs Events", "Workers", "Observability",
           "Events", "Million Events", -6, "0.60"),
    Metric("workers_trace_events", "Workers Trace Events Logpush", "Workers", "Observability",
           "Requests", "Million Requests", -6, "0.05"),
    Metric("r2_storage_standard", "R2 Data Stored", "R2", "Storage",
           "GB-months", "GB-months", 0, "0.015", True),
    Metric("r2_class_a_operations", "R2 Class A Operations", "R2", "Storage",
           "Operations", "Million Operations", -6, "4.50"),
    Metric("r2_class_b_operations", "R2 Class B Operations", "R2", "Storage",
           "Operations", "Million Operations", -6, "0.36"),
    Metric("r2_infrequent_retrieval", "R2 Infrequent Access Data Retrieval", "R2", "Storage",
           "GB", "GB", 0, "0.01", True),
    Metric("kv_reads", "Workers KV Read Operations", "Workers KV", "Storage",
           "Operations", "Million Operations", -6, "0.50"),
    Metric("kv_writes", "Workers KV Write Operations", "Workers KV", "Storage",
           "Operations", "Million Operations", -6, "5.00"),
    Metric("kv_storage", "Workers KV Storage", "Workers KV", "Storage",
           "GB-months", "GB-months", 0, "0.50", True),
    Metric("d1_rows_read", "D1 Rows Read", "D1", "Database",
           "Rows", "Billion Rows", -9, "1"),
    Metric("d1_rows_written", "D1 Rows Written", "D1", "Database",
           "Rows", "Million Rows", -6, "1.00"),
    Metric("d1_storage", "D1 Storage", "D1", "Database",
           "GB-months", "GB-months", 0, "0.75", True),
    Metric("durable_objects_requests", "Durable Objects Compute Requests", "Durable Objects",
           "Compute", "Requests", "Million Requests", -6, "0.15"),
    Metric("durable_objects_duration", "Durable Objects Compute Duration", "Durable Objects",
           "Compute", "GB-s", "Million GB-s", -6, "12.50", True),
    Metric("durable_objects_storage", "Durable Objects Storage", "Durable Objects", "Storage",
           "GB-months", "GB-months", 0, "0.20", True),
    Metric("queues_operations", "Queues Standard Operations", "Queues", "Messaging",
           "Operations", "Million Operations", -6, "0.40"),
    Metric("stream_minutes_stored", "Stream Minutes Stored", "Stream", "Media",
           "Minutes", "Thousand Minutes", -3, "5.00", True),
    Metric("stream_minutes_viewed", "Stream Minutes Viewed", "Stream", "Media",
           "Minutes", "Thousand Minutes", -3, "1.00", True),
    Metric("images_stored", "Images Stored", "Images", "Media",
           "Images", "Hundred Thousand Images", -5, "5"),
    Metric("images_delivered", "Images Delivered", "Images", "Media",
           "Images", "Hundred Thousand Images", -5, "1"),
    Metric("images_transformations", "Images Unique Transformations", "Images", "Media",
           "Transformations", "Thousand Transformations", -3, "0.50"),
    Metric("load_balancing_queries", "Load Balancing DNS Queries", "Load Balancing",
           "Application Performance", "Queries", "Half Million Queries", -6, "1.00"),
    Metric("load_balancing_origins", "Load Balancing Origins", "Load Balancing",
           "Application Performance", "Origins", "Origins", 0, "5"),
    Metric("argo_data_transfer", "Argo Smart Routing Data Transfer", "Argo Smart Routing",
           "Application Performance", "GB", "GB", 0, "0.10", True),
    Metric("cache_reserve_storage", "Cache Reserve Storage", "Cache Reserve",
           "Application Performance", "GB-months", "GB-months", 0, "0.015", True),
    Metric("cache_reserve_writes", "Cache Reserve Class A Operations", "Cache Reserve",
           "Application Performance", "Operations", "Million Operations", -6, "4.50"),
    Metric("rate_limiting_requests", "Rate Limiting Good Requests", "Rate Limiting", "Security",
           "Requests", "Ten Thousand Requests", -4, "0.05"),
    Metric("workers_ai_neurons", "Workers AI Neurons", "Workers AI", "AI",
           "Neurons", "Thousand Neurons", -3, "0.011", True),
    Metric("vectorize_queried_dimensions", "Vectorize Queried Dimensions", "Vectorize", "AI",
           "Dimensions", "Million Dimensions", -6, "0.01"),
    Metric("vectorize_stored_dimensions", "Vectorize Stored Dimensions", "Vectorize", "AI",
           "Dimensions", "Hundred Million Dimensions", -8, "0.05"),
    Metric("ai_gateway_logs", "AI Gateway Logs Stored", "AI Gateway", "AI",
           "Logs", "Hundred Thousand Logs", -5, "8.00"),
    Metric("pages_functions_requests", "Pages Functions Requests", "Pages", "Compute",
           "Requests", "Million Requests", -6, "0.30"),
    Metric("logpush_requests", "Logpush Delivered Requests", "Logpush", "Observability",
           "Requests", "Million Requests", -6, "0.05"),
    Metric("browser_rendering_hours", "Browser Rendering Hours", "Browser Rendering", "Compute",
           "Browser-Hours", "Browser-Hours", 0, "0.09", True),
    Metric("containers_vcpu_seconds", "Containers vCPU Seconds", "Containers", "Compute",
           "vCPU-s", "vCPU-s", 0, "0.000020", True),
    Metric("containers_memory_gib_seconds", "Containers Memory", "Containers", "Compute",
           "GiB-s", "GiB-s", 0, "0.0000025", True),
    Metric("containers_disk_gb_seconds", "Containers Disk", "Containers", "Compute",
           "GB-s", "GB-s", 0, "7E-8", True),
    Metric("hyperdrive_queries", "Hyperdrive Queries", "Hyperdrive", "Database",
           "Queries", "Queries", 0, "0"),
    Metric("spectrum_data_transfer", "Spectrum Data Transfer", "Spectrum", "Network",
           "GB", "GB", 0, "1.00", True),
    Metric("calls_egress", "Realtime Egress", "Realtime", "Media",
           "GB", "GB", 0, "0.05", True),
    Metric("turnstile_challenges", "Turnstile Challenges", "Turnstile", "Security",
           "Challenges", "Challenges", 0, "0"),
    Metric("zero_trust_seats", "Zero Trust Seats", "Zero Trust", "Security",
           "Seats", "Seats", 0, "7"),
    Metric("email_routing_messages", "Email Routing Messages", "Email Routing", "Messaging",
           "Messages", "Messages", 0, "0"),
    Metric("waiting_room_users", "Waiting Room „Active“ Users", "Waiting Room",
           "Application Performance", "Users", "Users", 0, "0.00125"),
    Metric("analytics_engine_points", "Workers Analytics Engine Data Points", "Analytics Engine",
           "Observability", "Data points", "Million Data points", -6, "0.25"),
    Metric("zaraz_events", "Zaraz Events", "Zaraz", "Application Performance",
           "Events", "Million Events", -6, "5"),
)  # fmt: skip

ACCOUNT_NAMES: tuple[str, ...] = (
    "My Account",
    "Überlandwerk Süd GmbH & Co. KG",
    "日本酒販売株式会社",
    'The "Quoted" Company',
    "Back\\slash Industries",
    "Rocket 🚀 Labs",
    '}],{"success":true,"result":[]}',
    "O'Brien & Sons",
    "Țară\tTab\nNewline",
    "شركة الاختبار",
    "Ferme de l'Étoile",
    "Null Island Trading",
)

ZONE_NAMES: tuple[str, ...] = (
    "example.com",
    "shop.example.net",
    "müller-bäckerei.example",
    "日本語.example",
    "🍕.example",
    "api.example.org",
    'odd"}],{".example',
    "xn--80ak6aa92e.example",
)

SUBSCRIPTION_NAMES: tuple[str, ...] = (
    "My Subscription",
    "Enterprise Süd",
    "Pay-as-you-go [2025]",
    "開発環境",
    'Quarter "four" \\ final',
)

DESCRIPTION_ENDINGS: tuple[str, ...] = (
    "daily usage",
    "utilisation journalière",
    "Täglicher Verbrauch für Ü-Räume",
    "毎日の使用量",
    'tier "standard" \\ region {eu}',
    '}],{"result":null,"success":false}',
    "daily usage 📈",
    "usage (first 10,000,000 included)",
)

REGIONS: tuple[tuple[str, str], ...] = (
    ("EEUR", "Eastern Europe"),
    ("WEUR", "Western Europe"),
    ("ENAM", "Eastern North America"),
    ("WNAM", "Western North America"),
    ("APAC", "Asia-Pacific"),
    ("OC", "Océania"),
)

FIRST_NAMES: tuple[str, ...] = (
    "Ada",
    "Jürgen",
    "花子",
    "Zoë",
    "Siobhán",
    "Øyvind",
    "José",
    "Nguyễn",
)
LAST_NAMES: tuple[str, ...] = ("Example", "Müller", "山田", "O'Neil", 'de "Vries"', "Łukasik")
CITIES: tuple[tuple[str, str, str], ...] = (
    ("Springfield", "Anystate", "Anycountry"),
    ("Köln", "NRW", "DE"),
    ("東京", "東京都", "JP"),
    ("São Paulo", "SP", "BR"),
    ("Łódź", "Łódzkie", "PL"),
)
