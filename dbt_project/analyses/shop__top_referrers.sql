-- Which five pages of other sites sent most views on the current or latest day, with and without bots?
select
    event_date,
    external_rank,
    human_external_rank,
    referrer_url,
    medium,
    views,
    human_views
from {{ ref('kpi_referrers_daily_latest') }}
where external_rank <= 5 or human_external_rank <= 5
order by external_rank asc
