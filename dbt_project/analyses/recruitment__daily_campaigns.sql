-- What did each campaign bring on each day, and at what cost?
select
    event_date,
    campaign_id,
    clicks,
    spend,
    cost_per_click,
    conversions,
    conversion_rate,
    cost_per_conversion,
    qualified_rate,
    budget_used
from {{ ref('kpi_campaigns_daily') }}
order by event_date desc, spend desc, campaign_id
