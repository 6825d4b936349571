-- What did each publisher bring on each day, and at what cost?
select
    event_date,
    publisher_id,
    clicks,
    spend,
    cost_per_click,
    conversions,
    conversion_rate,
    cost_per_conversion,
    qualified_rate
from {{ ref('kpi_publishers_daily') }}
order by event_date desc, spend desc, publisher_id
