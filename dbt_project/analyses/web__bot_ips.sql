-- Which addresses ask more often than people do, and how often, newest first?
select
    minute_start,
    ip_address,
    request_count
from {{ ref('kpi_web_bot_ips_minutely') }}
order by minute_start desc, request_count desc
limit 50
