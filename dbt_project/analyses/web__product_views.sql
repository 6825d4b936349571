-- Which products were viewed most in the newest five minutes, with and without bots?
select
    window_start,
    product_id,
    view_count,
    human_view_count,
    is_complete
from {{ ref('kpi_web_product_views_5min') }}
order by window_start desc, view_count desc, product_id asc
limit 10
