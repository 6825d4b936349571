-- An address is shown as a bot's for its rate alone.
select
    minute_start,
    ip_hash,
    request_count
from {{ ref('kpi_web_bot_ips_minutely') }}
where request_count <= {{ var('bot_requests_per_minute') }}
