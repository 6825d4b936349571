-- What did each company bring on each day, and at what cost?
select
    event_date,
    company_id,
    clicks,
    spend,
    cost_per_click,
    conversions,
    conversion_rate,
    cost_per_conversion,
    qualified_rate
from {{ ref('kpi_companies_daily') }}
order by event_date desc, spend desc, company_id
