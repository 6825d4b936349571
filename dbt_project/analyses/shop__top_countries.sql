-- Which ten countries, by the domain of the shop, viewed most on the current or latest day, with and without bots?
select
    event_date,
    rank,
    human_rank,
    country_code,
    country_name,
    views,
    human_views
from {{ ref('kpi_countries_daily_latest') }}
where rank <= 10 or human_rank <= 10
order by rank asc
