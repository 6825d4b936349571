-- How often were a country's stores viewed on the current or latest day, with and without bots? --vars 'country: Germany'
select
    event_date,
    country_name,
    rank,
    human_rank,
    store_id,
    views,
    human_views
from {{ ref('kpi_stores_daily_latest') }}
where country_name = '{{ var("country", "Germany") }}'
order by rank asc
