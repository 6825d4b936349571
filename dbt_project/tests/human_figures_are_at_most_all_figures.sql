-- People are a part of all.
select
    event_date,
    product_id,
    views,
    human_views,
    visitors,
    human_visitors
from {{ ref('kpi_products_daily') }}
where human_views > views or human_visitors > visitors or visitors > views
