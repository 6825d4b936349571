-- Which ten products were viewed most on the current or latest day, with and without bots?
select
    event_date,
    rank,
    human_rank,
    product_id,
    views,
    human_views,
    visitors,
    human_visitors
from {{ ref('kpi_products_daily_latest') }}
where rank <= 10 or human_rank <= 10
order by rank asc
